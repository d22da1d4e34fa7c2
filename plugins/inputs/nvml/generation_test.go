//go:build cgo

package nvml

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// The test binary runs one test again with another library: a process can load only one.
const (
	otherLibrary    = "GPULINE_TEST_NVML"
	otherGeneration = "GPULINE_TEST_NVML_GENERATION"
)

// again runs this test in a process of its own, with a library, and reports whether this is that process.
func again(t *testing.T, lib, generation string) bool {
	t.Helper()
	if os.Getenv(otherLibrary) != "" {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^"+strings.Join(parts, "$/^")+"$", "-test.v")
	cmd.Env = append(os.Environ(), otherLibrary+"="+lib, otherGeneration+"="+generation)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// TestOldDrivers reads through libraries of four generations, each of which lacks functions that a call
// would end the process with.
func TestOldDrivers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a driver for each generation: make test has it")
	}
	for name, has := range map[string]struct{ fields, lacks string }{
		"hopper": {"energy_joules utilization_ratio power_watts memory_reserved_bytes sm_active_ratio throttle_sw_power_seconds throttle_reasons", ""},
		"ampere": {"energy_joules utilization_ratio power_watts memory_used_ratio throttle_sw_power_seconds throttle_reasons", "sm_active_ratio memory_reserved_bytes"},
		"volta":  {"energy_joules utilization_ratio power_watts memory_used_ratio throttle_reasons", "sm_active_ratio"},
		"kepler": {"utilization_ratio power_watts memory_used_ratio temperature_celsius throttle_reasons", "energy_joules throttle_sw_power_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			lib := ""
			if os.Getenv(otherLibrary) == "" {
				var err error
				lib, err = fakedriver.Build(t.TempDir(), fakedriver.Generation(name)...)
				if errors.Is(err, fakedriver.ErrNoCompiler) {
					t.Skip("there is no gcc: nothing is read through the fake driver")
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if !again(t, lib, name) {
				return
			}
			c := usual()
			c.SlowInterval = time.Second
			h := newHost(t, 2, c, 100*ms, func(s *fakedriver.Scenario) {
				for i := range 3 {
					s.GPUs[1].Process(fakedriver.Process{PID: 4_000_000 + i, To: fakedriver.Never, MemoryMiB: 100 + i, SM: 2, JPEG: 4})
				}
			})
			h.open()
			rows := h.ticks(50, 100*ms)
			processes, seen := of(rows, "gpu_process", "1"), map[string]bool{}
			for _, r := range processes {
				seen[r.tags["pid"]] = true
				if pid, _ := strconv.Atoi(r.tags["pid"]); r.fields["memory_used_bytes"] != float64((pid-3_999_900)<<20) {
					t.Errorf("a process: %+v", r)
				}
			}
			if len(seen) != 3 {
				t.Errorf("%d processes", len(seen))
			}
			if n, old := len(with(processes, "sm_ratio")), name == "kepler"; (n == 0) != old || len(with(processes, "jpeg_ratio")) > 0 {
				t.Errorf("%d rows with a process's share", n)
			}
			for _, field := range strings.Fields(has.fields) {
				if len(with(of(rows, "gpu", "1"), field)) == 0 {
					t.Errorf("there is no %s", field)
				}
			}
			for _, field := range strings.Fields(has.lacks) {
				if len(with(of(rows, "gpu", "1"), field)) > 0 {
					t.Errorf("there is %s", field)
				}
			}
			if len(h.errs) > 0 || h.total("gpuline_nvml_call_failures_total") > 0 {
				t.Errorf("errors %v; the log:\n%s", h.errs, h.log.String())
			}
		})
	}
}

// TestWithoutDeprecated reads through a library that has none of what nvml.h calls deprecated for the next release, and
// loses a GPU for a while.
func TestWithoutDeprecated(t *testing.T) {
	lib := ""
	if os.Getenv(otherLibrary) == "" {
		var err error
		lib, err = fakedriver.Build(t.TempDir(), "nvmlDeviceGetTemperature")
		if errors.Is(err, fakedriver.ErrNoCompiler) {
			t.Skip("there is no gcc: nothing is read through the fake driver")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !again(t, lib, "") {
		return
	}
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Line(fakedriver.Temperature).Base(61)
		s.GPUs[0].Lost(5*time.Second, 10*time.Second, false)
	})
	h.open()
	rows := with(of(h.ticks(150, 100*ms), "gpu", "0"), "temperature_celsius")
	if n := len(since(rows, 11*time.Second)); n < 3 || rows[0].fields["temperature_celsius"] != 61 {
		t.Errorf("%d temperatures after the GPU was back, of %d", n, len(rows))
	}
}

// TestRealLibraryWithoutDriver opens NVIDIA's own library on a host without its kernel module.
func TestRealLibraryWithoutDriver(t *testing.T) {
	lib := os.Getenv("GPULINE_REAL_NVML")
	if lib == "" {
		t.Skip("GPULINE_REAL_NVML names no libnvidia-ml.so.1 of NVIDIA's: see .ci/run")
	}
	if _, err := os.Stat("/proc/driver/nvidia/version"); err == nil {
		t.Skip("this host has NVIDIA's kernel module")
	}
	if !again(t, lib, "") {
		return
	}
	c := usual()
	c.Library = lib
	m := newMonitor(&c)
	err := m.Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
	if err == nil || !strings.Contains(err.Error(), "not loaded") || errors.Is(err, sdk.ErrPermanent) {
		t.Errorf("opened without a driver: %v", err)
	}
}

// TestNoLibrary says what was looked for.
func TestNoLibrary(t *testing.T) {
	c := usual()
	c.Library = filepath.Join(t.TempDir(), fakedriver.LibraryName)
	m := newMonitor(&c)
	err := m.Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
	if err == nil || !strings.Contains(err.Error(), c.Library) || !strings.Contains(err.Error(), "`library`") {
		t.Errorf("%v", err)
	}
}

// TestContract runs the conformance suite over the input, in real time.
func TestContract(t *testing.T) {
	lib := buildDriver(t)
	sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
		s := fakedriver.New(nil, 2)
		path := filepath.Join(t.TempDir(), "scenario")
		if err := s.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		t.Setenv(fakedriver.Env, path)
		c := usual()
		c.Library = lib
		return newMonitor(&c)
	})
}

// TestIntegrated reads a GPU that is part of a processor: it is on no bus of PCI's, and has no memory of its own.
func TestIntegrated(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Set("name", "NVIDIA Thor")
		for _, call := range []string{"DeviceGetPciInfo*", "DeviceGetMemoryInfo*", "DeviceGetBAR1MemoryInfo", "DeviceGet*Pcie*", "DeviceGetTotalEnergyConsumption"} {
			g.Unsupported(call)
		}
		g.Line(fakedriver.GPUUtil).Base(40)
	})
	h.open()
	rows := of(h.ticks(20, 100*ms), "gpu", "0")
	if len(with(rows, "utilization_ratio")) == 0 || len(with(rows, "power_watts")) == 0 || len(with(rows, "memory_used_bytes")) > 0 {
		t.Errorf("%+v", rows)
	}
	if tags := rows[0].tags; tags["pci_bus_id"] != "" || tags["gpu_name"] != "NVIDIA Thor" || tags["gpu_uuid"] == "" {
		t.Errorf("tags %v", tags)
	}
	if len(h.errs) > 0 || h.total("gpuline_nvml_call_failures_total") > 0 {
		t.Errorf("errors %v; the log:\n%s", h.errs, h.log.String())
	}
}
