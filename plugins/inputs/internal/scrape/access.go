// Package scrape fetches the pages on which programs show their metrics, for inputs that read the same ones
// again and again. What a page may cost is bounded: its bytes, compressed and not, its time, its redirects; and
// credentials go nowhere but to the host that they are for.
package scrape

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Access says who the agent is to the server of a page, and whom it trusts. An input's configuration embeds it.
type Access struct {
	User        string           `toml:"user" doc:"User of basic authentication."`
	Password    sdk.Secret       `toml:"password" doc:"Password of the user."`
	BearerToken sdk.Secret       `toml:"bearer_token" doc:"Token for the header Authorization: Bearer."`
	TLS         tlsclient.Config `toml:"tls" doc:"Whom to trust, and who to be, with https."`
}

// Check finds what does not fit together, as faults of the table that embeds it.
func (a *Access) Check() error {
	var faults sdk.FaultList
	if a.User == "" && !a.Password.Empty() {
		faults.Add("is given without `user`", "give both", "password")
	}
	if a.User != "" && !a.BearerToken.Empty() {
		faults.Add("is given beside `user`", "give one of them", "bearer_token")
	}
	return append(faults, a.TLS.Validate()).Err()
}

// Given reports whether there are credentials for a page.
func (a *Access) Given() bool { return a.User != "" || !a.Password.Empty() || !a.BearerToken.Empty() }

// authorize sets what proves who the agent is.
func (a *Access) authorize(h http.Header) {
	switch {
	case a.User != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(a.User+":"+a.Password.Reveal())))
	case !a.BearerToken.Empty():
		h.Set("Authorization", "Bearer "+a.BearerToken.Reveal())
	}
}

// CheckURL finds what is wrong with the URL of a page. It quotes none of it, since somebody may have put a
// password there.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case u.User != nil:
		return errors.New("has a user or a password in it: they belong to `user` and `password`")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("is neither http nor https")
	case u.Hostname() == "":
		return errors.New("has no host")
	}
	return nil
}

// Shown returns a URL as messages may show it: what stands behind the path may be a key.
func Shown(text string) string {
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		return text[:i] + "?…"
	}
	return text
}
