package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// serve serves handler for the length of the test, and returns its URL.
func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// client returns a client whose clock stands.
func client(t testing.TB, a Access, limit sdk.Size) *Client {
	t.Helper()
	c, err := NewClient(&a, limit, func() time.Time { return time.Unix(0, 5) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// answer serves one page, with headers.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestGet(t *testing.T) {
	f := func(handler http.HandlerFunc, want, wantErr string) {
		t.Helper()
		c := client(t, Access{}, 1000)
		p := Page{Body: []byte("of before")}
		err := c.Get(t.Context(), serve(t, handler), &p)
		check(t, fmt.Sprint(err), wantErr)
		if err == nil {
			check(t, fmt.Sprintf("%s|%t|%d", p.Body, p.OpenMetrics, p.At.UnixNano()), want)
		}
	}
	const ok = "<nil>"
	const kind, encoding = "Content-Type", "Content-Encoding"
	f(answer(200, "up 1\n"), "up 1\n|false|5", ok)
	f(answer(200, ""), "|false|5", ok)
	f(answer(200, "up 1\n", kind, "application/openmetrics-text; version=1.0.0; charset=utf-8"), "up 1\n|true|5", ok)
	f(answer(200, "up 1\n", kind, "application/octet-stream"), "up 1\n|false|5", ok)
	f(answer(200, "up 1\n", kind, ""), "up 1\n|false|5", ok)
	f(answer(200, "<html>", kind, "text/html"), "", `content type "text/html" is no page of metrics`)
	f(answer(200, zipped("up 1\n"), encoding, "gzip"), "up 1\n|false|5", ok)
	f(answer(200, "up 1\nup 2\nup 3", encoding, "gzip"), "", "decompress: gzip: invalid header")
	f(answer(200, zipped("up 1\n")[:20], encoding, "gzip"), "", "read the page: unexpected EOF")
	f(answer(200, "x", encoding, "br"), "", `content encoding "br" is neither gzip nor identity`)

	f(answer(200, strings.Repeat("x", 1000)), strings.Repeat("x", 1000)+"|false|5", ok)
	f(answer(200, strings.Repeat("x", 1001)), "", "the page is larger than `max_body`, 1000 bytes")
	f(answer(200, zipped(strings.Repeat("x", 1000)), encoding, "gzip"), strings.Repeat("x", 1000)+"|false|5", ok)
	f(answer(200, zipped(strings.Repeat("x", 1001)), encoding, "gzip"), "", "the page is larger than `max_body`, 1000 bytes")

	f(answer(204, ""), "", "status 204 No Content")
	f(answer(302, ""), "", "status 302 Found")
	f(answer(401, ""), "", "status 401 Unauthorized: set `user` and `password`, or `bearer_token`")
	f(answer(403, "who are you?"), "", "status 403 Forbidden: set `user` and `password`, or `bearer_token`; it said: \"who are you?\"")
	f(answer(404, "404 page not found\n"), "", `status 404 Not Found: is the path right?; it said: "404 page not found"`)
	f(answer(500, "<html>\n"), "", "status 500 Internal Server Error")
	f(answer(500, "failed to collect\x80 metrics\r\nmore"), "", `status 500 Internal Server Error; it said: "failed to collect� metrics"`)
	f(answer(500, strings.Repeat("x", 5000)), "", `status 500 Internal Server Error; it said: "`+strings.Repeat("x", 200)+`"`)
	f(answer(503, zipped("later\n"), encoding, "gzip"), "", `status 503 Service Unavailable; it said: "later"`)
	f(answer(503, "later\n", encoding, "gzip"), "", `status 503 Service Unavailable`)

	f(func(w http.ResponseWriter, _ *http.Request) { // it goes in the middle
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "up 1\n")
	}, "", "read the page: unexpected EOF")
	f(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Method, " ", r.Header.Get("Accept"), " ", r.Header.Get("Accept-Encoding"), " ", r.Header.Get("User-Agent"))
	}, "GET text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1 gzip gpuline|false|5", ok)
}

func TestNobodyThere(t *testing.T) {
	var p Page
	err := client(t, Access{}, 1000).Get(t.Context(), "http://127.0.0.1:1/", &p)
	if err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "Get ") {
		t.Errorf("%v", err)
	}
}

// TestSlow: a server that stops in the middle of its page ends with the context.
func TestSlow(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "up ")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var p Page
	if err := client(t, Access{}, 1000).Get(ctx, url, &p); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("%v", err)
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

// TestEndlessPage: what has no end, or is small on the wire and large in memory, costs no more than the limit.
func TestEndlessPage(t *testing.T) {
	f := func(chunk string, headers ...string) {
		t.Helper()
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			answer(http.StatusOK, "", headers...)(w, r)
			endless(w, chunk)
		})
		var p Page
		if err := client(t, Access{}, 1<<20).Get(t.Context(), url, &p); err == nil || cap(p.Body) > 2<<20 {
			t.Errorf("%v, %d bytes", err, cap(p.Body))
		}
	}
	f(strings.Repeat("x", 1<<16))
	f(zipped(strings.Repeat("\x00", 1<<20)), "Content-Encoding", "gzip") // a bomb
	f(zipped(""), "Content-Encoding", "gzip")                            // nothing, without end
	f("x", "Content-Type", "text/html")
}

func TestMemoryIsUsedAgain(t *testing.T) {
	url := serve(t, answer(http.StatusOK, strings.Repeat("up 1\n", 10_000)))
	c := client(t, Access{}, 1<<20)
	var p Page
	var first *byte
	for range 3 {
		if err := c.Get(t.Context(), url, &p); err != nil || len(p.Body) != 50_000 {
			t.Fatal(err, len(p.Body))
		}
		if first == nil {
			first = &p.Body[0]
		} else if &p.Body[0] != first {
			t.Error("the page has other memory")
		}
	}
}

// A server that accepts connections and says nothing does not keep them: they would add up.
func TestSilentInTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := client(t, Access{}, 1000)
		c.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Get(ctx, "https://x/metrics", new(Page)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		_ = far.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := io.Copy(io.Discard, far); err != nil {
			t.Errorf("the connection is still open: %v", err)
		}
	})
}
