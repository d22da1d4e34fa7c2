package pipeline

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func newTextLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func settled() bool { return true }

// brokenListener is one that the kernel refuses a connection, as it may when it is short of memory.
type brokenListener struct{ net.Listener }

func (l brokenListener) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Err: syscall.ENOBUFS}
}

// TestServerListensAgain: what ends a listener does not end the server.
func TestServerListensAgain(t *testing.T) {
	var log sdktest.Buffer
	s := newServer(&Agent{HTTP: "127.0.0.1:0"}, settled, newTextLog(&log))
	(&mounts{server: s}).Handle("/metrics", http.NotFoundHandler())
	bound := make(chan string, 1)
	tries := 0
	s.bind = func(ctx context.Context, network, address string) (net.Listener, error) {
		l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
		if tries++; tries == 1 {
			return brokenListener{l}, err
		}
		bound <- "http://" + l.Addr().String() + "/metrics"
		return l, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.run(ctx) }()
	resp, err := http.Get(<-bound)
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	cancel()
	<-done
	if said := "the server ended; it will be started again"; strings.Count(log.String(), said) != 1 || !strings.Contains(log.String(), "no buffer space") {
		t.Errorf("the log says:\n%s", log.String())
	}
	if urls := s.urls(); urls != nil {
		t.Errorf("it is still said to be at %v", urls)
	}
}

func TestServerWaitsForItsAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log sdktest.Buffer
	s := newServer(&Agent{HTTP: taken.Addr().String()}, settled, newTextLog(&log))
	m := &mounts{server: s}
	m.Handle("/metrics", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.run(ctx) }()
	for !strings.Contains(log.String(), "cannot listen") {
		time.Sleep(time.Millisecond)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for {
			resp, err := client.Get("http://" + s.address + path)
			if err != nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(text)
		}
	}
	f := func(path string, status int, part string) {
		t.Helper()
		if code, text := get(path); code != status || !strings.Contains(text, part) {
			t.Errorf("%s: %d %q", path, code, text)
		}
	}
	f("/metrics", 200, "page")
	f("/", 200, "/metrics")
	f("/other", 404, "")
	m.unmount()
	f("/metrics", 404, "")
	cancel()
	<-done
}

func TestServerTellsWhenTwoWantOnePage(t *testing.T) {
	var log sdktest.Buffer
	s := newServer(&Agent{HTTP: "127.0.0.1:0"}, settled, newTextLog(&log))
	page := http.NotFoundHandler()
	f := func(plugin, want string) {
		t.Helper()
		(&mounts{server: s, plugin: plugin}).Handle("/metrics", page)
		if got := log.String(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: the log says %q", plugin, got)
		}
	}
	f("outputs.a", "")
	f("outputs.a", "") // after a reload
	f("outputs.b", "path=/metrics from=outputs.a to=outputs.b")
}

func TestServerAsksForAPassword(t *testing.T) {
	s := newServer(&Agent{HTTP: "127.0.0.1:0", Auth: Auth{User: "scraper", Password: sdk.NewSecret("hunter2")}}, settled, newTextLog(io.Discard))
	for _, path := range []string{"/metrics", healthPath} {
		s.handlers[path] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	}
	f := func(path, user, password string, want int) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s as %q with %q: %d", path, user, password, w.Code)
		}
	}
	f("/metrics", "", "", 401)
	f("/metrics", "scraper", "", 401)
	f("/metrics", "scraper", "hunter", 401)
	f("/metrics", "other", "hunter2", 401)
	f("/metrics", "scraper", "hunter2", 200)
	f("/", "", "", 401)
	f("/", "scraper", "hunter2", 200)
	f(healthPath, "", "", 200)
}

func TestServerSpeaksTLS(t *testing.T) {
	far := httptest.NewTLSServer(nil) // for its certificate
	defer far.Close()
	files := TLS{Cert: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	own := far.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: own.Certificate[0]}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log sdktest.Buffer
	s := newServer(&Agent{HTTP: "127.0.0.1:0", TLS: files}, settled, newTextLog(&log))
	s.handlers["/metrics"] = http.NotFoundHandler()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.run(ctx) }()
	for s.urls() == nil {
		time.Sleep(time.Millisecond)
	}
	resp, err := far.Client().Get(s.urls()[0])
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.TLS == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("%s at %s", resp.Status, s.urls()[0])
	}
	far.Client().CloseIdleConnections()
	cancel()
	<-done

	if err := os.WriteFile(files.Cert, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.certificate()(nil); err == nil || !strings.Contains(log.String(), "clients are refused: see [agent] http_tls") {
		t.Errorf("a torn certificate: %v, log %q", err, log.String())
	}
}

func TestListenRemedy(t *testing.T) {
	f := func(err syscall.Errno, want string) {
		t.Helper()
		if got := listenRemedy(&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", err)}); !strings.Contains(got, want) {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
	f(syscall.EACCES, "above 1023")
	f(syscall.EADDRINUSE, "end what uses")
	f(syscall.EADDRNOTAVAIL, "address of this host")
}
