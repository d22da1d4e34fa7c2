package dcgm

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestBadAnswers(t *testing.T) {
	f := func(status int, page, want string) {
		t.Helper()
		s := newScene(t, func(c *Config) { c.MaxBody = 2000 })
		s.status = status
		if rows, err := s.scrape(page); err == nil || !strings.Contains(err.Error(), want) || len(rows) > 0 {
			t.Errorf("%d: %q, %v; want %q", status, rows, err, want)
		}
	}
	f(401, "", "401 Unauthorized: set `bearer_token`, or `user` and `password`")
	f(404, "404 page not found\n", "correct `url`; it said: \"404 page not found\"")
	f(500, "<html>\n", "500 Internal Server Error")
	f(500, "failed to collect\x80 metrics", `it said: "failed to collect� metrics"`)
	f(302, "", "302 Found")
	f(200, strings.Repeat("# x\n", 501), "more than `max_body` = 2000 bytes")
	f(200, "<!DOCTYPE html>\n", "is no page of metrics: line 1: no valid name")
}

// TestBomb: a page that is small on the wire and large in memory is refused like any other.
func TestBomb(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 64 {
			if _, err := z.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
		_ = z.Close()
	}))
	t.Cleanup(server.Close)
	s := newScene(t, func(c *Config) { c.URL, c.MaxBody = server.URL, 1<<20 })
	if _, err := s.scrape(""); err == nil || !strings.Contains(err.Error(), "max_body") {
		t.Errorf("%v", err)
	}
	if n := cap(s.input.page); n > 4<<20 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestCredentials(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(line("DCGM_FI_DEV_GPU_TEMP", 0, "40")))
	}))
	t.Cleanup(server.Close)
	f := func(want string, change func(*Config)) {
		t.Helper()
		got = nil
		s := newScene(t, func(c *Config) { c.URL = server.URL; change(c) })
		s.must("")
		if len(got) != 1 || got[0] != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("", func(*Config) {})
	f("Bearer s3", func(c *Config) { c.BearerToken = sdk.NewSecret("s3") })
	f("Basic dTpw", func(c *Config) { c.User, c.Password = "u", sdk.NewSecret("p") })

	// They do not follow a redirect to another host.
	away := httptest.NewServer(http.RedirectHandler(server.URL, http.StatusFound))
	t.Cleanup(away.Close)
	got = nil
	s := newScene(t, func(c *Config) { c.URL, c.BearerToken = away.URL, sdk.NewSecret("s3") })
	if _, err := s.scrape(""); err == nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAMillionSeries: what is beyond the cap is left out and counted, and what was there goes on.
func TestAMillionSeries(t *testing.T) {
	s := newScene(t, nil)
	s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "40"))
	var page strings.Builder
	for i := range maxSeries + 10 {
		fmt.Fprintf(&page, "x{a=\"%d\"} 1\n", i)
	}
	rows := s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "41") + page.String())
	one(t, rows, "gpu,", "temperature_celsius=41")
	if n := figure(s.env, "gpuline_dcgm_skipped_series_total"); n != 11 {
		t.Errorf("%v skipped", n)
	}
	for range 2 * forgetAfter {
		s.must(line("DCGM_FI_DEV_GPU_TEMP", 0, "42"))
	}
	if n := len(s.input.book.entries); n != 1 {
		t.Errorf("%d series are remembered", n)
	}
}
