// Package tlsserver is the table tls of a plugin that listens: who it is, and whom it lets in.
package tlsserver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/certificate"
)

// Config is the table tls. Its zero value asks for plain connections.
type Config struct {
	Cert     string `toml:"cert" doc:"File of the certificate chain, in PEM. It is read anew when it changes."`
	Key      string `toml:"key" doc:"File of the private key, in PEM."`
	ClientCA string `toml:"client_ca" doc:"File of certificates, in PEM: a client must have one that they have signed. None is asked for when not set."`
}

// Enabled reports whether the table asks for TLS.
func (c *Config) Enabled() bool { return c.Cert != "" }

// Validate finds what does not fit together; the caller's table is called tls.
func (c *Config) Validate() error {
	if (c.Cert == "") != (c.Key == "") {
		return sdk.Fault{Path: []string{"tls"}, Problem: "has one of `cert` and `key`", Remedy: "give both"}
	}
	if c.ClientCA != "" && c.Cert == "" {
		return sdk.Fault{Path: []string{"tls", "client_ca"}, Problem: "is given without `cert` and `key`", Remedy: "give them: only with TLS a client shows a certificate"}
	}
	return nil
}

// Load reads the files. A server certificate that is renewed later serves from the next connection on; the
// clients' authorities are those that were there when Load was called. log hears of a renewal that cannot be read.
func (c *Config) Load(log *slog.Logger) (*tls.Config, error) {
	own := certificate.New(c.Cert, c.Key, log)
	if _, err := own.Get(nil); err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own.Get}
	if c.ClientCA == "" {
		return t, nil
	}
	text, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("read the clients' authorities: %w", err)
	}
	t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !t.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read the clients' authorities: %s: %w", c.ClientCA, errNoCertificate)
	}
	return t, nil
}

var errNoCertificate = errors.New("no certificate in it")
