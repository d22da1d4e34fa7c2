package influxdb

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/internal/deadletter"
	"github.com/gpuline/gpuline/plugins/internal/tagtemplate"
	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/internal/urls"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is the table [[outputs.influxdb]].
type Config struct {
	URL             string     `toml:"url" doc:"Where the server is, such as \"https://influxdb:8086\"; \"unix:///run/influxdb.sock\" for a Unix socket."`
	URLs            []string   `toml:"urls" doc:"Several URLs of one database in place of url. One is used until it fails, then the next."`
	API             string     `toml:"api" doc:"API to write to: /write, /api/v2/write or /api/v3/write_lp. auto is v2 where bucket is set, and v1 elsewhere." default:"auto" enum:"auto|v1|v2|v3"`
	Org             string     `toml:"org" doc:"Organisation, for v2. InfluxDB 1.8 and Cloud take any."`
	Bucket          string     `toml:"bucket" doc:"Bucket, for v2. {tag} stands for the metric's tag of that name, or _ where it has none."`
	Database        string     `toml:"database" doc:"Database, for v1 and v3. {tag} stands for the metric's tag of that name, or _ where it has none."`
	RetentionPolicy string     `toml:"retention_policy" doc:"Retention policy, for v1; the database's default when not set."`
	Token           sdk.Secret `toml:"token" doc:"API token, for v2 and v3."`
	User            string     `toml:"user" doc:"User, for v1."`
	Password        sdk.Secret `toml:"password" doc:"Password of the user."`

	ContentEncoding      string `toml:"content_encoding" doc:"How bodies are sent: compressed, or as they are." default:"gzip" enum:"gzip|identity"`
	Uint                 string `toml:"uint" doc:"How unsigned integers are written: as integers (43i), or as unsigned ones (43u), which InfluxDB 1 does not take. A field's type is for ever: decide before the first write." default:"int" enum:"int|u"`
	ProxyFromEnvironment bool   `toml:"proxy_from_environment" doc:"Go through the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name." default:"false"`

	TLS        tlsclient.Config  `toml:"tls" doc:"Whom to trust, and who to be, with https."`
	DeadLetter deadletter.Config `toml:"dead_letter" doc:"Where to put what the server refuses for good; without a path it is dropped and counted."`
}

const (
	v1   = "v1"
	v2   = "v2"
	v3   = "v3"
	auto = "auto"
)

func (c *Config) api() string {
	switch {
	case c.API != auto && c.API != "":
		return c.API
	case c.Bucket != "":
		return v2
	}
	return v1
}

// place is the key, and its value, that says where a request's lines go.
func (c *Config) place() (key, value string) {
	if c.api() == v2 {
		return "bucket", c.Bucket
	}
	return "database", c.Database
}

// Validate checks what concerns more than one key, and the URLs.
func (c *Config) Validate() error {
	faults := urls.Check(c.URL, c.URLs, checkURL, `write it as "http://127.0.0.1:8086"`)
	api := c.api()
	foreign := func(key string, given bool, apis ...string) {
		if given && !slices.Contains(apis, api) {
			faults.Add("is not for "+api, "it belongs to "+strings.Join(apis, " and "), key)
		}
	}
	foreign("org", c.Org != "", v2)
	foreign("bucket", c.Bucket != "", v2)
	foreign("database", c.Database != "", v1, v3)
	foreign("retention_policy", c.RetentionPolicy != "", v1)
	key, value := c.place()
	if value == "" {
		remedy := ""
		if c.API == auto {
			remedy = "for v2 set `bucket`"
		}
		faults.Add("is required for "+api, remedy, key)
	} else if _, err := tagtemplate.Parse(value); err != nil {
		faults.Add(err.Error(), `write it as "gpu-{site}"`, key)
	}
	if api == v2 && c.Org == "" {
		faults.Add("is required for v2", `InfluxDB 1.8 and Cloud take any, such as "-"`, "org")
	}
	if c.User != "" && !c.Token.Empty() {
		faults.Add("is given beside `user`", "give one of them", "token")
	}
	if c.User == "" && !c.Password.Empty() {
		faults.Add("is given without `user`", "give both", "password")
	}
	return append(faults, c.TLS.Validate()).Err()
}

// checkURL finds what is wrong with a URL. It quotes none of it, since somebody may have put a password there.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case u.User != nil:
		return errors.New("has a user or a password in it: they belong to `user` and `password`")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("has more than a path behind the host")
	case u.Scheme == "unix":
		if u.Host != "" || u.Path == "" {
			return errors.New("is not a socket: unix:// and its whole path, such as \"unix:///run/influxdb.sock\"")
		}
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is neither http, https nor unix")
	case u.Hostname() == "":
		return errors.New("has no host")
	case strings.HasSuffix(u.Path, "/write"), strings.HasSuffix(u.Path, "/write_lp"):
		return errors.New("has the path of a write, which is added to it")
	}
	return nil
}

// header returns what stands at the head of each request. It holds the secret.
func (c *Config) header() *http.Header {
	h := http.Header{
		"Content-Type": {"text/plain; charset=utf-8"},
		"User-Agent":   {"gpuline"},
	}
	switch {
	case !c.Token.Empty() && c.api() == v3:
		h.Set("Authorization", "Bearer "+c.Token.Reveal())
	case !c.Token.Empty():
		h.Set("Authorization", "Token "+c.Token.Reveal())
	case c.User != "":
		pair := c.User + ":" + c.Password.Reveal()
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	if c.ContentEncoding != "identity" {
		h.Set("Content-Encoding", "gzip")
	}
	return &h
}

// credential names the keys that a server which knows nobody of that name asks to be checked.
func (c *Config) credential() string {
	switch {
	case !c.Token.Empty():
		return "correct `token`"
	case c.User != "":
		return "correct `user` and `password`"
	case c.api() == v1:
		return "set `user` and `password`"
	}
	return "set `token`"
}

// where names a target for people.
func (c *Config) where(t *target) string {
	key, _ := c.place()
	return fmt.Sprintf("%s %q", key, t.name)
}
