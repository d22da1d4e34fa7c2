//go:build cgo

package nvml

import (
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestSlowStart opens a driver that initialises its GPUs only now, and takes its time: the input is open at once, and
// has them when they are there.
func TestSlowStart(t *testing.T) {
	h := newHost(t, 3, usual(), 100*ms, func(s *fakedriver.Scenario) {
		for _, g := range s.GPUs {
			g.Delay("DeviceGetUUID", 200*ms)
		}
	})
	h.m.first, h.m.patience = 50*ms, 50*ms
	h.open()
	if len(h.m.devices) > 0 || !strings.Contains(h.log.String(), "persistence mode") {
		t.Errorf("%d GPUs at once; the log:\n%s", len(h.m.devices), h.log.String())
	}
	h.m.patience = 10 * time.Second
	h.m.rota.patience = h.m.patience
	for began := time.Now(); len(of(h.tick(100*ms), "gpu", "2")) == 0; {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("the GPUs never came; the log:\n%s", h.log.String())
		}
		time.Sleep(10 * ms)
	}
	for _, err := range h.errs {
		t.Error(err)
	}
}
