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

// BenchmarkScrapedAgent counts how often the agent reads its GPUs in a second, alone and while 500 scrape at once
// each second.
func BenchmarkScrapedAgent(b *testing.B) {
	address := promtest.Agent(b, fleet)
	scraper := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 500}}
	count := func() (int, time.Time) {
		b.Helper()
		page, _ := get(b, address, "")
		m := gathers.FindStringSubmatch(page)
		if m == nil {
			b.Fatalf("no gathers in\n%s", page)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			b.Fatal(err)
		}
		return n, time.Now()
	}
	burst := func() {
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				r, err := scraper.Get("http://" + address + "/metrics") // asks for gzip
				if err != nil {
					b.Error(err)
					return
				}
				defer r.Body.Close()
				if _, err := io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
					b.Errorf("%s, %v", r.Status, err)
				}
			})
		}
		wg.Wait()
	}
	f := func(name string, each func()) {
		b.Run(name, func(b *testing.B) {
			before, since := count()
			for b.Loop() {
				next := time.Now().Add(time.Second)
				each()
				time.Sleep(time.Until(next))
			}
			after, now := count()
			b.ReportMetric(float64(after-before)/now.Sub(since).Seconds(), "gathers/s")
		})
	}
	f("alone", func() {})
	f("scraped", burst)
}
