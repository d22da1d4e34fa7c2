package dcgm

import (
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
	f(401, "", "/metrics: status 401 Unauthorized: set `user` and `password`, or `bearer_token`")
	f(500, "failed to collect metrics", `it said: "failed to collect metrics"`)
	f(200, strings.Repeat("# x\n", 501), "larger than `max_body`, 2000 bytes")
	f(200, "<!DOCTYPE html>\n", "is no page of metrics: line 1: no valid name")
}

func TestCredentials(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(line("DCGM_FI_DEV_GPU_TEMP", 0, "40")))
	}))
	t.Cleanup(server.Close)
	s := newScene(t, func(c *Config) { c.URL, c.BearerToken = server.URL, sdk.NewSecret("s3") })
	s.must("")
	if len(got) != 1 || got[0] != "Bearer s3" {
		t.Errorf("%q", got)
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
