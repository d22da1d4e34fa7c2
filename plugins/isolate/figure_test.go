package isolate

import (
	"math"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestOddFigures holds that a value that is no finite number neither stops a figure nor spoils it.
func TestOddFigures(t *testing.T) {
	for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		meter := sdk.NewMeter()
		counter := figure{number: meter.Counter("gpuline_x_total", "X."), kind: sdk.Counter}
		gauge := figure{number: meter.Gauge("gpuline_x", "", "X.")}
		f := func(v, wantCounter, wantGauge float64) {
			t.Helper()
			counter.set(v)
			gauge.set(v)
			if c, g := counter.number.Get(), gauge.number.Get(); c != wantCounter || g != wantGauge {
				t.Errorf("%v behind %v: %v and %v, want %v and %v", v, odd, c, g, wantCounter, wantGauge)
			}
		}
		f(5, 5, 5)
		f(odd, 5, 5)
		f(7, 7, 7)
		f(1, 7, 1)
		f(2, 8, 2)
	}
}
