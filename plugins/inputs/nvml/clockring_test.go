//go:build cgo

package nvml

import (
	"strings"
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

// TestRingsByNoClock reads rings whose stamps fit no clock of the host, as in a sandbox, which has its own. Once that is
// plain, samples come out at about their time, in their order and once.
func TestRingsByNoClock(t *testing.T) {
	const off = 30 * time.Hour
	var truth *fakedriver.Truth
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		busy(s.GPUs[0], 7, 20*time.Second)
		s.GPUs[0].Ring(fakedriver.PowerSamples).Skew = off
		truth = s.GPUs[0].Truth()
	})
	h.open()
	var got []row
	for _, r := range with(of(h.ticks(300, 100*ms), "gpu", "0"), "power_watts") {
		if _, tier := r.fields["up"]; !tier {
			got = append(got, r)
		}
	}
	if len(got) < 1400 {
		t.Fatalf("%d samples of 1500; the log:\n%s", len(got), h.log.String())
	}
	want := truth.Samples(fakedriver.PowerSamples, 0, 30*time.Second)
	want = want[len(want)-len(got):]
	for i, r := range got {
		if float64(want[i].Value)/1e3 != r.fields["power_watts"] || r.at < want[i].At-20*ms || r.at > want[i].At+20*ms {
			t.Fatalf("sample %d is %v W at %v, want %v mW at %v", i, r.fields["power_watts"], r.at, want[i].Value, want[i].At)
		}
	}
	if !strings.Contains(h.log.String(), "none of this host's clocks") {
		t.Errorf("nothing says so:\n%s", h.log.String())
	}
}
