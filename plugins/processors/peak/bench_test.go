package peak

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/processors/internal/window/windowtest"
)

func BenchmarkPeak(bm *testing.B) {
	f := func(name string, burst int, period, every time.Duration, above map[string]float64) {
		bm.Run(name, func(bm *testing.B) {
			p, err := New(&Config{
				Config: window.Config{Period: period, Every: every, Lateness: time.Second, MaxGap: 30 * time.Second},
				Above:  above, Evidence: true,
			})
			if err != nil {
				bm.Fatal(err)
			}
			windowtest.Benchmark(bm, p, burst)
		})
	}
	f("1s", 0, time.Second, 0, nil)
	f("1s/out of order", 4096, time.Second, 0, nil)
	f("1s/above", 0, time.Second, 0, map[string]float64{"field_number_0_watts": 285})
	f("60s every 1s", 0, time.Minute, time.Second, nil)
}
