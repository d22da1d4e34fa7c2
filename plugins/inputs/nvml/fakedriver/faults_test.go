//go:build cgo

package fakedriver_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

const (
	second = time.Second
	never  = fakedriver.Never
)

func power(d nvml.Device) nvml.Return {
	_, ret := d.GetPowerUsage()
	return ret
}

func TestLost(t *testing.T) {
	s := newScenario(t, 3)
	s.GPUs[0].Lost(10*second, 20*second, true)
	s.GPUs[1].Lost(10*second, never, false)
	lib := start(t, s)
	d := []nvml.Device{gpu(t, lib, 0), gpu(t, lib, 1), gpu(t, lib, 2)}
	f := func(count int, want ...nvml.Return) {
		t.Helper()
		n, ret := lib.DeviceGetCount()
		equal(t, "count", ret, nvml.SUCCESS)
		equal(t, "count", n, count)
		for i := range d {
			equal(t, "power", power(d[i]), want[i])
		}
	}
	f(3, nvml.SUCCESS, nvml.SUCCESS, nvml.SUCCESS)
	s.Clock.Advance(10 * second)
	f(2, nvml.ERROR_GPU_IS_LOST, nvml.ERROR_GPU_IS_LOST, nvml.SUCCESS)
	index, ret := d[2].GetIndex()
	equal(t, "index", ret, nvml.SUCCESS)
	equal(t, "the index moves up when a GPU leaves the count", index, 1)
	_, ret = lib.DeviceGetHandleByIndex(0)
	equal(t, "handle of a lost GPU", ret, nvml.ERROR_GPU_IS_LOST)
	s.Clock.Advance(10 * second)
	f(3, nvml.SUCCESS, nvml.ERROR_GPU_IS_LOST, nvml.SUCCESS)
}

func TestAppears(t *testing.T) {
	s := newScenario(t, 3)
	s.GPUs[1].Appears(5*second, false)
	s.GPUs[2].Appears(5*second, true)
	lib := start(t, s)
	f := func(want int) {
		t.Helper()
		n, _ := lib.DeviceGetCount()
		equal(t, "count", n, want)
	}
	f(1)
	s.Clock.Advance(5 * second)
	f(2)
	equal(t, "shutdown", lib.Shutdown(), nvml.SUCCESS)
	equal(t, "init", lib.Init(), nvml.SUCCESS)
	f(3)
}

// A call hangs while a file exists; unless it holds the driver's lock, another GPU answers meanwhile.
func TestHang(t *testing.T) {
	hang := func(t *testing.T, locked bool) {
		file := filepath.Join(t.TempDir(), "hang")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := newScenario(t, 2)
		s.GPUs[0].Hang("DeviceGetPowerUsage", second, never, file, locked)
		lib := start(t, s)
		hung, other := gpu(t, lib, 0), gpu(t, lib, 1)
		equal(t, "before the hang", power(hung), nvml.SUCCESS)
		s.Clock.Advance(second)
		done, otherDone := make(chan nvml.Return, 1), make(chan nvml.Return, 1)
		go func() { done <- power(hung) }()
		select {
		case <-done:
			t.Fatal("the call did not hang")
		case <-time.After(30 * time.Millisecond):
		}
		go func() { otherDone <- power(other) }()
		select {
		case <-otherDone:
			if locked {
				t.Fatal("a call got past the lock")
			}
		case <-time.After(map[bool]time.Duration{true: 50 * time.Millisecond, false: 10 * second}[locked]):
			if !locked {
				t.Error("the hung call keeps others out")
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		equal(t, "after the hang", <-done, nvml.SUCCESS)
		if locked {
			<-otherDone
		}
	}
	t.Run("alone", func(t *testing.T) { hang(t, false) })
	t.Run("with the lock", func(t *testing.T) { hang(t, true) })
}

// A hang of the scenario's clock alone ends when that clock says so, and shutting down meanwhile is safe.
func TestHangOverShutdown(t *testing.T) {
	s := newScenario(t, 1)
	s.GPUs[0].Hang("DeviceGetPowerUsage", 0, 5*second, "", false)
	lib := start(t, s)
	d := gpu(t, lib, 0)
	done := make(chan nvml.Return, 1)
	go func() { done <- power(d) }()
	time.Sleep(20 * time.Millisecond)
	equal(t, "shutdown", lib.Shutdown(), nvml.SUCCESS)
	s.Clock.Advance(5 * second)
	equal(t, "the call's end", <-done, nvml.ERROR_UNINITIALIZED)
	equal(t, "init", lib.Init(), nvml.SUCCESS)
	equal(t, "the next call", power(gpu(t, lib, 0)), nvml.SUCCESS)
}

func TestDelay(t *testing.T) {
	s := newScenario(t, 1)
	s.GPUs[0].Delay("DeviceGetFanSpeed", 30*ms)
	d := gpu(t, start(t, s), 0)
	f := func(least time.Duration, call func()) {
		t.Helper()
		begin := time.Now()
		call()
		if took := time.Since(begin); took < least {
			t.Errorf("took %v, want at least %v", took, least)
		}
	}
	f(30*ms, func() { d.GetFanSpeed() })
	f(20*ms, func() { d.GetPcieThroughput(nvml.PCIE_UTIL_TX_BYTES) })
}

func TestReload(t *testing.T) {
	s := newScenario(t, 1)
	s.GPUs[0].Line(fakedriver.Power).Base(100_000)
	s.Reload(60*second, 2*second)
	truth := s.GPUs[0].Truth()
	lib := start(t, s)
	d := gpu(t, lib, 0)
	s.Clock.Advance(60 * second)
	equal(t, "while it is away", power(d), nvml.ERROR_DRIVER_NOT_LOADED)
	s.Clock.Advance(2 * second)
	equal(t, "when it is back", power(d), nvml.ERROR_UNINITIALIZED)
	equal(t, "shutdown", lib.Shutdown(), nvml.SUCCESS)
	equal(t, "init", lib.Init(), nvml.SUCCESS)
	s.Clock.Advance(time.Second)
	energy, ret := gpu(t, lib, 0).GetTotalEnergyConsumption()
	equal(t, "energy", ret, nvml.SUCCESS)
	equal(t, "energy since the reload", int64(energy), truth.Energy(63*second))
	equal(t, "energy since the reload", energy, 100_000)
	_, samples, ret := gpu(t, lib, 0).GetSamples(nvml.TOTAL_POWER_SAMPLES, 0)
	equal(t, "ring", ret, nvml.SUCCESS)
	equal(t, "ring since the reload", len(samples), len(truth.Ring(fakedriver.PowerSamples, 63*second)))
	equal(t, "ring since the reload", len(samples), 51)
}

// A process that called nvmlInit before the driver was upgraded never gets it back; a new one does.
func TestMismatch(t *testing.T) {
	s := newScenario(t, 1)
	s.Mismatch(10*second, "580.1")
	lib := start(t, s)
	d := gpu(t, lib, 0)
	s.Clock.Advance(10 * second)
	equal(t, "call", power(d), nvml.ERROR_LIB_RM_VERSION_MISMATCH)
	equal(t, "shutdown", lib.Shutdown(), nvml.SUCCESS)
	equal(t, "init", lib.Init(), nvml.ERROR_LIB_RM_VERSION_MISMATCH)
}

func TestUpgraded(t *testing.T) {
	s := newScenario(t, 1)
	s.Mismatch(10*second, "580.1")
	s.Clock.Advance(10 * second)
	version, ret := start(t, s).SystemGetDriverVersion()
	equal(t, "version", ret, nvml.SUCCESS)
	equal(t, "version", version, "580.1")
}

// TestStub holds that a stub writes nothing, and that another GPU has the call.
func TestStub(t *testing.T) {
	s := newScenario(t, 2)
	s.GPUs[0].Stub("DeviceGetFieldValues")
	s.GPUs[0].Stub("DeviceGetTotalEnergyConsumption")
	lib := start(t, s)
	f := func(index int, stub bool) {
		t.Helper()
		d := gpu(t, lib, index)
		values := []nvml.FieldValue{{FieldId: nvml.FI_DEV_POWER_INSTANT, NvmlReturn: 77}}
		equal(t, "fields", d.GetFieldValues(values), nvml.SUCCESS)
		equal(t, "the field's own", values[0].NvmlReturn == 77, stub)
		_, ret := d.GetTotalEnergyConsumption()
		equal(t, "energy", ret, nvml.SUCCESS)
	}
	f(0, true)
	f(1, false)
}

func TestErrors(t *testing.T) {
	s := newScenario(t, 2)
	g := s.GPUs[0]
	g.Error("DeviceGetPowerUsage", 999, second, 2*second)
	g.Error("DeviceGetSamples/1", 6, 0, never)
	g.Error("DeviceGetFieldValues/82", 4, 0, never)
	g.Error("DeviceGet*Threshold", 4, 0, never)
	g.Error("DeviceGetHandleByUUID", 17, 0, never)
	g.Unsupported("gpu_util")
	g.Unsupported("DeviceGetBAR1*")
	s.Add("error * SystemGetCudaDriverVersion_v2 13")
	lib := start(t, s)
	d, other := gpu(t, lib, 0), gpu(t, lib, 1)
	uuid, _ := d.GetUUID()
	f := func(what string, got, want nvml.Return) { t.Helper(); equal(t, what, got, want) }
	f("power before", power(d), nvml.SUCCESS)
	s.Clock.Advance(second)
	f("power", power(d), nvml.ERROR_UNKNOWN)
	f("power of the other", power(other), nvml.SUCCESS)
	s.Clock.Advance(second)
	f("power after", power(d), nvml.SUCCESS)
	_, _, ret := d.GetSamples(nvml.GPU_UTILIZATION_SAMPLES, 0)
	f("samples", ret, nvml.ERROR_NOT_FOUND)
	_, _, ret = d.GetSamples(nvml.TOTAL_POWER_SAMPLES, 0)
	f("other samples", ret, nvml.SUCCESS)
	values := []nvml.FieldValue{{FieldId: nvml.FI_DEV_MEMORY_TEMP}, {FieldId: nvml.FI_DEV_POWER_INSTANT}, {FieldId: nvml.FI_DEV_POWER_INSTANT, ScopeId: 1}}
	f("fields", d.GetFieldValues(values), nvml.SUCCESS)
	f("memory temperature", nvml.Return(values[0].NvmlReturn), nvml.ERROR_NO_PERMISSION)
	f("instant power", nvml.Return(values[1].NvmlReturn), nvml.SUCCESS)
	f("module power", nvml.Return(values[2].NvmlReturn), nvml.ERROR_NOT_SUPPORTED)
	_, ret = d.GetTemperatureThreshold(nvml.TEMPERATURE_THRESHOLD_GPU_MAX)
	f("threshold", ret, nvml.ERROR_NO_PERMISSION)
	_, ret = lib.DeviceGetHandleByUUID(uuid)
	f("handle", ret, nvml.ERROR_OPERATING_SYSTEM)
	_, ret = d.GetUtilizationRates()
	f("utilisation", ret, nvml.ERROR_NOT_SUPPORTED)
	_, ret = d.GetBAR1MemoryInfo()
	f("BAR1", ret, nvml.ERROR_NOT_SUPPORTED)
	_, ret = lib.SystemGetCudaDriverVersion_v2()
	f("CUDA version", ret, nvml.ERROR_FUNCTION_NOT_FOUND)
}

// Without its functions an old library still answers to what it has.
func TestGenerations(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a driver for each generation: make test has it")
	}
	for _, name := range []string{"kepler", "volta", "ampere", "hopper"} {
		t.Run(name, func(t *testing.T) {
			if !inChild(t, fakedriver.Generation(name)...) {
				return
			}
			lib := start(t, newScenario(t, 1))
			path, _ := library()
			has, err := fakedriver.Functions(path)
			if err != nil {
				t.Fatal(err)
			}
			f := func(function string, since ...string) {
				t.Helper()
				want := slices.Contains(since, name)
				equal(t, function, lib.Extensions().LookupSymbol(function) == nil, want)
				equal(t, function+" among Functions", slices.Contains(has, function), want)
			}
			f("nvmlDeviceGetSamples", "kepler", "volta", "ampere", "hopper")
			f("nvmlDeviceGetFieldValues", "volta", "ampere", "hopper")
			f("nvmlDeviceGetTotalEnergyConsumption", "volta", "ampere", "hopper")
			f("nvmlDeviceGetMigMode", "ampere", "hopper")
			f("nvmlDeviceGetMemoryInfo_v2", "hopper")
			f("nvmlDeviceGetCurrentClocksEventReasons", "hopper")
			f("nvmlGpmSampleGet", "hopper")
			f("nvmlDeviceGetMarginTemperature")
			equal(t, "power", power(gpu(t, lib, 0)), nvml.SUCCESS)
			processes, ret := gpu(t, lib, 0).GetComputeRunningProcesses()
			equal(t, "processes", ret, nvml.SUCCESS)
			equal(t, "processes", len(processes), 0)
		})
	}
}

func TestHideRefusesUnknownNames(t *testing.T) {
	_, err := fakedriver.Build(t.TempDir(), "nvmlDeviceGetTemperatur")
	skipped := err != nil && strings.Contains(err.Error(), "no gcc")
	if skipped {
		t.Skip(err)
	}
	if err == nil || !strings.Contains(err.Error(), `"nvmlDeviceGetTemperatur"`) {
		t.Errorf("got %v", err)
	}
}
