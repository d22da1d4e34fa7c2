package prometheus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

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
	const ok, up = "<nil>", "up value:gauge:=1 5"
	f(constant("up 1\n"), up, ok)
	f(constant("up 1\nbad\n"), up, ok)
	f(typed("", "up 1"), up, ok)
	f(typed("application/openmetrics-text; version=1.0.0; charset=utf-8", "up 1\n# EOF\n"), up, ok)
	f(typed("application/openmetrics-text", "up 1\n"), "", "scrape URL: the page has no # EOF: it was cut")
	f(constant(strings.Repeat("x", 1001)), "", "scrape URL: the page is larger than `max_body`, 1000 bytes", func(c *Config) { c.MaxBody = 1000 })
	f(http.NotFound, "", `scrape URL: status 404 Not Found: is the path right?; it said: "404 page not found"`)
	f(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "up{auth=%q} 1", r.Header.Get("Authorization"))
	}, `up,auth=Bearer\ t value:gauge:=1 5`, ok, func(c *Config) { c.BearerToken = sdk.NewSecret("t") })
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
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // for the good one, on a busy machine
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

// TestCutLine: where the end of the connection alone says where a page ends, it may be cut in the middle of a number.
func TestCutLine(t *testing.T) {
	f := func(header, body, wantErr string, want ...string) {
		t.Helper()
		s := open(t, defaults(serve(t, func(w httpWriter, _ *httpRequest) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%sConnection: close\r\n\r\n%s", header, body)
			_ = c.Close()
		})))
		got, err := s.gather(t)
		check(t, len(got), len(want))
		for i := range min(len(got), len(want)) {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%q: %s, want %s", body, got[i], want[i])
			}
		}
		if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %v, want %q", body, err, wantErr)
		}
	}
	f("", "a 1\nb 1234\n", "", "a value:gauge:=1 ", "b value:gauge:=1234 ")
	f("", "a 1\nb 12", "its last line has no end", "a value:gauge:=1 ")
	f("", "a 1\n \t", "", "a value:gauge:=1 ")
	f("Content-Length: 8\r\n", "a 1\nb 12", "", "a value:gauge:=1 ", "b value:gauge:=12 ")
	f("Content-Length: 10\r\n", "a 1\nb 12", "unexpected EOF")
}

// TestKeyInURL: a key behind the path stands in no message.
func TestKeyInURL(t *testing.T) {
	f := func(body string) {
		t.Helper()
		var log strings.Builder
		s := open(t, defaults(serve(t, func(w httpWriter, _ *httpRequest) { _, _ = w.Write([]byte(body)) })+"/metrics?authKey=abc"))
		s.log = slog.New(slog.NewTextHandler(&log, nil))
		_, err := s.gather(t)
		if text := fmt.Sprint(err, log.String()); strings.Contains(text, "abc") || !strings.Contains(text, "/metrics?…") {
			t.Errorf("%q: %s", body, text)
		}
	}
	f("a b c\n")
	f(strings.Repeat("x", 64<<20))
}
