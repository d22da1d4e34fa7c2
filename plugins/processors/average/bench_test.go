package average

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/processors/internal/window/windowtest"
)

func BenchmarkAverage(bm *testing.B) {
	f := func(name string, burst int, period, every time.Duration, stats ...string) {
		bm.Run(name, func(bm *testing.B) {
			a, err := New(&Config{
				Config: window.Config{Period: period, Every: every, Lateness: time.Second, MaxGap: 30 * time.Second},
				Stats:  stats, MaxSamples: 65536,
			})
			if err != nil {
				bm.Fatal(err)
			}
			windowtest.Benchmark(bm, a, burst)
		})
	}
	f("1s/mean", 0, time.Second, 0, "mean")
	f("1s/mean/out of order", 4096, time.Second, 0, "mean")
	f("1s/mean+min+max+stddev", 0, time.Second, 0, "mean", "min", "max", "stddev")
	f("1s/percentiles", 0, time.Second, 0, "p50", "p95", "p99")
	f("60s every 1s/mean", 0, time.Minute, time.Second, "mean")
}
