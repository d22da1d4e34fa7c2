package listener

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// credentials are what a client says of itself. InfluxDB's clients give a token, or a user and a password,
// each in several ways.
type credentials struct{ token, user, password string }

// credentialsOf reads, as InfluxDB does, "Authorization: Token x", "Bearer x", "Token user:password", basic
// authentication, and the parameters u and p.
func credentialsOf(r *http.Request) (c credentials, given bool) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "token", "bearer":
		c.token = rest
		c.user, c.password, _ = strings.Cut(rest, ":")
		return c, true
	case "basic":
		c.user, c.password, given = r.BasicAuth()
		c.token = c.password
		return c, given
	}
	q := r.URL.Query()
	if !q.Has("u") && !q.Has("p") {
		return c, false
	}
	return credentials{token: q.Get("p"), user: q.Get("u"), password: q.Get("p")}, true
}

// admits reports whether a request bears the token, or the user and the password. It compares in a time
// that tells nothing of them.
func (c *Config) admits(r *http.Request) bool {
	if c.Token.Empty() && c.User == "" {
		return true
	}
	given, ok := credentialsOf(r)
	if !ok {
		return false
	}
	byToken := !c.Token.Empty() && same(given.token, c.Token)
	byUser := c.User != "" && same(given.user, sdk.NewSecret(c.User)) && same(given.password, c.Password)
	return byToken || byUser
}

func same(given string, want sdk.Secret) bool {
	g, w := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want.Reveal()))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1
}
