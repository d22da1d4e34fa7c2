// Package natsclient is what outputs.nats and inputs.nats share: the keys that say where a NATS server is and
// who connects, a connection that comes back by itself, and how a batch looks as a message.
package natsclient

import (
	"errors"
	"net/url"
	"strings"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/internal/urls"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config holds the keys of a connection. Plugins embed it in their table.
type Config struct {
	URL      string     `toml:"url" doc:"Where the server is, such as \"nats://nats:4222\"; tls://, ws:// and wss:// work, too."`
	URLs     []string   `toml:"urls" doc:"Several servers of one cluster in place of url. The servers that they tell of are used as well."`
	User     string     `toml:"user" doc:"User, with a password."`
	Password sdk.Secret `toml:"password" doc:"Password of the user."`
	Token    sdk.Secret `toml:"token" doc:"Token, where the server asks for one."`
	NKey     string     `toml:"nkey" doc:"File with the seed of an NKey. It is read anew for each connection."`
	Creds    string     `toml:"creds" doc:"File of credentials, with a JWT and its seed. It is read anew for each connection."`

	TLS      tlsclient.Config `toml:"tls" doc:"Whom to trust, and who to be. With any of its keys the connection is encrypted, or there is none."`
	TLSFirst bool             `toml:"tls_first" doc:"Begin with TLS, before the server says anything; the server must be set to handshake_first." default:"false"`

	Domain      string `toml:"domain" doc:"JetStream domain, such as that of a leaf node."`
	InboxPrefix string `toml:"inbox_prefix" doc:"What the subjects of answers begin with, where the account allows only that." default:"_INBOX"`
}

// Validate finds what does not fit together.
func (c *Config) Validate() error {
	faults := urls.Check(c.URL, c.URLs, checkURL, `write it as "nats://127.0.0.1:4222"`)
	ways := map[string]bool{"user": c.User != "", "token": !c.Token.Empty(), "nkey": c.NKey != "", "creds": c.Creds != ""}
	first := ""
	for _, key := range []string{"user", "token", "nkey", "creds"} {
		switch {
		case !ways[key]:
		case first == "":
			first = key
		default:
			faults.Add("is given beside `"+first+"`", "give one of them", key)
		}
	}
	if c.User == "" && !c.Password.Empty() {
		faults.Add("is given without `user`", "give both", "password")
	}
	if !validPrefix(c.InboxPrefix) {
		faults.Add("is no subject", `write it as "_INBOX_gpuline"`, "inbox_prefix")
	}
	if !validToken(c.Domain) {
		faults.Add("is no name of a domain", `write it as "hub"`, "domain")
	}
	return append(faults, c.TLS.Validate()).Err()
}

func validPrefix(text string) bool {
	return text == "" || !strings.ContainsAny(text, " \t\r\n*>") && !strings.HasPrefix(text, ".") && !strings.HasSuffix(text, ".")
}

func validToken(text string) bool { return !strings.ContainsAny(text, " \t\r\n*>.") }

// checkURL finds what is wrong with a URL. It quotes none of it, since somebody may have put a password there.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case u.User != nil:
		return errors.New("has a user, a password or a token in it: they belong to `user`, `password` and `token`")
	case u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss":
		return errors.New("is neither nats, tls, ws nor wss")
	case u.Hostname() == "":
		return errors.New("has no host")
	case strings.Contains(text, ","):
		return errors.New("holds several: they belong to `urls`")
	}
	return nil
}

// servers returns the URLs, separated by commas, as the client takes them.
func (c *Config) servers() string { return strings.Join(urls.All(c.URL, c.URLs), ",") }
