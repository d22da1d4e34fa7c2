//go:build cgo

package nvml

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// events returns the events of a GPU, as "event/code".
func events(rows []row, index string) (all []string) {
	for _, r := range of(rows, "gpu_event", index) {
		all = append(all, r.tags["event"]+"/"+r.tags["code"])
	}
	return all
}

func wantEvents(t *testing.T, rows []row, index string, want ...string) {
	t.Helper()
	if got := strings.Join(events(rows, index), " "); got != strings.Join(want, " ") {
		t.Errorf("GPU %s: events %q, want %q", index, got, want)
	}
}

// TestLostGPU takes one of eight GPUs off the bus and gives it back: an event each, `up` 0 in between, and
// the seven others in step.
func TestLostGPU(t *testing.T) {
	f := func(name string, drop bool) {
		t.Run(name, func(t *testing.T) {
			truths := make([]*fakedriver.Truth, 8)
			h := newHost(t, 8, usual(), 100*ms, func(s *fakedriver.Scenario) {
				s.GPUs[3].Lost(10*time.Second, 30*time.Second, drop)
				for i, g := range s.GPUs {
					busy(g, uint64(i), time.Minute)
					truths[i] = g.Truth()
				}
			})
			h.open()
			var uuids []string // an index changes when a card is no longer counted
			for _, d := range h.m.devices {
				uuids = append(uuids, d.id.UUID)
			}
			rows := h.ticks(600, 100*ms)
			for i, truth := range truths {
				if i == 3 {
					continue
				}
				wantSamples(t, truth, rows, uuids[i], 0, time.Minute)
				wantEvents(t, rows, uuids[i])
				if got := len(with(of(rows, "gpu", uuids[i]), "energy_joules")); got != 600 {
					t.Errorf("GPU %d was read %d times", i, got)
				}
			}
			wantEvents(t, rows, uuids[3], "lost/", "found/")
			down := 0
			for _, r := range with(of(rows, "gpu", uuids[3]), "up") {
				lost := r.at > 10*time.Second+50*ms && r.at < 30*time.Second
				if lost && r.fields["up"] != 0 || r.at < 10*time.Second && r.fields["up"] != 1 || r.at > 36*time.Second && r.fields["up"] != 1 {
					t.Errorf("at %v `up` is %v", r.at, r.fields["up"])
				}
				if r.fields["up"] == 0 {
					down++
				}
			}
			if down < 15 || down > 30 {
				t.Errorf("%d rows with `up` 0 in 20 s, want about one a second", down)
			}
		})
	}
	f("still counted", false)
	f("no longer counted", true)
}

// TestHangingCall lets a call of one GPU hang, in real time: the others are at most one interval late, the
// hang is reported while it lasts, threads and goroutines stay flat, and the GPU is back when the call is.
func TestHangingCall(t *testing.T) {
	hanging := filepath.Join(t.TempDir(), "hang")
	if err := os.WriteFile(hanging, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, 4, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[1].Hang("DeviceGetTotalEnergyConsumption", time.Second, fakedriver.Never, hanging, false)
	})
	h.m.patience = leastPatience
	h.open()
	h.ticks(9, 100*ms)
	before := time.Now()
	h.ticks(2, 100*ms)
	if took := time.Since(before); took > 100*leastPatience {
		t.Errorf("two ticks took %v, in which a call began to hang", took)
	}
	if !h.m.hangs(h.m.devices[1]) {
		t.Fatal("no call hangs")
	}
	goroutines := runtime.NumGoroutine()
	rows := h.ticks(100, 100*ms)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, and %d a hundred ticks later", goroutines, n)
	}
	for _, index := range []string{"0", "2", "3"} {
		if got := len(with(of(rows, "gpu", index), "energy_joules")); got != 100 {
			t.Errorf("GPU %s was read %d times of 100", index, got)
		}
	}
	if got := len(of(rows, "gpu", "1")); got != 0 {
		t.Errorf("%d rows of the GPU whose call hangs", got)
	}
	// As if it had hung for long.
	for j := range h.m.rota.stuck {
		h.m.rota.stuck[j] = time.Now().Add(-hangsAfter)
	}
	rows = h.ticks(20, 100*ms)
	wantEvents(t, rows, "1", "lost/")
	if got := len(with(of(rows, "gpu", "1"), "up")); got < 2 {
		t.Errorf("%d rows with `up`", got)
	}
	if log := h.log.String(); !strings.Contains(log, "a call hangs in the driver") || !strings.Contains(log, "DeviceGetTotalEnergyConsumption") {
		t.Errorf("the log:\n%s", log)
	}
	if err := os.Remove(hanging); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(h.m.rota.stuck) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the call has not come back")
		}
		time.Sleep(10 * ms)
		rows = append(rows, h.tick(100*ms)...)
	}
	rows = append(rows, h.ticks(5, 100*ms)...)
	wantEvents(t, rows, "1", "lost/", "found/")
	if got := len(with(of(rows, "gpu", "1"), "energy_joules")); got == 0 {
		t.Error("the GPU is not read after its call has come back")
	}
}

// TestAllGPUsHang holds that a process in which nothing moves any more asks for another.
func TestAllGPUsHang(t *testing.T) {
	hanging := filepath.Join(t.TempDir(), "hang")
	if err := os.WriteFile(hanging, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, 2, usual(), 100*ms, func(s *fakedriver.Scenario) {
		for _, g := range s.GPUs {
			g.Hang("DeviceGetTotalEnergyConsumption", time.Second, fakedriver.Never, hanging, true)
		}
	})
	h.m.patience = leastPatience
	h.open()
	h.ticks(20, 100*ms)
	if len(h.m.rota.stuck) != 2 || len(h.errs) != 0 {
		t.Fatalf("%d calls hang; errors %v", len(h.m.rota.stuck), h.errs)
	}
	for j := range h.m.rota.stuck {
		h.m.rota.stuck[j] = time.Now().Add(-3 * hangsAfter)
	}
	h.tick(100 * ms)
	if len(h.errs) != 1 || !errors.Is(h.errs[0], isolate.ErrFresh) {
		t.Errorf("errors %v", h.errs)
	}
	if err := os.Remove(hanging); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(h.m.rota.stuck) > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * ms)
		h.tick(100 * ms)
	}
}

// TestDriverReload takes the driver away and loads it again: its GPUs are lost and found, their counters
// begin anew, and no sample of the rings comes twice.
func TestDriverReload(t *testing.T) {
	var truth *fakedriver.Truth
	h := newHost(t, 2, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.Reload(20*time.Second, 3*time.Second)
		busy(s.GPUs[0], 5, time.Minute)
		truth = s.GPUs[0].Truth()
	})
	h.open()
	rows := h.ticks(600, 100*ms)
	for _, index := range []string{"0", "1"} {
		wantEvents(t, rows, index, "lost/", "found/")
	}
	wantSamples(t, truth, upTo(rows, 20*time.Second), "0", 0, 19900*ms)
	wantSamples(t, truth, since(rows, 30*time.Second), "0", 30*time.Second, time.Minute)
	var before, after float64
	for _, r := range with(of(rows, "gpu", "0"), "energy_joules") {
		if r.at < 20*time.Second {
			before = r.fields["energy_joules"]
		} else if after == 0 {
			after = r.fields["energy_joules"]
		}
	}
	if after >= before || after == 0 {
		t.Errorf("the energy was %v before and is %v after", before, after)
	}
	if len(h.errs) == 0 {
		t.Error("the driver was away, and no error says so")
	}
	for _, err := range h.errs {
		if errors.Is(err, sdk.ErrPermanent) || errors.Is(err, isolate.ErrFresh) {
			t.Error(err)
		}
	}
}

func upTo(rows []row, end time.Duration) (some []row) {
	for _, r := range rows {
		if r.at < end {
			some = append(some, r)
		}
	}
	return some
}

func since(rows []row, start time.Duration) (some []row) {
	for _, r := range rows {
		if r.at > start {
			some = append(some, r)
		}
	}
	return some
}

// TestDriverUpgrade exchanges the driver under the process, which then must ask for a fresh one.
func TestDriverUpgrade(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) { s.Mismatch(time.Second, "600.10") })
	h.open()
	h.ticks(9, 100*ms)
	if len(h.errs) > 0 {
		t.Fatal(h.errs)
	}
	h.ticks(3, 100*ms)
	if len(h.errs) == 0 || !errors.Is(h.errs[0], isolate.ErrFresh) || !strings.Contains(h.errs[0].Error(), "exchanged") {
		t.Errorf("errors %v", h.errs)
	}
}

// TestHotAdd plugs a GPU in.
func TestHotAdd(t *testing.T) {
	h := newHost(t, 2, usual(), 100*ms, func(s *fakedriver.Scenario) { s.GPUs[1].Appears(10*time.Second, false) })
	h.open()
	rows := h.ticks(200, 100*ms)
	added := with(of(rows, "gpu", "1"), "energy_joules")
	if len(added) < 40 || added[0].at < 10*time.Second || added[0].at > 16*time.Second {
		t.Errorf("%d rows of the new GPU", len(added))
	}
	if got := len(with(of(rows, "gpu", "0"), "energy_joules")); got != 200 {
		t.Errorf("the other was read %d times of 200", got)
	}
}

// TestDevices reads only what the operator wants.
func TestDevices(t *testing.T) {
	f := func(want string, devices ...string) {
		t.Helper()
		c := usual()
		c.Devices = devices
		h := newHost(t, 3, c, 100*ms, func(s *fakedriver.Scenario) { s.GPUs[2].Set("name", "NVIDIA L4") })
		err := h.m.Open(t.Context(), h.env)
		if err != nil {
			if want != "" || !strings.Contains(err.Error(), "none of the host's 3 GPUs") {
				t.Errorf("%q: %v", devices, err)
			}
			return
		}
		got := ""
		for _, d := range h.m.devices {
			got += d.id.Index
		}
		if got != want {
			t.Errorf("%q: read %q, want %q", devices, got, want)
		}
		if err := h.m.Close(); err != nil {
			t.Error(err)
		}
	}
	f("012")
	f("02", "0", "2")
	f("2", "*L4")
	f("", "7")
}

// TestCallsThatFail holds that a call which fails costs its reading and nothing else.
func TestCallsThatFail(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Error("DeviceGetTemperature", 999, 0, 3*time.Second)
		g.Error("DeviceGetSamples/3", 3, 0, fakedriver.Never)
		g.Error("DeviceGetFieldValues/82", 3, 0, fakedriver.Never)
		g.Error("DeviceGetEnforcedPowerLimit", 4, 0, fakedriver.Never)
		g.Unsupported("DeviceGetFan*")
	})
	h.open()
	rows := h.ticks(100, 100*ms)
	f := func(field string, least, most int) {
		t.Helper()
		if got := len(with(of(rows, "gpu", "0"), field)); got < least || got > most {
			t.Errorf("%s came %d times", field, got)
		}
	}
	f("temperature_celsius", 6, 8)
	f("memory_temperature_celsius", 0, 0)
	f("power_limit_watts", 0, 0)
	f("fan_ratio", 0, 0)
	f("encoder_ratio", 9, 11) // from the normal tier, since the ring is not there
	f("memory_used_bytes", 10, 10)
	f("energy_joules", 100, 100)
	if v := h.total("gpuline_nvml_call_failures_total"); v != 3 {
		t.Errorf("%v failures were counted", v)
	}
	if !strings.Contains(h.log.String(), "does not permit") {
		t.Errorf("the log:\n%s", h.log.String())
	}
}

// TestSilentRings holds that an idle GPU, whose rings get nothing new, is read by its current rates.
func TestSilentRings(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Line(fakedriver.GPUUtil).Base(7)
		g.Line(fakedriver.Power).Base(61_000)
		for _, r := range rings {
			g.Ring(r.kind).Off = true
		}
	})
	h.open()
	rows := h.ticks(50, 100*ms)
	for field, want := range map[string]float64{"utilization_ratio": 0.07, "power_watts": 61} {
		got := with(of(rows, "gpu", "0"), field)
		if len(got) != 50 || got[49].fields[field] != want {
			t.Errorf("%s came %d times", field, len(got))
		}
	}
}

// TestClockSteps sets the host's clock under a driver that stamps by it.
func TestClockSteps(t *testing.T) {
	f := func(step time.Duration) {
		t.Run(step.String(), func(t *testing.T) {
			h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
				s.Step(10*time.Second, step)
				for _, r := range rings {
					s.GPUs[0].Ring(r.kind).Epoch = true
				}
			})
			h.open()
			h.ticks(99, 100*ms)
			h.clock.Advance(50 * ms)
			h.clock.Step(step)
			rows := with(of(append(h.tick(50*ms), h.ticks(100, 100*ms)...), "gpu", "0"), "power_watts")
			if len(rows) < 495 || len(rows) > 505 {
				t.Errorf("%d samples in ten seconds of 50 a second", len(rows))
			}
			last := time.Duration(0)
			for _, r := range rows {
				if r.at <= last || r.at < 9800*ms || r.at > 20*time.Second+ms {
					t.Fatalf("a sample at %v after one at %v", r.at, last)
				}
				last = r.at
			}
		})
	}
	f(time.Hour)
	f(-time.Hour)
	f(-300 * ms)
}
