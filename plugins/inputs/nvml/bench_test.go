//go:build cgo

package nvml

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// BenchmarkTick is one tick of 8 GPUs at 100 ms: all rings, energy, and what falls to it of the slower
// tiers. The fake driver's own work is part of it.
func BenchmarkTick(b *testing.B) {
	h := newHost(b, 8, usual(), 100*ms, func(s *fakedriver.Scenario) { s.Loaded = -10 * 1e9 })
	h.open()
	h.ticks(20, 100*ms)
	b.ReportAllocs()
	for b.Loop() {
		h.clock.Advance(100 * ms)
		if err := h.m.tick(h.batch); err != nil {
			b.Fatal(err)
		}
		h.batch.Reset()
	}
}

// TestSteadyStateAllocatesNothing reads what is read each second and more often. Every 5 s GPUs are looked
// for, and in the slow tier processes: those make strings.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	c := usual()
	c.SlowInterval = 100 * time.Second
	h := newHost(t, 8, c, 100*ms, func(s *fakedriver.Scenario) { s.Loaded = -10 * 1e9 })
	h.open()
	h.ticks(20, 100*ms)
	rows := 0
	n := testing.AllocsPerRun(20, func() {
		h.clock.Advance(100 * ms)
		if err := h.m.tick(h.batch); err != nil {
			t.Fatal(err)
		}
		rows += h.batch.Len()
		h.batch.Reset()
	})
	if n > 0 || rows < 21*8*2 {
		t.Errorf("%v allocations a tick, %d rows", n, rows)
	}
}
