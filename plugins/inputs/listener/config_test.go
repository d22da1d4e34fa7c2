package listener

import (
	"fmt"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestConfig(t *testing.T) {
	f := func(want string, changes ...func(*Config)) {
		t.Helper()
		_, err := New(settings(t, changes...))
		check(t, fmt.Sprint(err), want)
	}
	const ok = "<nil>"
	f(ok)
	f(ok, func(c *Config) { c.HTTP, c.UDP = "", ":8089" })
	f(ok, func(c *Config) { c.HTTP = "unix:///run/x" })
	f(ok, func(c *Config) { c.Token, c.User, c.Password = sdk.NewSecret("t"), "u", sdk.NewSecret("p") })
	f("`http`: nothing is listened on: set one of `http`, `udp`, `unix` and `unix_datagram`", func(c *Config) { c.HTTP = "" })
	f("`http`: is not an address: write it as \"127.0.0.1:8186\", or \":8186\" for all addresses", func(c *Config) { c.HTTP = "localhost" })
	f("`http`: is not an address: write it as \"127.0.0.1:8186\", or \":8186\" for all addresses", func(c *Config) { c.HTTP = "localhost:http" })
	f("`http`: is not the whole path of a socket: write it as \"unix:///run/gpuline/http.sock\"", func(c *Config) { c.HTTP = "unix://x" })
	f("`udp`: is not an address: write it as \"127.0.0.1:8089\", or \":8089\" for all addresses", func(c *Config) { c.UDP = "127.0.0.1" })
	f("`unix_datagram`: is the path of `unix`: give each a path of its own", func(c *Config) { c.Unix, c.UnixDatagram = "/x", "/x" })
	f("`socket_mode`: is not a mode: write it as \"0660\"", func(c *Config) { c.SocketMode = "rw" })
	f("`socket_mode`: is not a mode: write it as \"0660\"", func(c *Config) { c.SocketMode = "4777" })
	f("`user`: `user` and `password` belong together: give both", func(c *Config) { c.User = "u" })
	f("`user`: `user` and `password` belong together: give both", func(c *Config) { c.Password = sdk.NewSecret("p") })
	f("`buffer`: is smaller than `max_body`: make it several times as large", func(c *Config) { c.Buffer = 1e6 })
	f("`tls`: has one of `cert` and `key`: give both", func(c *Config) { c.TLS.Key = "x" })
	f("`tls.client_ca`: is given without `cert` and `key`: give them: only with TLS a client shows a certificate", func(c *Config) { c.TLS.ClientCA = "x" })
	f("`precision`: unknown precision \"h\": use ns, us, ms or s", func(c *Config) { c.Precision = "h" })
}

func TestLoopback(t *testing.T) {
	f := func(address string, want bool) {
		t.Helper()
		if got := isLoopback(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	f("127.0.0.1:1", true)
	f("[::1]:1", true)
	f("localhost:1", true)
	f("unix:///x", true)
	f("", true)
	f(":1", false)
	f("0.0.0.0:1", false)
	f("10.0.0.1:1", false)
	f("example.org:1", false)
}
