//go:build cgo

package nvml

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestStubs holds that a function which reports success and writes nothing gives no reading, and that what another
// gives stands in for it.
func TestStubs(t *testing.T) {
	c := usual()
	c.SlowInterval = time.Second
	h := newHost(t, 2, c, 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		for _, call := range strings.Fields(`
			DeviceGetFieldValues DeviceGetSamples DeviceGetTotalEnergyConsumption DeviceGetCurrentClocksEventReasons DeviceGetCurrentClocksThrottleReasons
			DeviceGetPerformanceState DeviceGetMarginTemperature DeviceGetClockInfo DeviceGetTemperatureThreshold DeviceGetMaxClockInfo
			DeviceGetComputeRunningProcesses_v3 DeviceGetProcessesUtilizationInfo`) {
			g.Stub(call)
		}
		g.Set("memory_short", 1)
		g.Set("memory_total", 1000)
		g.Line(fakedriver.Power).Base(300_000)
		g.Line("memory_used").Base(250)
	})
	h.open()
	rows := h.ticks(30, 100*ms)
	f := func(field string, want float64) {
		t.Helper()
		for _, r := range of(rows, "gpu", "0") {
			if got, ok := r.fields[field]; ok && (math.IsNaN(want) || got != want) {
				t.Fatalf("%s is %v, want %v", field, got, want)
			}
		}
		if !math.IsNaN(want) && len(with(of(rows, "gpu", "0"), field)) == 0 {
			t.Errorf("there is no %s", field)
		}
	}
	none := math.NaN()
	f("up", 1)
	f("power_watts", 300)
	f("utilization_ratio", 0)
	f("temperature_celsius", 32)
	f("power_limit_watts", 700)
	f("memory_total_bytes", 1000<<20)
	f("memory_reserved_bytes", none)
	for _, field := range strings.Fields(`energy_joules throttle_reasons pstate temperature_margin_celsius clock_sm_hertz
		memory_temperature_celsius module_power_watts pcie_tx_bytes nvlink_tx_bytes recovery_action ecc_corrected_errors`) {
		f(field, none)
		if len(with(of(rows, "gpu", "1"), field)) == 0 && field != "module_power_watts" {
			t.Errorf("the other GPU has no %s", field)
		}
	}
	for _, r := range of(rows, "gpu_info", "0") {
		for _, field := range []string{"temperature_shutdown_celsius", "clock_sm_max_hertz"} {
			if _, ok := r.fields[field]; ok {
				t.Errorf("%s: %+v", field, r)
			}
		}
	}
	if processes := of(rows, "gpu_process", ""); len(processes) > 0 || h.total("gpuline_nvml_invalid_values_total") > 0 {
		t.Errorf("%d processes, %v invalid values", len(processes), h.total("gpuline_nvml_invalid_values_total"))
	}
}

// TestEnergyThatStandsStill holds that a counter of energy which does not move is not told for longer than a real one
// stands still, and is when it moves again: means of power from it would be 0.
func TestEnergyThatStandsStill(t *testing.T) {
	h := newHost(t, 2, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Line(fakedriver.Power).Base(0).At(10*time.Second, 300_000)
	})
	h.open()
	rows := h.ticks(200, 100*ms)
	f := func(gpu string, from, to time.Duration, want bool) {
		t.Helper()
		n := 0
		for _, r := range with(of(rows, "gpu", gpu), "energy_joules") {
			if r.at >= from && r.at < to {
				n++
			}
		}
		if (n > 0) != want {
			t.Errorf("GPU %s has energy %d times from %v to %v", gpu, n, from, to)
		}
	}
	f("0", 0, 2*time.Second, true)
	f("0", 3*time.Second, 9*time.Second, false)
	f("0", 11*time.Second, 20*time.Second, true)
	f("1", 3*time.Second, 9*time.Second, true)
}

// TestPoorDriver reads GPUs of which the driver tells hardly anything, not even who they are, and one that has all. No
// row is empty, and none is taken for another GPU's.
func TestPoorDriver(t *testing.T) {
	h := newHost(t, 3, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Unsupported("DeviceGet[!H]*")
		s.GPUs[1].Unsupported("DeviceGet[!H]*")
		s.Reload(4*time.Second, 2*time.Second)
	})
	h.open()
	rows := h.ticks(90, 100*ms)
	for _, r := range rows {
		if len(r.fields)+len(r.texts) == 0 {
			t.Fatalf("an empty row at %v: %v", r.at, r.tags)
		}
	}
	for _, index := range []string{"0", "1", "2"} {
		up := with(of(rows, "gpu", index), "up")
		if n := len(up); n < 60 || up[0].fields["up"] != 1 || up[n-1].fields["up"] != 1 || up[n-1].tags["gpu_index"] != index {
			t.Errorf("GPU %s: %d rows", index, n)
		}
	}
	wantEvents(t, rows, "0", "lost/", "found/")
	wantEvents(t, rows, "1", "lost/", "found/")
}

// TestNoInstance holds that a process on a GPU without MIG is in no instance, whatever the driver calls that.
func TestNoInstance(t *testing.T) {
	c := usual()
	c.SlowInterval = time.Second
	h := newHost(t, 2, c, time.Second, func(s *fakedriver.Scenario) {
		for _, g := range s.GPUs {
			g.Set("no_instance", 0)
			g.Process(fakedriver.Process{PID: 4_000_001, To: fakedriver.Never, MemoryMiB: 100})
			g.Process(fakedriver.Process{PID: 4_000_001, To: fakedriver.Never, MemoryMiB: 100, Graphics: true})
		}
		s.GPUs[1].MIG(1, 0, 9728, 16, 1).Process(fakedriver.Process{PID: 4_000_002, To: fakedriver.Never, MemoryMiB: 50})
	})
	h.open()
	rows := h.ticks(3, time.Second)
	f := func(gpu, pid, gi, kind string) {
		t.Helper()
		for _, r := range of(rows, "gpu_process", gpu) {
			if r.tags["pid"] == pid {
				if r.tags["mig_gi"] != gi || r.tags["type"] != kind {
					t.Errorf("%+v", r.tags)
				}
				return
			}
		}
		t.Errorf("GPU %s: there is no process %s", gpu, pid)
	}
	f("0", "4000001", "", "C+G")
	f("1", "4000002", "1", "C")
}

// without runs this test in a process of its own, with a library that lacks some functions, and reports whether this is
// that process.
func without(t *testing.T, functions ...string) bool {
	t.Helper()
	lib := ""
	if os.Getenv(otherLibrary) == "" {
		var err error
		lib, err = fakedriver.Build(t.TempDir(), functions...)
		if errors.Is(err, fakedriver.ErrNoCompiler) {
			t.Skip("there is no gcc: nothing is read through the fake driver")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return again(t, lib, "")
}

// TestNotNVML holds that a library which is none of NVML's is an error, and not the end of the process.
func TestNotNVML(t *testing.T) {
	if without(t, "nvmlInit*") {
		if _, err := openLibrary(os.Getenv(otherLibrary)); err == nil || !strings.Contains(err.Error(), "it is not NVML") {
			t.Error(err)
		}
	}
}

// TestUnversioned reads through a library that has none but the first version of each function, and no UUIDs.
func TestUnversioned(t *testing.T) {
	if !without(t, "nvml*_v2", "nvml*_v3", "nvmlDeviceGetUUID") {
		return
	}
	h := newHost(t, 2, usual(), 100*ms, nil)
	h.open()
	rows := h.ticks(20, 100*ms)
	if info := of(rows, "gpu_info", "1"); len(info) == 0 || info[0].texts["cuda_version"] == "" {
		t.Errorf("%+v", info)
	}
	for index, bus := range map[string]string{"0": "00000000:0F:00.0", "1": "00000000:1F:00.0"} {
		got := with(of(rows, "gpu", index), "memory_total_bytes")
		if len(got) == 0 || got[0].tags["pci_bus_id"] != bus || got[0].tags["gpu_uuid"] != "" {
			t.Errorf("GPU %s: %d rows, such as %+v", index, len(got), got)
		}
	}
}

// TestHugeRing reads a ring of which the driver says that it holds far more than it can.
func TestHugeRing(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Ring(fakedriver.PowerSamples).Size = 100_000
	})
	h.open()
	h.ticks(20, 100*ms)
	if n := cap(h.m.devices[0].sampler.raw); n > mostSamples {
		t.Errorf("room for %d samples", n)
	}
}

// TestFailureIsSaidOnce holds that a call which fails at each tick is in the log once a minute, and counted each time.
func TestFailureIsSaidOnce(t *testing.T) {
	h := newHost(t, 1, usual(), time.Second, func(s *fakedriver.Scenario) {
		s.GPUs[0].Error("DeviceGetTemperature", 999, 0, fakedriver.Never)
	})
	h.open()
	h.ticks(150, time.Second)
	if n := strings.Count(h.log.String(), "a call failed"); n != 3 || h.total("gpuline_nvml_call_failures_total") != 150 {
		t.Errorf("%d lines, %v failures", n, h.total("gpuline_nvml_call_failures_total"))
	}
}
