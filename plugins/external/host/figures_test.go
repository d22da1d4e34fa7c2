package host

import (
	"math"
	"testing"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestFigures: a plugin's counters go on through restarts, and no value spoils them for good.
func TestFigures(t *testing.T) {
	meter := sdk.NewMeter()
	m := newMirror(meter)
	f := func(value, want float64) {
		t.Helper()
		m.take([]*proto.Figure{
			{Name: "gpuline_x_total", Kind: proto.Kind_COUNTER, Value: value},
			{Name: "gpuline_x", Value: value},
		})
		for total := range meter.Totals() {
			if total.Name == "gpuline_x_total" && total.Value != want || math.IsNaN(total.Value) || math.IsInf(total.Value, 0) {
				t.Errorf("after %v: %s is %v, want %v", value, total.Name, total.Value, want)
			}
		}
	}
	f(5, 5)
	f(7, 7)
	f(math.NaN(), 7)
	f(math.Inf(1), 7)
	f(math.Inf(-1), 7)
	f(9, 9)
	m.restart()
	f(2, 11)
	f(1, 11) // no counter falls
	f(2, 12)
}
