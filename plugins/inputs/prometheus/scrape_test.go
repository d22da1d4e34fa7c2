package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/certtest"
	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

type (
	httpWriter  = http.ResponseWriter
	httpRequest = http.Request
)

func TestScrape(t *testing.T) {
	f := func(handler http.HandlerFunc, want, wantErr string, changes ...func(*Config)) {
		t.Helper()
		url := serve(t, handler)
		s := open(t, defaults(url, changes...))
		s.now = func() time.Time { return time.Unix(0, 5) }
		got, err := s.gather(t)
		check(t, strings.Join(got, "; "), want)
		check(t, strings.ReplaceAll(fmt.Sprint(err), url, "URL"), wantErr)
	}
	typed := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		}
	}
	encoded := func(encoding, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Encoding", encoding)
			_, _ = io.WriteString(w, body)
		}
	}
	const ok, up = "<nil>", "up value:gauge:=1 5"
	f(constant("up 1\n"), up, ok)
	f(typed("application/openmetrics-text; version=1.0.0; charset=utf-8", "up 1\n# EOF\n"), up, ok)
	f(typed("application/openmetrics-text", "up 1\n"), "", "scrape URL: the page has no # EOF: it was cut")
	f(typed("text/html", "<html>"), "", `scrape URL: content type "text/html" is no page of metrics`)
	f(typed("", "up 1"), up, ok)
	f(encoded("gzip", zipped("up 1\n")), up, ok)
	f(encoded("gzip", "up 1\nup 2\nup 3"), "", "scrape URL: decompress: gzip: invalid header")
	f(encoded("gzip", zipped("up 1\n")[:20]), "", "scrape URL: read the page: unexpected EOF")
	f(encoded("br", "x"), "", `scrape URL: content encoding "br" is neither gzip nor identity`)
	f(encoded("gzip", zipped(strings.Repeat("x", 1001))), "", "scrape URL: the page is larger than max_body, 1000 bytes", func(c *Config) { c.MaxBody = 1000 })
	f(constant(strings.Repeat("x", 1001)), "", "scrape URL: the page is larger than max_body, 1000 bytes", func(c *Config) { c.MaxBody = 1000 })
	f(constant("up 1\nbad\n"), up, ok)
	f(http.NotFound, "", "scrape URL: status 404 Not Found: is the path right?")
	f(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "", "scrape URL: status 204 No Content")
	f(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/metrics", http.StatusFound)
			return
		}
		constant("up 1\n")(w, r)
	}, up, ok)
	f(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusFound)
	}, "",
		"scrape URL: the server refers to another host: name that one")
	f(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, "",
		"scrape URL: the server refers to another host: name that one")
	f(func(w http.ResponseWriter, _ *http.Request) { // it goes in the middle
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "up 1\n")
	}, "", "scrape URL: read the page: unexpected EOF")
	f(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "up{accept=%q,encoding=%q} 1", r.Header.Get("Accept"), r.Header.Get("Accept-Encoding"))
	}, `up,accept=text/plain;version\=0.0.4\,application/openmetrics-text;version\=1.0.0;q\=0.5\,*/*;q\=0.1,encoding=gzip value:gauge:=1 5`, ok)
}

func TestAuth(t *testing.T) {
	f := func(want, wantErr string, changes ...func(*Config)) {
		t.Helper()
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = fmt.Fprintf(w, "up{auth=%q} 1", r.Header.Get("Authorization"))
		})
		s := open(t, defaults(url, changes...))
		s.now = func() time.Time { return time.Unix(0, 5) }
		got, err := s.gather(t)
		check(t, strings.Join(got, "; "), want)
		check(t, strings.ReplaceAll(fmt.Sprint(err), url, "URL"), wantErr)
	}
	f("", "scrape URL: status 401 Unauthorized: set `user` and `password`, or `bearer_token`")
	f(`up,auth=Basic\ dTpw value:gauge:=1 5`, "<nil>", func(c *Config) { c.User, c.Password = "u", sdk.NewSecret("p") })
	f(`up,auth=Bearer\ t value:gauge:=1 5`, "<nil>", func(c *Config) { c.BearerToken = sdk.NewSecret("t") })
}

func TestTLS(t *testing.T) {
	ca, stranger := certtest.New(t), certtest.New(t)
	cert, key := ca.Server(t, "server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(constant("up 1\n"))
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	server.TLS.ClientCAs.AppendCertsFromPEM(text)
	server.StartTLS()
	defer server.Close()
	f := func(c tlsclient.Config, want string) {
		t.Helper()
		s := open(t, defaults(server.URL, func(config *Config) { config.TLS = c }))
		got, err := s.gather(t)
		if want == "" && (err != nil || len(got) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v %v, want %s", got, err, want)
		}
	}
	clientCert, clientKey := ca.Client(t, "client")
	f(tlsclient.Config{CA: ca.File, Cert: clientCert, Key: clientKey}, "")
	f(tlsclient.Config{CA: ca.File}, "certificate required")
	f(tlsclient.Config{CA: stranger.File, Cert: clientCert, Key: clientKey}, "unknown authority")
	f(tlsclient.Config{InsecureSkipVerify: true, Cert: clientCert, Key: clientKey}, "")
}

// One of several pages that cannot be had does not keep the others; a slow one ends with the context.
func TestSeveral(t *testing.T) {
	good := serve(t, constant("up 1\n"))
	slow := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "up ")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	c := defaults(slow, func(c *Config) { c.URLs, c.InstanceTag = []string{slow, good, "http://127.0.0.1:1/"}, "instance" })
	s := open(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := s.Gather(ctx, s.batch)
	if err == nil || strings.Count(err.Error(), "scrape ") != 2 || !strings.Contains(err.Error(), "deadline exceeded") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	check(t, s.batch.Len(), 1)
	for m := range s.batch.All() {
		check(t, m.Tag("instance"), strings.TrimPrefix(good, "http://"))
	}
}

// endless writes until nobody reads.
func endless(w io.Writer, chunk string) {
	for {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

func TestEndlessPage(t *testing.T) {
	f := func(handler http.HandlerFunc) {
		t.Helper()
		s := open(t, defaults(serve(t, handler), func(c *Config) { c.MaxBody = 1 << 20 }))
		if got, err := s.gather(t); err == nil || len(got) > 0 || cap(s.targets[0].body) > 2<<20 {
			t.Errorf("%d rows, %v, %d bytes", len(got), err, cap(s.targets[0].body))
		}
	}
	f(func(w http.ResponseWriter, _ *http.Request) { endless(w, strings.Repeat("x", 1<<16)) })
	f(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		endless(w, zipped(strings.Repeat("\x00", 1<<20))) // a bomb
	})
	f(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		endless(w, zipped("")) // nothing, without end
	})
}
