//go:build integration

package prometheus_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/prometheus/promtest"
)

const fleet = `
[agent]
http = "127.0.0.1:0"
interval = "50ms"

[[inputs.simulate]]
gpus = 8

[[processors.peak]]
period = "1s"

[[outputs.prometheus]]
`

var gathers = regexp.MustCompile(`(?m)^gpuline_gathers_total\{[^}]*simulate[^}]*\} (\d+)$`)

// The agent reads its GPUs as often as before, within 5 %, while 500 scrape at once each second.
func TestScrapesDisturbNoSampling(t *testing.T) {
	address := promtest.Agent(t, fleet)
	scraper := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 500}}
	count := func() (int, time.Time) {
		t.Helper()
		page, _ := get(t, address, "")
		m := gathers.FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no gathers in\n%s", page)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n, time.Now()
	}
	// rate is how often the agent reads in a second, while f runs each second.
	rate := func(f func()) float64 {
		t.Helper()
		before, since := count()
		for range 5 {
			next := time.Now().Add(time.Second)
			f()
			time.Sleep(time.Until(next))
		}
		after, now := count()
		return float64(after-before) / now.Sub(since).Seconds()
	}
	burst := func() {
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				r, err := scraper.Get("http://" + address + "/metrics") // asks for gzip
				if err != nil {
					t.Error(err)
					return
				}
				defer r.Body.Close()
				if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
					t.Errorf("%s, %v", r.Status, err)
				}
			})
		}
		wg.Wait()
	}
	alone := rate(func() {})
	scraped := rate(burst)
	t.Logf("%.2f gathers a second alone, %.2f with 500 scrapes each second", alone, scraped)
	if scraped < 0.95*alone {
		t.Errorf("%.2f gathers a second with 500 scrapes at once, %.2f without", scraped, alone)
	}
}
