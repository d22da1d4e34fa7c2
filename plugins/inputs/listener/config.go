package listener

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/tlsserver"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is the table [[inputs.listener]].
type Config struct {
	HTTP         string `toml:"http" doc:"Address of the HTTP API, such as \"127.0.0.1:8186\", or \":8186\" for all addresses; \"unix:///run/gpuline/http.sock\" for a Unix socket; \"\" for none." default:"127.0.0.1:8186"`
	UDP          string `toml:"udp" doc:"Address that takes datagrams of lines, such as \"127.0.0.1:8089\"; \"\" for none."`
	Unix         string `toml:"unix" doc:"Path of a Unix socket that takes streams of lines; \"\" for none."`
	UnixDatagram string `toml:"unix_datagram" doc:"Path of a Unix socket that takes datagrams of lines; \"\" for none."`
	SocketMode   string `toml:"socket_mode" doc:"Permissions of the Unix sockets' files, in octal." default:"0660"`

	Token    sdk.Secret       `toml:"token" doc:"API token that an HTTP client must give: as Token, as Bearer, or as the password of any user."`
	User     string           `toml:"user" doc:"User that an HTTP client must give."`
	Password sdk.Secret       `toml:"password" doc:"Password of the user."`
	TLS      tlsserver.Config `toml:"tls" doc:"Certificate of the HTTP API; without one it speaks plain HTTP."`
	Buckets  []string         `toml:"buckets" doc:"Buckets and databases, as globs, that a client may write to; any when not set. What they are called makes no other difference."`

	Precision string   `toml:"precision" doc:"Unit of time stamps in datagrams, in streams, and in requests that name none." default:"ns" enum:"ns|us|ms|s"`
	Counters  []string `toml:"counters" doc:"Names, as patterns, of fields that only grow; those of GPU readings are known." default:"*_total"`

	MaxBody        sdk.Size      `toml:"max_body" doc:"Bytes of a request's body, decompressed or not; a longer one is refused." default:"25MB" min:"1kB" max:"1GB"`
	MaxLines       int           `toml:"max_lines" doc:"Lines of a request; one with more is refused." default:"500000" min:"1"`
	MaxConnections int           `toml:"max_connections" doc:"Connections at a time, of all sockets; further ones are closed at once." default:"1000" min:"1"`
	Buffer         sdk.Size      `toml:"buffer" doc:"Memory for what is being received and for what waits to be decoded. Datagrams get up to half of it, streams a quarter." default:"64MB" min:"256KiB"`
	ReadTimeout    time.Duration `toml:"read_timeout" doc:"Time that a client has to send a request." default:"30s" min:"10ms"`
	AckTimeout     time.Duration `toml:"ack_timeout" doc:"Time that a request waits until every required output has its lines; then the answer is 503." default:"10s" min:"10ms"`
}

// Validate checks addresses, and what concerns more than one key.
func (c *Config) Validate() error {
	faults := sdk.FaultList{c.TLS.Validate()}
	if c.HTTP == "" && c.UDP == "" && c.Unix == "" && c.UnixDatagram == "" {
		faults.Add("nothing is listened on", "set one of `http`, `udp`, `unix` and `unix_datagram`", "http")
	}
	if path, local := unixPath(c.HTTP); local {
		if !filepath.IsAbs(path) {
			faults.Add("is not the whole path of a socket", `write it as "unix:///run/gpuline/http.sock"`, "http")
		}
	} else if c.HTTP != "" && !isAddress(c.HTTP) {
		faults.Add("is not an address", `write it as "127.0.0.1:8186", or ":8186" for all addresses`, "http")
	}
	if c.UDP != "" && !isAddress(c.UDP) {
		faults.Add("is not an address", `write it as "127.0.0.1:8089", or ":8089" for all addresses`, "udp")
	}
	if c.Unix != "" && c.Unix == c.UnixDatagram {
		faults.Add("is the path of `unix`", "give each a path of its own", "unix_datagram")
	}
	if _, err := c.socketMode(); err != nil {
		faults.Add("is not a mode", `write it as "0660"`, "socket_mode")
	}
	if (c.User == "") != c.Password.Empty() {
		faults.Add("`user` and `password` belong together", "give both", "user")
	}
	if c.Buffer < c.MaxBody {
		faults.Add("is smaller than `max_body`", "make it several times as large", "buffer")
	}
	return faults.Err()
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	n, convErr := strconv.Atoi(port)
	return err == nil && convErr == nil && n >= 0 && n <= 65535
}

// unixPath returns the path of a Unix socket, where the address is one.
func unixPath(address string) (path string, ok bool) {
	return strings.CutPrefix(address, "unix://")
}

func (c *Config) socketMode() (uint32, error) {
	n, err := strconv.ParseUint(c.SocketMode, 8, 9)
	return uint32(n), err
}

// open reports whether anybody may write who reaches the HTTP API.
func (c *Config) open() bool { return c.Token.Empty() && c.User == "" && c.TLS.ClientCA == "" }

// parsePrecision parses the precision of a request; InfluxDB 1 has some names and units of its own.
func parsePrecision(text string) (lineprotocol.Precision, error) {
	switch text {
	case "n":
		return lineprotocol.Nanosecond, nil
	case "u", "µ":
		return lineprotocol.Microsecond, nil
	case "m":
		return 60 * lineprotocol.Second, nil
	case "h":
		return 3600 * lineprotocol.Second, nil
	}
	return lineprotocol.ParsePrecision(text)
}
