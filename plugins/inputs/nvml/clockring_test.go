//go:build cgo

package nvml

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestRingsOfChanges reads rings of clocks as drivers have them: an entry for each change, so that the newest may
// be hours old. It is no error, a change is told at its time, and the current clock stands in meanwhile.
func TestRingsOfChanges(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.Loaded = -48 * time.Hour
		g := s.GPUs[0]
		for _, sampling := range []fakedriver.Sampling{fakedriver.ClockSMSamples, fakedriver.ClockMemorySamples} {
			g.Ring(sampling).Changes = true
		}
		sm, memory := g.Line(fakedriver.ClockSM).Base(210), g.Line(fakedriver.ClockMemory).Base(405)
		for i := range 10 {
			sm.At(time.Duration(i-30)*time.Hour, int64(1000+i))
			memory.At(time.Duration(i-30)*time.Hour, int64(2000+i))
		}
		sm.At(10*time.Second+30*ms, 1980).At(10*time.Second+70*ms, 1755)
	})
	h.open()
	rows := of(h.ticks(300, 100*ms), "gpu", "0")
	if v := h.total("gpuline_nvml_invalid_values_total"); v != 0 {
		t.Errorf("%v values that cannot be; the log:\n%s", v, h.log.String())
	}
	told := map[time.Duration]float64{}
	current := 0
	for _, r := range with(rows, "clock_sm_hertz") {
		told[r.at] = r.fields["clock_sm_hertz"]
		if _, tier := r.fields["up"]; tier {
			current++
		}
		want := 1009e6
		if r.at >= 10*time.Second+70*ms {
			want = 1755e6
		}
		if v := r.fields["clock_sm_hertz"]; v != want && r.at != 10*time.Second+30*ms {
			t.Errorf("at %v: %v Hz, want %v", r.at, v, want)
		}
	}
	if told[10*time.Second+30*ms] != 1980e6 || told[10*time.Second+70*ms] != 1755e6 {
		t.Errorf("two changes came as %v and %v", told[10*time.Second+30*ms], told[10*time.Second+70*ms])
	}
	if current < 285 {
		t.Errorf("the current clock stood in %d times of 300", current)
	}
}

// TestRingsByAnotherClock reads rings that are stamped by a clock which is neither of those that hosts show.
func TestRingsByAnotherClock(t *testing.T) {
	const off = -40 * time.Second // of the hardware's own rate, after some weeks
	var truth *fakedriver.Truth
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		busy(s.GPUs[0], 7, 20*time.Second)
		for _, r := range rings {
			s.GPUs[0].Ring(r.kind).Skew = off
		}
		truth = s.GPUs[0].Truth()
	})
	h.m.clock = func() instant {
		i := h.now()
		i.raw = i.boot + int64(off)
		return i
	}
	h.open()
	wantSamples(t, truth, h.ticks(200, 100*ms), "0", 0, 20*time.Second)
}
