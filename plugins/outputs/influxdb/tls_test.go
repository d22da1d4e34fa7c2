package influxdb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// authority signs certificates for a test, and writes them into files.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	ca   string // file
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.ca, _ = a.issue(t, "ca", &x509.Certificate{Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes a certificate and its key.
func (a *authority) issue(t *testing.T, name string, c *x509.Certificate) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, private
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &private.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = private
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: text}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLS(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	serverCert, serverKey := a.issue(t, "server", &x509.Certificate{
		Subject: pkix.Name{CommonName: "influx"}, DNSNames: []string{"influx"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	forClient := func() *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "agent"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	}
	cert, key := a.issue(t, "agent", forClient())
	strangeCert, strangeKey := stranger.issue(t, "agent", forClient())
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	server := func(clients tls.ClientAuthType, oldest uint16) *httptest.Server {
		s := httptest.NewUnstartedServer(newFar(t))
		pool := x509.NewCertPool()
		pool.AddCert(a.cert)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: pool, MaxVersion: oldest}
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	plain, mutual, old := server(tls.NoClientCert, 0), server(tls.RequireAndVerifyClientCert, 0), server(tls.NoClientCert, tls.VersionTLS11)
	f := func(s *httptest.Server, c tlsclient.Config, want string) {
		t.Helper()
		r := open(t, func(o *Config) { o.URL, o.TLS = s.URL, c })
		err := r.write(r.batch("m x=1 1"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: err = %v, want %q", c, err, want)
		}
	}
	f(plain, tlsclient.Config{CA: a.ca}, "")
	f(plain, tlsclient.Config{CA: a.ca, ServerName: "influx"}, "")
	f(plain, tlsclient.Config{InsecureSkipVerify: true}, "")
	f(plain, tlsclient.Config{}, "certificate signed by unknown authority")
	f(plain, tlsclient.Config{CA: stranger.ca}, "certificate signed by unknown authority")
	f(plain, tlsclient.Config{CA: a.ca, ServerName: "other"}, "certificate is valid for influx, not other")
	f(old, tlsclient.Config{CA: a.ca}, "protocol version")
	f(mutual, tlsclient.Config{CA: a.ca, Cert: cert, Key: key}, "")
	// In TLS 1.3 a server refuses a client after its first bytes: these may meet a connection that is closed.
	f(mutual, tlsclient.Config{CA: a.ca}, "write to https://")
	f(mutual, tlsclient.Config{CA: a.ca, Cert: strangeCert, Key: strangeKey}, "write to https://")

	// A certificate that is renewed serves from the next connection on.
	r := open(t, func(o *Config) { o.URL, o.TLS = mutual.URL, tlsclient.Config{CA: a.ca, Cert: cert, Key: key} })
	r.mustWrite("m x=1 1")
	first, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	a.issue(t, "agent", forClient())
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
	a := newAuthority(t)
	cert, key := a.issue(t, "agent", &x509.Certificate{})
	f := func(c tlsclient.Config, want string) {
		t.Helper()
		o := unopened(t, func(o *Config) { o.TLS = c })
		err := o.Open(t.Context(), sdktest.Env(t, nil))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: err = %v, want %q", c, err, want)
		}
	}
	f(tlsclient.Config{CA: a.ca, Cert: cert, Key: key}, "")
	f(tlsclient.Config{CA: "/none.pem"}, "read the certificates to trust: open /none.pem: ")
	f(tlsclient.Config{CA: key}, key+": no certificate in it")
	f(tlsclient.Config{Cert: "/none.pem", Key: key}, "read the client's certificate: open /none.pem: ")
	f(tlsclient.Config{Cert: a.ca, Key: key}, "read the client's certificate: tls: private key does not match")
}

// A server that expects TLS refuses no lines when it is spoken to in plain HTTP: they wait for a better URL.
func TestPlainHTTPToAServerWithTLS(t *testing.T) {
	server := httptest.NewTLSServer(newFar(t))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	defer server.Close()
	r := open(t, func(c *Config) { c.URL = strings.Replace(server.URL, "https", "http", 1) })
	var wait *sdk.RetryError
	if err := r.write(r.numbered(3)); !errors.As(err, &wait) || wait.After < holdPause || !strings.Contains(err.Error(), "correct `url`") {
		t.Errorf("err = %v", err)
	}
}
