//go:build cgo

package nvml

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// await has the input wait for what the driver reports, in real time, and returns the rows.
func (h *host) await() []row {
	h.t.Helper()
	for range 50 {
		h.m.start, h.m.ticks = time.Now(), 1 // the next tick is an interval away
		if _, err := h.m.Read(h.t.Context(), h.batch); err != nil {
			h.t.Fatal(err)
		}
		rows := h.rows()
		h.batch.Reset()
		if len(of(rows, "gpu_event", "")) > 0 {
			return rows
		}
	}
	h.t.Fatal("the driver reported nothing")
	return nil
}

// TestEvents holds that what the driver reports becomes an event at once, and is told once.
func TestEvents(t *testing.T) {
	h := newHost(t, 2, usual(), 10*time.Second, func(s *fakedriver.Scenario) {
		g := s.GPUs[1]
		g.Event(20*time.Second, "xid", 79)
		g.Event(40*time.Second, "dbe", 0)
		g.Line(fakedriver.ECCUncorrected).Base(0).At(40*time.Second, 2)
		g.Line("recovery_action").Base(0).At(60*time.Second, 1)
		g.Event(60*time.Second, "recovery", 0)
	})
	h.open()
	h.ticks(2, 10*time.Second-ms)
	h.clock.Advance(2*ms + 500*ms)
	rows := h.await()
	wantEvents(t, rows, "1", "xid/79")
	if e := of(rows, "gpu_event", "1")[0]; e.tags["severity"] != "critical" || !strings.Contains(e.texts["message"], "fallen off the bus") ||
		e.class != sdk.ClassEvent || e.at < 20*time.Second || e.at > 21*time.Second {
		t.Errorf("%+v", e)
	}
	rows = append(rows, h.tick(500*ms)...) // the calls that were brought forward
	if got := with(of(rows, "gpu", "1"), "xid"); len(got) == 0 || got[0].fields["xid"] != 79 {
		t.Errorf("%d rows with `xid`", len(got))
	}
	h.ticks(1, 19*time.Second)
	rows = append(h.await(), h.tick(500*ms)...)
	wantEvents(t, rows, "1", "ecc/uncorrected") // the counter's growth has been told
	if got := with(of(rows, "gpu", "1"), "ecc_uncorrected_errors"); len(got) != 1 || got[0].fields["ecc_uncorrected_errors"] != 2 {
		t.Errorf("the counter: %+v", got)
	}
	h.clock.Advance(20 * time.Second)
	wantEvents(t, append(h.await(), h.ticks(3, 500*ms)...), "1", "recovery/reset")
}

// TestEventKinds holds that each kind of event that the driver reports is told, as what it is.
func TestEventKinds(t *testing.T) {
	kinds := []struct{ kind, want string }{
		{"512", "ecc/storm"},
		{"1024", "ecc/retired"},
		{"2048", "ecc/retirement_failed"},
		{"poison", "ecc/poison"},
		{"fatal_poison", "ecc/fatal_poison"},
		{"unavailable", "lost/unavailable"},
	}
	h := newHost(t, 1, usual(), 10*time.Second, func(s *fakedriver.Scenario) {
		s.GPUs[0].Set("event_types", 0xff1f)
		for i, k := range kinds {
			s.GPUs[0].Event(time.Duration(i)*21*time.Second+20_500*ms, k.kind, 0)
		}
	})
	h.open()
	for _, k := range kinds {
		h.ticks(2, 10*time.Second)
		h.clock.Advance(time.Second)
		wantEvents(t, h.await(), "0", k.want)
	}
}

// TestUnwatched holds that a GPU whose events cannot be recorded takes none from the others, though the driver spoils
// the set that it was to be added to.
func TestUnwatched(t *testing.T) {
	h := newHost(t, 3, usual(), 10*time.Second, func(s *fakedriver.Scenario) {
		s.GPUs[0].Event(20*time.Second, "xid", 48)
		s.GPUs[1].Set("events_refused", 999)
		s.GPUs[2].Event(40*time.Second, "xid", 79)
	})
	h.open()
	h.ticks(2, 10*time.Second-ms)
	h.clock.Advance(2*ms + 500*ms)
	wantEvents(t, h.await(), "0", "xid/48")
	h.ticks(2, 10*time.Second-ms)
	h.clock.Advance(2*ms + 500*ms)
	wantEvents(t, h.await(), "2", "xid/79")
}

// TestErrorsWithoutEvents holds that a driver which reports nothing is found out by its counters.
func TestErrorsWithoutEvents(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Unsupported("DeviceGetSupportedEventTypes")
		g.Unsupported("DeviceRegisterEvents")
		g.Line(fakedriver.ECCUncorrected).Base(1).At(40*time.Second, 3)
		g.Line(fakedriver.Throttle).Base(0).At(50*time.Second, 0x40)
	})
	h.open()
	rows := h.ticks(700, 100*ms)
	wantEvents(t, rows, "0", "throttle/hw_thermal", "ecc/uncorrected")
	for _, e := range of(rows, "gpu_event", "0") {
		if e.tags["event"] == "ecc" && e.fields["value"] != 2 {
			t.Errorf("%+v", e)
		}
	}
}

// TestInstances reads a GPU that is cut into MIG instances.
func TestInstances(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		a, b := g.MIG(1, 0, 20_000, 32, 2), g.MIG(5, 0, 10_000, 16, 1)
		a.Line(fakedriver.MemoryUsed).Base(5000)
		a.Line(fakedriver.GPMSM).Base(500)
		b.Line(fakedriver.GPMSM).Base(125)
	})
	h.open()
	rows := h.ticks(30, 100*ms)
	last := map[string]map[string]float64{}
	for _, r := range of(rows, "gpu", "0") {
		gi := r.tags["mig_gi"]
		if last[gi] == nil {
			last[gi] = map[string]float64{}
		}
		for k, v := range r.fields {
			last[gi][k] = v
		}
	}
	f := func(gi, field string, want float64) {
		t.Helper()
		if got := last[gi][field]; got != want {
			t.Errorf("instance %q: %s is %v, want %v", gi, field, got, want)
		}
	}
	wantInstances(t, rows, 0, time.Second, "MIG-fa4e0000-0000-0001-0000-000000000000", "MIG-fa4e0000-0000-0005-0000-000000000000")
	f("1", "memory_used_bytes", 5000<<20)
	f("1", "sm_active_ratio", 0.5)
	f("5", "sm_active_ratio", 0.125)
	if _, ok := last[""]["utilization_ratio"]; ok {
		t.Error("a GPU that is cut into instances has no utilisation")
	}
	if last[""]["power_watts"] == 0 || last[""]["energy_joules"] == 0 {
		t.Error("nothing is known of the whole GPU's power")
	}
}

// TestProcesses lists what runs on a GPU.
func TestProcesses(t *testing.T) {
	c := usual()
	c.Processes = 2
	c.SlowInterval = time.Second
	self := os.Getpid()
	h := newHost(t, 1, c, 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Process(fakedriver.Process{PID: self, To: fakedriver.Never, MemoryMiB: 900, SM: 40, Memory: 20, JPEG: 30, OFA: 5})
		g.Process(fakedriver.Process{PID: 4_000_001, To: 5 * time.Second, MemoryMiB: 7000, SM: 10})
		g.Process(fakedriver.Process{PID: 4_000_002, To: fakedriver.Never, MemoryMiB: 300})
	})
	h.open()
	rows := h.ticks(100, 100*ms)
	listed := func(pid int, from, to time.Duration) (some []row) {
		for _, r := range of(rows, "gpu_process", "0") {
			if r.tags["pid"] == strconv.Itoa(pid) && r.at >= from && r.at < to {
				some = append(some, r)
			}
		}
		return some
	}
	own := listed(self, 0, 10*time.Second)
	if len(own) < 9 {
		t.Fatalf("%d rows of this process", len(own))
	}
	if r := own[len(own)-1]; r.fields["memory_used_bytes"] != 900<<20 || r.fields["sm_ratio"] != 0.4 || r.fields["jpeg_ratio"] != 0.3 || r.fields["ofa_ratio"] != 0.05 || r.tags["type"] != "C" ||
		!strings.Contains(r.tags["process_name"], "nvml.test") {
		t.Errorf("%+v", r)
	}
	if n := len(listed(4_000_001, 6*time.Second, time.Hour)); n != 0 {
		t.Errorf("a process that has ended is listed %d times", n)
	}
	if n := len(listed(4_000_002, 0, 4*time.Second)); n != 0 {
		t.Errorf("the third by memory is listed %d times, with two allowed", n)
	}
	if n := len(listed(4_000_002, 6*time.Second, time.Hour)); n == 0 {
		t.Error("the second by memory is not listed")
	}
}

// TestProcessUse: the shares of all processes are read, however many there are, and those that only the newer of two
// functions knows are absent where a GPU does not have it.
func TestProcessUse(t *testing.T) {
	f := func(t *testing.T, refuses bool) {
		c := usual()
		c.Processes = 100
		c.SlowInterval = time.Second
		h := newHost(t, 1, c, 100*ms, func(s *fakedriver.Scenario) {
			for pid := range 50 {
				s.GPUs[0].Process(fakedriver.Process{PID: 4_000_000 + pid, To: fakedriver.Never, MemoryMiB: 10, SM: 2, Decode: 3, JPEG: 4, OFA: 5})
			}
			if refuses {
				s.GPUs[0].Error("DeviceGetProcessesUtilizationInfo", int(nvml.ERROR_NOT_SUPPORTED), 0, fakedriver.Never)
			}
		})
		h.open()
		rows := of(h.ticks(50, 100*ms), "gpu_process", "0")
		shares := map[string]int{"sm_ratio": 0, "decoder_ratio": 0, "jpeg_ratio": 0, "ofa_ratio": 0}
		for field := range shares {
			pids := make(map[string]bool)
			for _, r := range with(rows, field) {
				pids[r.tags["pid"]] = true
			}
			shares[field] = len(pids)
		}
		want := map[string]int{"sm_ratio": 50, "decoder_ratio": 50, "jpeg_ratio": 50, "ofa_ratio": 50}
		if refuses {
			want["jpeg_ratio"], want["ofa_ratio"] = 0, 0
		}
		if diff := cmp.Diff(want, shares); diff != "" {
			t.Errorf("processes with a share, -want +got\n%s", diff)
		}
		if len(h.errs) > 0 || h.total("gpuline_nvml_call_failures_total") > 0 {
			t.Errorf("errors %v; the log:\n%s", h.errs, h.log.String())
		}
	}
	t.Run("new function", func(t *testing.T) { f(t, false) })
	t.Run("old function", func(t *testing.T) { f(t, true) })
}

// TestIdleInterval reads a GPU that has been idle for long more seldom, and misses nothing of its rings.
func TestIdleInterval(t *testing.T) {
	c := usual()
	c.IdleInterval = 2 * time.Second
	var truth *fakedriver.Truth
	h := newHost(t, 1, c, 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Line(fakedriver.GPUUtil).Base(0).Burst(70*time.Second, 300*ms, 100)
		truth = s.GPUs[0].Truth()
	})
	h.open()
	rows := h.ticks(900, 100*ms)
	count := func(from, to time.Duration) int {
		return len(with(since(upTo(of(rows, "gpu", "0"), to), from), "energy_joules"))
	}
	if n := count(40*time.Second, 60*time.Second); n > 12 {
		t.Errorf("read %d times in 20 s of idleness", n)
	}
	if n := count(73*time.Second, 83*time.Second); n < 95 {
		t.Errorf("read %d times in 10 s of work", n)
	}
	wantSamples(t, truth, rows, "0", 0, 90*time.Second)
}

// wantInstances checks which instances gpu_info tells of, by their UUIDs, each once.
func wantInstances(t *testing.T, rows []row, from, to time.Duration, want ...string) {
	t.Helper()
	var got []string
	for _, r := range of(rows, "gpu_info", "0") {
		if uuid := r.texts["mig_uuid"]; r.tags["mig_gi"] != "" && r.at >= from && r.at < to {
			got = append(got, uuid)
		} else if uuid != "" && r.tags["mig_gi"] == "" {
			t.Errorf("the GPU has the UUID %s of an instance", uuid)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("instances from %v to %v: %q, want %q", from, to, got, want)
	}
}

// TestSilenceGrows: an idle GPU is never silent for so long that outputs.prometheus would take it for gone.
func TestSilenceGrows(t *testing.T) {
	c := usual()
	c.IdleInterval = 2 * time.Minute
	h := newHost(t, 1, c, time.Second, func(s *fakedriver.Scenario) { s.GPUs[0].Line(fakedriver.GPUUtil).Base(0) })
	h.open()
	var before, longest time.Duration
	for _, r := range with(of(h.ticks(600, time.Second), "gpu", "0"), "energy_joules") {
		if before > 0 {
			gap := r.at - before
			if gap > max(30*time.Second, 3*longest) {
				t.Errorf("silent for %v at %v, after %v at most", gap, before, longest)
			}
			longest = max(longest, gap)
		}
		before = r.at
	}
	if longest < c.IdleInterval-time.Second || longest > c.IdleInterval+time.Second {
		t.Errorf("the longest silence is %v, want %v", longest, c.IdleInterval)
	}
}

// TestInstancesComeAndGo cuts a GPU into MIG instances under the input, destroys one, and makes the GPU whole again.
// What it has not meanwhile is asked for again; nothing that concerns one instance takes it from others.
func TestInstancesComeAndGo(t *testing.T) {
	c := usual()
	c.SlowInterval = time.Second
	h := newHost(t, 1, c, 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Set("mig_whole", 0)
		g.Line(fakedriver.GPMSM).Base(250)
		a := g.MIGBetween(5*time.Second, 20*time.Second, 1, 0, 20_000, 32, 2)
		b := g.MIGBetween(5*time.Second, 10*time.Second+50*ms, 2, 0, 20_000, 32, 2)
		a.Line(fakedriver.MemoryUsed).Base(5000)
		a.Line(fakedriver.GPMSM).Base(500)
		b.Line(fakedriver.GPMSM).Base(125)
		a.Process(fakedriver.Process{PID: 4_000_001, To: fakedriver.Never, MemoryMiB: 5000})
		a.Process(fakedriver.Process{PID: 4_000_002, Graphics: true, To: fakedriver.Never, MemoryMiB: 7})
		b.Process(fakedriver.Process{PID: 4_000_003, To: fakedriver.Never, MemoryMiB: 100})
	})
	h.open()
	all := h.ticks(300, 100*ms)
	rows := of(all, "gpu", "0")
	f := func(gi, field string, from, to time.Duration, want int) {
		t.Helper()
		n := 0
		for _, r := range with(rows, field) {
			if r.tags["mig_gi"] == gi && r.at >= from && r.at < to {
				n++
			}
		}
		if n < want-2 || n > want+2 || want == 0 && n > 0 {
			t.Errorf("instance %q from %v to %v: %d of %s, want %d", gi, from, to, n, field, want)
		}
	}
	wantInstances(t, all, 0, 5*time.Second)
	wantInstances(t, all, 5*time.Second, 7*time.Second, "MIG-fa4e0000-0000-0001-0000-000000000000", "MIG-fa4e0000-0000-0002-0000-000000000000")
	wantInstances(t, all, 7*time.Second, 30*time.Second)
	f("", "memory_used_bytes", 0, 5*time.Second, 5)
	f("", "memory_used_bytes", 7*time.Second, 20*time.Second, 0)
	f("", "memory_used_bytes", 22*time.Second, 30*time.Second, 8)
	f("", "utilization_ratio", 22*time.Second, 30*time.Second, 48)
	f("", "sm_active_ratio", 0, 5*time.Second, 4)
	f("", "sm_active_ratio", 22*time.Second, 30*time.Second, 8)
	f("1", "memory_used_bytes", 6*time.Second, 20*time.Second, 14)
	f("1", "sm_active_ratio", 7*time.Second, 20*time.Second, 13)
	f("2", "sm_active_ratio", 7*time.Second, 10*time.Second, 3)
	f("2", "memory_total_bytes", 12*time.Second, 30*time.Second, 0)
	for _, r := range rows {
		if len(r.fields) == 0 {
			t.Errorf("a row of nothing: %+v", r)
		}
	}
	g := func(gi, pid, kind string, from, to time.Duration, want int) {
		t.Helper()
		n := 0
		for _, r := range since(upTo(of(all, "gpu_process", "0"), to), from) {
			if r.tags["mig_gi"] == gi && r.tags["pid"] == pid && r.tags["type"] == kind {
				n++
			}
		}
		if n < want-2 || n > want+2 || want == 0 && n > 0 {
			t.Errorf("process %s of instance %q from %v to %v: %d, want %d", pid, gi, from, to, n, want)
		}
	}
	g("1", "4000001", "C", 6*time.Second, 20*time.Second, 14)
	g("1", "4000002", "G", 6*time.Second, 20*time.Second, 14)
	g("2", "4000003", "C", 6*time.Second, 10*time.Second, 4)
	g("2", "4000003", "C", 12*time.Second, 30*time.Second, 0)
	g("", "4000001", "C", 0, 30*time.Second, 0)
}

// TestProfilerThatNeverAnswers leaves a profiler alone that says it is there and fails, as in the guest of a virtual GPU.
func TestProfilerThatNeverAnswers(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Error("GpmSampleGet", 999, 0, 400*time.Second)
		s.GPUs[0].Line(fakedriver.GPMSM).Base(250)
	})
	h.open()
	h.ticks(280, time.Second)
	if n := h.total("gpuline_nvml_calls_total", "call", "GpmSampleGet"); n != enoughFailures {
		t.Errorf("asked %v times in five minutes", n)
	}
	if rows := with(of(h.ticks(600, time.Second), "gpu", "0"), "sm_active_ratio"); len(rows) < 200 {
		t.Errorf("%d readings after it answers", len(rows))
	}
}

// TestEventsAtOnce holds that a driver whose wait for an event returns at once, with nothing, is not asked without end.
func TestEventsAtOnce(t *testing.T) {
	f := func(e nvml.EventData, ret nvml.Return) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			set := &mock.EventSet{
				WaitFunc: func(uint32) (nvml.EventData, nvml.Return) { return e, ret },
				FreeFunc: func() nvml.Return { return nvml.SUCCESS },
			}
			w := &watch{set: set, known: map[nvml.Device]bool{&mock.Device{}: true}, reports: make(chan nvml.EventData, 64)}
			w.begin()
			time.Sleep(10 * time.Second)
			if !w.close() {
				t.Error("the watch does not end")
			}
			if n := len(set.WaitCalls()); n > 21 || len(w.reports) > 0 {
				t.Errorf("it was asked %d times, and %d events came of it", n, len(w.reports))
			}
		})
	}
	f(nvml.EventData{}, nvml.ERROR_TIMEOUT)
	f(nvml.EventData{}, nvml.SUCCESS)
	f(nvml.EventData{}, nvml.ERROR_NOT_SUPPORTED)
}

// TestReusedHandle holds that memory stands with the instance whose it is when the driver gives a handle to another
// instance.
func TestReusedHandle(t *testing.T) {
	h := newHost(t, 1, usual(), time.Second, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Set("mig_reuse", 1)
		g.MIGBetween(-time.Hour, 5*time.Second, 1, 0, 20_000, 32, 2)
		g.MIGBetween(5*time.Second, fakedriver.Never, 2, 0, 10_000, 16, 1)
	})
	h.open()
	rows := with(of(h.ticks(20, time.Second), "gpu", "0"), "memory_total_bytes")
	want := map[string]float64{"1": 20_000 << 20, "2": 10_000 << 20}
	last := map[string]time.Duration{}
	for _, r := range rows {
		gi := r.tags["mig_gi"]
		if last[gi] = r.at; gi != "" && r.fields["memory_total_bytes"] != want[gi] {
			t.Errorf("at %v instance %s has %v", r.at, gi, r.fields["memory_total_bytes"])
		}
	}
	if last["1"] > 6*time.Second || last["2"] < 19*time.Second {
		t.Errorf("last seen: %v", last)
	}
}
