//go:build cgo

package nvml

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestDearCalls holds that calls which take milliseconds, as on some cards, are made less often, and that all
// samples come out all the same.
func TestDearCalls(t *testing.T) {
	var truth *fakedriver.Truth
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		busy(g, 3, time.Minute)
		g.Delay("DeviceGetSamples", 4*ms)
		g.Delay("DeviceGetTotalEnergyConsumption", 5*ms)
		truth = g.Truth()
	})
	h.m.pause = drainInterval
	h.open()
	rows := h.ticks(200, 100*ms)
	told := time.Duration(h.m.drained - h.epoch.UnixNano())
	wantSamples(t, truth, rows, "0", 0, told)
	if n := len(with(rows, "energy_joules")); n < 18 || n > 25 {
		t.Errorf("energy was read %d times in 20 s", n)
	}
	if n := h.total("gpuline_nvml_calls_total", "call", "DeviceGetSamples"); n > 25*10+20 {
		t.Errorf("rings were read %v times in 20 s", n)
	}
}
