//go:build cgo

package nvml

import (
	"math"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestWindowsOfRealWork passes what is read through average and peak, as an agent does, and compares each
// window with the truth: every spike in the rings is a peak at its own time, and the mean of power is that of
// the energy, whatever power's samples say.
func TestWindowsOfRealWork(t *testing.T) {
	const length, window = 2 * time.Minute, time.Second
	var truth *fakedriver.Truth
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		busy(s.GPUs[0], 23, length)
		truth = s.GPUs[0].Truth()
	})
	h.m.pause = drainInterval
	h.open()
	var a average.Config
	var p peak.Config
	sdk.Defaults(&a)
	sdk.Defaults(&p)
	a.Period, p.Period = window, window
	means, err := average.New(&a)
	if err != nil {
		t.Fatal(err)
	}
	peaks, err := peak.New(&p)
	if err != nil {
		t.Fatal(err)
	}
	h.stages = []sdk.Processor{means, peaks}
	rows := h.ticks(int(length/(97*ms)), 97*ms) // so that no reading falls on an edge

	type result struct{ at, when time.Duration }
	seen := map[result]float64{} // by window and time of the peak
	windows, off := 0, 0.0
	for _, r := range of(rows, "gpu", "0") {
		if r.tags["window"] != "1s" || r.tags["part"] != "" {
			continue
		}
		from, to := r.at-window, r.at
		if highest, ok := r.fields["power_watts_max"]; ok {
			when := time.Duration(r.fields["power_watts_max_time"] - float64(h.epoch.UnixNano()))
			seen[result{r.at, when.Round(ms)}] = highest
			windows++
			want, at := 0.0, time.Duration(0)
			for _, s := range truth.Samples(fakedriver.PowerSamples, from-1, to-1) {
				if v := float64(s.Value) / 1e3; v > want {
					want, at = v, s.At
				}
			}
			if highest != want || when.Round(ms) != at {
				t.Fatalf("window to %v: the peak is %v W at %v, want %v at %v", to, highest, when, want, at)
			}
		}
		if mean, ok := r.fields["power_watts_mean"]; ok {
			// At each edge the energy is interpolated between two readings: by a burst on one side of it, it is
			// off by at most a quarter of what the burst adds in the time between them.
			const most, least, readings = 700, 90, 97 * ms
			bound := 2 * (most - least) * readings.Seconds() / 4 / window.Seconds()
			if want := truth.MeanPower(from, to); math.Abs(mean-want) > bound {
				t.Errorf("window to %v: the mean is %v W, want %v within %v", to, mean, want, bound)
			}
			off += math.Abs(mean - truth.MeanPower(from, to))
		}
	}
	if mean := off / float64(max(windows, 1)); mean > 10 {
		t.Errorf("the means are off by %v W on average", mean)
	}
	if windows < 110 {
		t.Errorf("%d windows", windows)
	}
	// Every burst that outlasts a ring's period is the peak of its window, or there is a higher one in it.
	for _, spike := range truth.Spikes(fakedriver.Power, 300_000, 2*time.Second, length-5*time.Second) {
		if spike.To-spike.From < 20*ms {
			continue
		}
		end := (spike.From / window * window) + window
		found := false
		for r, v := range seen {
			found = found || r.at == end && v >= float64(truth.Value(fakedriver.Power, spike.From))/1e3 ||
				spike.To > end && r.at == end+window && v >= 300
		}
		if !found {
			t.Errorf("the burst from %v to %v is in no window's peak", spike.From, spike.To)
		}
	}
}
