// Package tlsclient is the table tls of a plugin that connects to a server: whom it trusts, and who it says it is.
package tlsclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config is the table tls. Its zero value trusts what the host trusts.
type Config struct {
	CA                 string `toml:"ca" doc:"File of the certificates to trust, in PEM; those of the host when not set."`
	Cert               string `toml:"cert" doc:"File of the client's certificate chain, in PEM. It is read anew for each connection."`
	Key                string `toml:"key" doc:"File of the client's private key, in PEM."`
	ServerName         string `toml:"server_name" doc:"Name that the server's certificate must bear; the URL's host when not set."`
	InsecureSkipVerify bool   `toml:"insecure_skip_verify" doc:"Trust any certificate: whoever stands between then reads the data and the password." default:"false"`
}

// Validate finds what does not fit together; the caller's table is called tls.
func (c *Config) Validate() error {
	if (c.Cert == "") != (c.Key == "") {
		return sdk.Fault{Path: []string{"tls"}, Problem: "has one of `cert` and `key`", Remedy: "give both"}
	}
	if c.InsecureSkipVerify && (c.CA != "" || c.ServerName != "") {
		return sdk.Fault{Path: []string{"tls"}, Problem: "trusts any certificate, and says which one", Remedy: "remove `insecure_skip_verify`"}
	}
	return nil
}

// Load reads the files. A client certificate that is renewed later serves from the next connection on; the
// certificates to trust are those that were there when Load was called.
func (c *Config) Load() (*tls.Config, error) {
	t := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.ServerName,
		InsecureSkipVerify: c.InsecureSkipVerify,
	}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read the certificates to trust: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the certificates to trust: %s: %w", c.CA, errNoCertificate)
		}
	}
	if c.Cert != "" {
		if _, err := c.clientCertificate(nil); err != nil {
			return nil, err
		}
		t.GetClientCertificate = c.clientCertificate
	}
	return t, nil
}

var errNoCertificate = errors.New("no certificate in it")

func (c *Config) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("read the client's certificate: %w", err)
	}
	return &pair, nil
}
