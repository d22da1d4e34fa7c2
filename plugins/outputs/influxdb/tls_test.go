package influxdb

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/internal/certtest"
	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestTLS(t *testing.T) {
	a, stranger := certtest.New(t), certtest.New(t)
	cert, key := a.Client(t, "agent")
	strangeCert, strangeKey := stranger.Client(t, "agent")
	server := func(mutual bool, newest uint16) *httptest.Server {
		s := httptest.NewUnstartedServer(newFar(t))
		s.TLS = a.Listening(t, "influx", mutual)
		s.TLS.MaxVersion = newest
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	plain, mutual, old := server(false, 0), server(true, 0), server(false, tls.VersionTLS11)
	f := func(s *httptest.Server, c tlsclient.Config, want string) {
		t.Helper()
		r := open(t, func(o *Config) { o.URL, o.TLS = s.URL, c })
		err := r.write(r.batch("m x=1 1"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: err = %v, want %q", c, err, want)
		}
	}
	f(plain, tlsclient.Config{CA: a.File}, "")
	f(plain, tlsclient.Config{CA: a.File, ServerName: "influx"}, "")
	f(plain, tlsclient.Config{InsecureSkipVerify: true}, "")
	f(plain, tlsclient.Config{}, "certificate signed by unknown authority")
	f(plain, tlsclient.Config{CA: stranger.File}, "certificate signed by unknown authority")
	f(plain, tlsclient.Config{CA: a.File, ServerName: "other"}, "certificate is valid for influx, not other")
	f(old, tlsclient.Config{CA: a.File}, "protocol version")
	f(mutual, tlsclient.Config{CA: a.File, Cert: cert, Key: key}, "")
	// In TLS 1.3 a server refuses a client after its first bytes: these may meet a connection that is closed.
	f(mutual, tlsclient.Config{CA: a.File}, "write to https://")
	f(mutual, tlsclient.Config{CA: a.File, Cert: strangeCert, Key: strangeKey}, "write to https://")

	// A certificate that is renewed serves from the next connection on.
	r := open(t, func(o *Config) { o.URL, o.TLS = mutual.URL, tlsclient.Config{CA: a.File, Cert: cert, Key: key} })
	r.mustWrite("m x=1 1")
	first, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	a.Client(t, "agent")
	if second, err := os.ReadFile(cert); err != nil || string(first) == string(second) {
		t.Fatal("it was not renewed", err)
	}
	mutual.CloseClientConnections()
	r.mustWrite("m x=2 2")
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	mutual.CloseClientConnections()
	r.endpoints[0].client.CloseIdleConnections()
	if err := r.write(r.batch("m x=3 3")); err == nil || !strings.Contains(err.Error(), "read the client's certificate: ") {
		t.Errorf("err = %v", err)
	}
}

func TestTLSFiles(t *testing.T) {
	a := certtest.New(t)
	cert, key := a.Client(t, "agent")
	f := func(c tlsclient.Config, want string) {
		t.Helper()
		o := unopened(t, func(o *Config) { o.TLS = c })
		err := o.Open(t.Context(), sdktest.Env(t, nil))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: err = %v, want %q", c, err, want)
		}
	}
	f(tlsclient.Config{CA: a.File, Cert: cert, Key: key}, "")
	f(tlsclient.Config{CA: "/none.pem"}, "read the certificates to trust: open /none.pem: ")
	f(tlsclient.Config{CA: key}, key+": no certificate in it")
	f(tlsclient.Config{Cert: "/none.pem", Key: key}, "read the client's certificate: open /none.pem: ")
	f(tlsclient.Config{Cert: a.File, Key: key}, "read the client's certificate: tls: private key does not match")
}

// A server that speaks no TLS is told apart from one that is down.
func TestTLSToAServerWithout(t *testing.T) {
	server := httptest.NewServer(newFar(t))
	defer server.Close()
	r := open(t, func(c *Config) { c.URL = strings.Replace(server.URL, "http", "https", 1) })
	if err := r.write(r.numbered(3)); err == nil || !strings.Contains(err.Error(), "the server speaks no TLS at this port") {
		t.Errorf("err = %v", err)
	}
}

// A server that expects TLS refuses no lines when it is spoken to in plain HTTP: they wait for a better URL.
func TestPlainHTTPToAServerWithTLS(t *testing.T) {
	server := httptest.NewTLSServer(newFar(t))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	defer server.Close()
	r := open(t, func(c *Config) { c.URL = strings.Replace(server.URL, "https", "http", 1) })
	var wait *sdk.RetryError
	if err := r.write(r.numbered(3)); !errors.As(err, &wait) || wait.After < holdPause || !strings.HasSuffix(err.Error(), ": the server speaks TLS at this port: write https in the URL") {
		t.Errorf("err = %v", err)
	}
}
