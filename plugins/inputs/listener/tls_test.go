package listener

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/certtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// trusting returns a client that trusts an authority and shows a certificate where it has one.
func trusting(t *testing.T, ca *certtest.Authority, cert, key string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AppendCertsFromPEM(text)
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
}

func TestTLS(t *testing.T) {
	ca, stranger := certtest.New(t), certtest.New(t)
	cert, key := ca.Server(t, "server")
	sink := &sdktest.Sink{}
	a := start(t, settings(t, func(c *Config) { c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = cert, key, ca.File }), sink)
	f := func(client *http.Client, want string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, "https://"+a.address("tcp")+"/write", strings.NewReader("m f=1 1"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := do(client, r)
		switch {
		case want == "" && (err != nil || got.status != http.StatusNoContent):
			t.Errorf("%d %s %v", got.status, got.body, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%d %v, want %s", got.status, err, want)
		}
	}
	clientCert, clientKey := ca.Client(t, "client")
	strangeCert, strangeKey := stranger.Client(t, "client")
	f(trusting(t, ca, clientCert, clientKey), "")
	f(trusting(t, ca, "", ""), "certificate required")
	f(trusting(t, ca, strangeCert, strangeKey), "unknown certificate authority")
	f(trusting(t, stranger, clientCert, clientKey), "unknown authority")
	if r := a.post("/write", "m f=1 1"); r.status != http.StatusBadRequest { // not TLS
		t.Errorf("%d %s", r.status, r.body)
	}

	// A renewed certificate serves from the next connection on.
	renewed, renewedKey := stranger.Server(t, "renewed")
	for from, to := range map[string]string{renewed: cert, renewedKey: key} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	f(trusting(t, stranger, clientCert, clientKey), "")
	f(trusting(t, ca, clientCert, clientKey), "unknown authority")
	check(t, len(sink.Lines()), 2)
}

func TestTLSFiles(t *testing.T) {
	ca := certtest.New(t)
	cert, key := ca.Server(t, "server")
	f := func(change func(*Config), want string) {
		t.Helper()
		l, err := New(settings(t, change))
		if err != nil {
			t.Fatal(err)
		}
		err = l.Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f(func(c *Config) { c.TLS.Cert, c.TLS.Key = cert, cert }, "read the server's certificate: ")
	f(func(c *Config) { c.TLS.Cert, c.TLS.Key = "/none", key }, "read the server's certificate: ")
	f(func(c *Config) { c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = cert, key, "/none" }, "read the clients' authorities: ")
	f(func(c *Config) { c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = cert, key, key }, "no certificate in it")
}
