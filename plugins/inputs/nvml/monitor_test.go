//go:build cgo

package nvml

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const ms = time.Millisecond

// usual is the default configuration, in this process.
func usual() Config {
	var c Config
	sdk.Defaults(&c)
	c.Isolate = false
	return c
}

// rings are those whose samples are compared with the truth.
var rings = []struct {
	kind  fakedriver.Sampling
	field string
	ours  float64
}{
	{fakedriver.PowerSamples, "power_watts", 1e3},
	{fakedriver.GPUUtilSamples, "utilization_ratio", 100},
	{fakedriver.MemoryUtilSamples, "memory_activity_ratio", 100},
	{fakedriver.EncoderSamples, "encoder_ratio", 100},
	{fakedriver.DecoderSamples, "decoder_ratio", 100},
	{fakedriver.ClockSMSamples, "clock_sm_hertz", 1e-6},
	{fakedriver.ClockMemorySamples, "clock_memory_hertz", 1e-6},
}

// wantSamples holds that rows have exactly the samples that a GPU's rings took between two instants, each
// once and at its time. Rows of the tiers have an `up` or a memory reading; the others are the rings'.
func wantSamples(t *testing.T, truth *fakedriver.Truth, rows []row, index string, from, to time.Duration) {
	t.Helper()
	var samples []row
	for _, r := range of(rows, "gpu", index) {
		if _, tier := r.fields["up"]; !tier && r.fields["memory_total_bytes"] == 0 {
			samples = append(samples, r)
		}
	}
	for _, ring := range rings {
		got := with(samples, ring.field)
		i := 0
		for _, want := range truth.Samples(ring.kind, from, to) {
			if want.Outlier {
				continue
			}
			if i == len(got) {
				t.Fatalf("%s: no sample of %v, nor any later one", ring.field, want.At)
			}
			if v := float64(want.Value) / ring.ours; got[i].at != want.At || math.Abs(got[i].fields[ring.field]-v) > 1e-9*math.Abs(v) {
				t.Fatalf("%s: sample %d is %v at %v, want %v at %v", ring.field, i, got[i].fields[ring.field], got[i].at, v, want.At)
			}
			i++
		}
		if i < len(got) {
			t.Errorf("%s: %d samples more than the driver took, such as one at %v", ring.field, len(got)-i, got[i].at)
		}
	}
}

// busy gives a GPU bursts of work of every length.
func busy(g *fakedriver.GPU, seed uint64, until time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 1))
	power, util := g.Line(fakedriver.Power).Base(90_000), g.Line(fakedriver.GPUUtil).Base(0)
	for at := time.Duration(0); at < until; {
		at += time.Duration(rng.Int64N(int64(800 * ms)))
		long := 5*ms + time.Duration(rng.Int64N(int64(200*ms)))
		power.Burst(at, long, 300_000+rng.Int64N(400_000))
		util.Burst(at, long, 100)
		at += long + ms
	}
}

// TestEverySampleOnce reads for an hour of the driver's time, at an unsteady pace, and wants every sample of
// every ring once, at its own time, and nothing else.
func TestEverySampleOnce(t *testing.T) {
	f := func(name string, scene func(*fakedriver.Scenario)) {
		t.Run(name, func(t *testing.T) {
			length := time.Hour
			if testing.Short() {
				length = time.Minute
			}
			var truth *fakedriver.Truth
			h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
				busy(s.GPUs[0], 7, length)
				scene(s)
				truth = s.GPUs[0].Truth()
			})
			h.open()
			rng := rand.New(rand.NewPCG(3, 4))
			var rows []row
			for passed := time.Duration(0); passed < length; {
				step := 50*ms + time.Duration(rng.Int64N(int64(100*ms)))
				passed += step
				rows = append(rows, h.tick(step)...)
			}
			to := h.clock.Boot() - h.start
			wantSamples(t, truth, rows, "0", 0, to)
			for _, err := range h.errs {
				t.Error(err)
			}
		})
	}
	f("boot time", func(*fakedriver.Scenario) {})
	f("epoch", func(s *fakedriver.Scenario) {
		for _, r := range rings {
			s.GPUs[0].Ring(r.kind).Epoch = true
		}
	})
	f("zeroes at the end, and values that cannot be", func(s *fakedriver.Scenario) {
		for _, r := range rings {
			s.GPUs[0].Ring(r.kind).Zeroed = true
		}
		util := s.GPUs[0].Ring(fakedriver.GPUUtilSamples)
		util.OutlierEvery, util.Outlier = 13, 4294967295
	})
}

// TestDrainInterval holds that rings are read no more often than makes sense, and that nothing is lost by it:
// rows of all tiers leave together.
func TestDrainInterval(t *testing.T) {
	var truth *fakedriver.Truth
	h := newHost(t, 1, usual(), 10*ms, func(s *fakedriver.Scenario) {
		busy(s.GPUs[0], 3, time.Minute)
		truth = s.GPUs[0].Truth()
	})
	h.m.pause = drainInterval
	h.open()
	rows := h.ticks(3000, 10*ms)
	told := time.Duration(h.m.drained - h.epoch.UnixNano())
	wantSamples(t, truth, rows, "0", 0, told)
	for _, r := range rows {
		if r.at > told+ms {
			t.Fatalf("a row of %v, and the rings were read at %v", r.at, told)
		}
	}
	if got := len(with(of(rows, "gpu", "0"), "energy_joules")); got < 2970 {
		t.Errorf("energy was read %d times of 3000", got)
	}
	if v := h.total("gpuline_nvml_calls_total", "call", "DeviceGetSamples"); v > 130*float64(len(ringKinds)) {
		t.Errorf("%v reads of rings in 30 s", v)
	}
}

// TestRingsPublished holds that resolution and length of the rings are measured and published.
func TestRingsPublished(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		h := newHost(t, 2, usual(), 100*ms, nil)
		h.open()
		h.ticks(5, 100*ms)
		if v := h.total("gpuline_nvml_sample_period_seconds", "type", "power"); v != 0.02 {
			t.Errorf("the period of the ring of power is %v", v)
		}
		if v := h.total("gpuline_nvml_ring_seconds", "type", "power"); v != 2.4 {
			t.Errorf("the ring of power holds %v s", v)
		}
		if v := h.total("gpuline_nvml_call_seconds", "call", "DeviceGetSamples"); v <= 0 {
			t.Errorf("a call takes %v", v)
		}
		if strings.Contains(h.log.String(), "samples are lost") {
			t.Errorf("the log:\n%s", h.log.String())
		}
	})
	t.Run("too seldom", func(t *testing.T) {
		h := newHost(t, 1, usual(), 5*time.Second, nil)
		h.open()
		h.ticks(2, 5*time.Second)
		if !strings.Contains(h.log.String(), "samples are lost") {
			t.Errorf("no warning that the interval is longer than the ring:\n%s", h.log.String())
		}
	})
}

// TestEnergyIsExact holds that differences of energy are the exact mean power, whatever power's samples say:
// the row is stamped at the instant of the call, and the counter is in millijoules.
func TestEnergyIsExact(t *testing.T) {
	var truth *fakedriver.Truth
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		busy(s.GPUs[0], 11, time.Minute)
		truth = s.GPUs[0].Truth()
	})
	h.open()
	rows := with(of(h.ticks(600, 100*ms), "gpu", "0"), "energy_joules")
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1], rows[i]
		mean := (b.fields["energy_joules"] - a.fields["energy_joules"]) / (b.at - a.at).Seconds()
		if want := truth.MeanPower(a.at, b.at); math.Abs(mean-want) > 0.001/(b.at-a.at).Seconds() {
			t.Fatalf("from %v to %v: %v W, want %v", a.at, b.at, mean, want)
		}
	}
	if len(rows) != 600 {
		t.Errorf("%d readings", len(rows))
	}
}

// TestTiers counts how often each kind of row comes.
func TestTiersAreKept(t *testing.T) {
	h := newHost(t, 8, usual(), 100*ms, nil)
	h.open()
	rows := h.ticks(600, 100*ms)
	f := func(field string, want int) {
		t.Helper()
		for _, index := range []string{"0", "3", "7"} {
			if got := len(with(of(rows, "gpu", index), field)); got < want-1 || got > want+1 {
				t.Errorf("GPU %s: %s came %d times in a minute, want about %d", index, field, got, want)
			}
		}
	}
	f("energy_joules", 600)
	f("memory_used_bytes", 60)
	f("temperature_celsius", 60)
	f("throttle_sw_power_seconds", 60)
	f("sm_active_ratio", 59)
	f("ecc_uncorrected_errors", 3)
	if got := len(of(rows, "gpu_info", "0")); got != 1 {
		t.Errorf("gpu_info came %d times", got)
	}
	for _, err := range h.errs {
		t.Error(err)
	}
	for _, name := range []string{"gpuline_nvml_invalid_values_total", "gpuline_nvml_call_failures_total"} {
		if v := h.total(name); v != 0 {
			t.Errorf("%s is %v; the log:\n%s", name, v, h.log.String())
		}
	}
}

// TestReadings compares readings with the scenario.
func TestReadings(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Line(fakedriver.Temperature).Base(71)
		g.Line(fakedriver.MemoryUsed).Base(40_000)
		g.Line(fakedriver.Throttle).Base(0).Burst(200*ms, 300*ms, 0x4)
		g.Line(fakedriver.PCIeTX).Base(1000)
		g.Line(fakedriver.GPMSM).Base(0).Burst(1200*ms, 500*ms, 1000)
		g.Line(fakedriver.GPMTensor).Base(250)
		g.Line(fakedriver.PState).Base(2)
		g.Line(fakedriver.Fan).Base(104)
	})
	h.open()
	rows := h.ticks(25, 100*ms)
	last := map[string]float64{}
	for _, r := range of(rows, "gpu", "0") {
		for k, v := range r.fields {
			last[k] = v
		}
	}
	f := func(field string, want float64) {
		t.Helper()
		got, ok := last[field]
		if !ok || math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("%s is %v (%v), want %v", field, got, ok, want)
		}
	}
	f("up", 1)
	f("temperature_celsius", 71)
	f("memory_used_bytes", 40_000<<20)
	f("throttle_sw_power_seconds", 0.3)
	f("throttle_sw_thermal_seconds", 0)
	f("throttle_reasons", 0)
	f("sm_active_ratio", 0.5)
	f("tensor_active_ratio", 0.25)
	f("pstate", 2)
	f("fan_ratio", 1.04)
	f("ecc_uncorrected_errors", 0)
	if ratio := last["memory_used_bytes"] / (last["memory_total_bytes"] - last["memory_reserved_bytes"]); math.Abs(ratio-last["memory_used_ratio"]) > 1e-9 {
		t.Errorf("memory_used_ratio is %v, want %v", last["memory_used_ratio"], ratio)
	}
	var first, tx float64
	for i, r := range with(of(rows, "gpu", "0"), "pcie_tx_bytes") {
		if tx = r.fields["pcie_tx_bytes"]; i == 0 {
			first = tx
		}
	}
	if first != 0 || math.Abs(tx-2e9) > 1 {
		t.Errorf("pcie_tx_bytes went from %v to %v in two seconds at 1 GB/s", first, tx)
	}
	if info := of(rows, "gpu_info", "0"); len(info) != 1 || info[0].texts["driver_version"] == "" || info[0].texts["architecture"] != "Hopper" || info[0].class != sdk.ClassInfo {
		t.Errorf("gpu_info: %+v", info)
	}
}
