//go:build cgo

package fakedriver_test

import (
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// Every function of the library is called once, through go-nvml, and answers.
func TestEveryFunctionAnswers(t *testing.T) {
	s := newScenario(t, 2)
	s.Calls = filepath.Join(t.TempDir(), "calls")
	g := s.GPUs[0]
	g.Line(fakedriver.Fan).Base(35)
	g.Process(fakedriver.Process{PID: 42, From: 0, To: never, MemoryMiB: 100, SM: 60, Memory: 10})
	g.Process(fakedriver.Process{PID: 43, Graphics: true, From: 0, To: never, MemoryMiB: 7})
	s.GPUs[1].MIG(3, 0, 9984, 16, 1).Process(fakedriver.Process{PID: 44, From: 0, To: never, MemoryMiB: 50})
	lib := start(t, s)
	s.Clock.Advance(time.Second)

	f := func(function string, ret nvml.Return) {
		t.Helper()
		equal(t, function, ret, nvml.SUCCESS)
	}
	text := func(function string, got string, ret nvml.Return) {
		t.Helper()
		f(function, ret)
		if got == "" {
			t.Errorf("%s: empty", function)
		}
	}
	number := func(function string, got int, ret nvml.Return, want int) {
		t.Helper()
		f(function, ret)
		equal(t, function, got, want)
	}
	d := gpu(t, lib, 0)
	f("InitWithFlags", lib.InitWithFlags(0))
	f("Shutdown", lib.Shutdown())
	equal(t, "ErrorString", lib.ErrorString(nvml.ERROR_GPU_IS_LOST), "GPU is lost")
	{
		v, ret := lib.SystemGetDriverVersion()
		text("SystemGetDriverVersion", v, ret)
		v, ret = lib.SystemGetNVMLVersion()
		text("SystemGetNVMLVersion", v, ret)
		cuda, ret := lib.SystemGetCudaDriverVersion_v2()
		number("SystemGetCudaDriverVersion_v2", cuda, ret, 13000)
		cuda, ret = lib.SystemGetCudaDriverVersion()
		number("SystemGetCudaDriverVersion", cuda, ret, 13000)
	}
	{
		uuid, ret := d.GetUUID()
		f("GetUUID", ret)
		same, ret := lib.DeviceGetHandleByUUID(uuid)
		f("DeviceGetHandleByUUID", ret)
		equal(t, "handle by UUID", same, d)
		info, ret := d.GetPciInfo()
		f("GetPciInfo", ret)
		same, ret = lib.DeviceGetHandleByPciBusId(cstring(info.BusId[:]))
		f("DeviceGetHandleByPciBusId", ret)
		equal(t, "handle by PCI id", same, d)
		equal(t, "PCI id", cstring(info.BusId[:]), "00000000:0F:00.0")
		equal(t, "old PCI id", cstring(info.BusIdLegacy[:]), "0000:0F:00.0")
	}
	for _, call := range []struct {
		name string
		get  func() (string, nvml.Return)
	}{
		{"GetName", d.GetName},
		{"GetSerial", d.GetSerial},
		{"GetVbiosVersion", d.GetVbiosVersion},
		{"GetInforomImageVersion", d.GetInforomImageVersion},
		{"GetBoardPartNumber", d.GetBoardPartNumber},
		{"GetGspFirmwareVersion", d.GetGspFirmwareVersion},
	} {
		v, ret := call.get()
		text(call.name, v, ret)
	}
	for _, call := range []struct {
		name string
		get  func() (int, nvml.Return)
		want int
	}{
		{"GetIndex", d.GetIndex, 0},
		{"GetMinorNumber", d.GetMinorNumber, 0},
		{"GetMaxPcieLinkGeneration", d.GetMaxPcieLinkGeneration, 5},
		{"GetMaxPcieLinkWidth", d.GetMaxPcieLinkWidth, 16},
		{"GetCurrPcieLinkGeneration", d.GetCurrPcieLinkGeneration, 5},
		{"GetCurrPcieLinkWidth", d.GetCurrPcieLinkWidth, 16},
		{"GetPcieReplayCounter", d.GetPcieReplayCounter, 0},
		{"GetMaxMigDeviceCount", d.GetMaxMigDeviceCount, 7},
	} {
		v, ret := call.get()
		number(call.name, v, ret, call.want)
	}
	for _, call := range []struct {
		name string
		get  func() (uint32, nvml.Return)
		want uint32
	}{
		{"GetFanSpeed", d.GetFanSpeed, 35}, {"GetPowerUsage", d.GetPowerUsage, 70_000}, {"GetEnforcedPowerLimit", d.GetEnforcedPowerLimit, 700_000},
	} {
		v, ret := call.get()
		number(call.name, int(v), ret, int(call.want))
	}
	for _, engine := range []func() (uint32, uint32, nvml.Return){d.GetEncoderUtilization, d.GetDecoderUtilization, d.GetJpgUtilization, d.GetOfaUtilization} {
		_, period, ret := engine()
		number("engine", int(period), ret, 166667)
	}
	for clock := range nvml.CLOCK_COUNT {
		_, ret := d.GetClockInfo(clock)
		f("GetClockInfo", ret)
		_, ret = d.GetMaxClockInfo(clock)
		f("GetMaxClockInfo", ret)
	}
	for threshold := nvml.TEMPERATURE_THRESHOLD_SHUTDOWN; threshold <= nvml.TEMPERATURE_THRESHOLD_GPU_MAX; threshold++ {
		_, ret := d.GetTemperatureThreshold(threshold)
		f("GetTemperatureThreshold", ret)
	}
	{
		arch, ret := d.GetArchitecture()
		number("GetArchitecture", int(arch), ret, nvml.DEVICE_ARCH_HOPPER)
		major, _, ret := d.GetCudaComputeCapability()
		number("GetCudaComputeCapability", major, ret, 9)
		_, ret = d.GetComputeMode()
		f("GetComputeMode", ret)
		_, ret = d.GetPersistenceMode()
		f("GetPersistenceMode", ret)
		_, _, ret = d.GetEccMode()
		f("GetEccMode", ret)
		_, ret = d.GetVirtualizationMode()
		f("GetVirtualizationMode", ret)
		fabric, ret := d.GetGpuFabricInfoV().V3()
		number("GetGpuFabricInfoV", int(fabric.State), ret, nvml.GPU_FABRIC_STATE_COMPLETED)
		_, ret = d.GetGpuFabricInfoV().V2()
		f("GetGpuFabricInfoV V2", ret)
		temperature, ret := d.GetTemperature(nvml.TEMPERATURE_GPU)
		number("GetTemperature", int(temperature), ret, 32)
		margin, ret := d.GetMarginTemperature()
		number("GetMarginTemperature", int(margin.MarginTemperature), ret, 55)
		_, ret = d.GetUtilizationRates()
		f("GetUtilizationRates", ret)
		_, ret = d.GetPcieThroughput(nvml.PCIE_UTIL_RX_BYTES)
		f("GetPcieThroughput", ret)
		_, ret = d.GetCurrentClocksEventReasons()
		f("GetCurrentClocksEventReasons", ret)
		_, ret = d.GetCurrentClocksThrottleReasons()
		f("GetCurrentClocksThrottleReasons", ret)
		_, ret = d.GetPerformanceState()
		f("GetPerformanceState", ret)
		_, _, _, ret = d.GetEncoderStats()
		f("GetEncoderStats", ret)
		_, ret = d.GetFBCStats()
		f("GetFBCStats", ret)
		_, _, _, _, ret = d.GetRemappedRows()
		f("GetRemappedRows", ret)
		_, ret = d.GetTotalEnergyConsumption()
		f("GetTotalEnergyConsumption", ret)
	}
	{
		const mib = 1 << 20
		old, ret := d.GetMemoryInfo()
		f("GetMemoryInfo", ret)
		equal(t, "memory", old, nvml.Memory{Total: 81559 * mib, Free: 80008 * mib, Used: 1551 * mib})
		v2, ret := d.GetMemoryInfo_v2()
		f("GetMemoryInfo_v2", ret)
		v2.Version = 0
		equal(t, "memory v2", v2, nvml.Memory_v2{Total: 81559 * mib, Reserved: 551 * mib, Free: 80008 * mib, Used: 1000 * mib})
		bar1, ret := d.GetBAR1MemoryInfo()
		f("GetBAR1MemoryInfo", ret)
		equal(t, "BAR1", bar1.Bar1Used, 2*mib)
		_, ret = d.GetConfComputeProtectedMemoryUsage()
		f("GetConfComputeProtectedMemoryUsage", ret)
	}
	{
		compute, ret := d.GetComputeRunningProcesses()
		f("GetComputeRunningProcesses", ret)
		if diff := cmp.Diff([]nvml.ProcessInfo{{Pid: 42, UsedGpuMemory: 100 << 20, GpuInstanceId: 1<<32 - 1, ComputeInstanceId: 1<<32 - 1}}, compute); diff != "" {
			t.Errorf("processes: -want +got\n%s", diff)
		}
		graphics, ret := d.GetGraphicsRunningProcesses()
		number("GetGraphicsRunningProcesses", len(graphics), ret, 1)
		use, ret := d.GetProcessUtilization(0)
		number("GetProcessUtilization", len(use), ret, 2)
		equal(t, "SM of the first process", use[0].SmUtil, 60)
		_, ret = d.GetProcessUtilization(use[0].TimeStamp)
		equal(t, "nothing new", ret, nvml.ERROR_NOT_FOUND)
	}
	{
		parent := gpu(t, lib, 1)
		mode, _, ret := parent.GetMigMode()
		number("GetMigMode", mode, ret, nvml.DEVICE_MIG_ENABLE)
		m, ret := parent.GetMigDeviceHandleByIndex(0)
		f("GetMigDeviceHandleByIndex", ret)
		_, ret = parent.GetMigDeviceHandleByIndex(1)
		equal(t, "no such instance", ret, nvml.ERROR_NOT_FOUND)
		is, ret := m.IsMigDeviceHandle()
		f("IsMigDeviceHandle", ret)
		equal(t, "IsMigDeviceHandle", is, true)
		gi, ret := m.GetGpuInstanceId()
		number("GetGpuInstanceId", gi, ret, 3)
		ci, ret := m.GetComputeInstanceId()
		number("GetComputeInstanceId", ci, ret, 0)
		back, ret := m.GetDeviceHandleFromMigDeviceHandle()
		f("GetDeviceHandleFromMigDeviceHandle", ret)
		equal(t, "parent", back, parent)
		attributes, ret := m.GetAttributes()
		number("GetAttributes", int(attributes.MemorySizeMB), ret, 9984)
		memory, ret := m.GetMemoryInfo()
		number("memory of an instance", int(memory.Total>>20), ret, 9984)
		name, ret := m.GetName()
		f("name of an instance", ret)
		equal(t, "name of an instance", name, "NVIDIA H100 80GB HBM3 MIG 1g.10gb")
		processes, ret := parent.GetComputeRunningProcesses()
		number("processes of all instances", len(processes), ret, 1)
		equal(t, "instance of a process", processes[0].GpuInstanceId, 3)
		_, ret = parent.GetUtilizationRates()
		equal(t, "utilisation under MIG", ret, nvml.ERROR_NOT_SUPPORTED)
		_, _, ret = parent.GetSamples(nvml.GPU_UTILIZATION_SAMPLES, 0)
		equal(t, "utilisation ring under MIG", ret, nvml.ERROR_NOT_SUPPORTED)
	}
	calls, err := fakedriver.ReadCalls(s.Calls)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "calls of GetUUID", calls["nvmlDeviceGetUUID"], 1)
	equal(t, "calls of GetClockInfo", calls["nvmlDeviceGetClockInfo"], 4)
}

func cstring(b []int8) string {
	var out []byte
	for _, c := range b {
		if c == 0 {
			break
		}
		out = append(out, byte(c))
	}
	return string(out)
}

// Every field that gpuline's vocabulary names is answered; its type is checked by TestCounters' values.
func TestFields(t *testing.T) {
	s := newScenario(t, 1)
	g := s.GPUs[0]
	for _, r := range []fakedriver.Reading{"module_power", "memory_power", "module_power_limit", "retired_sbe", "retired_dbe", "retired_pending"} {
		g.Line(r).Base(3)
	}
	d := gpu(t, start(t, s), 0)
	ids := []uint32{
		3, 4, 5, 6, 29, 30, 31, 38, 52, 59, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 91, 94, 142, 143, 144, 145, 185, 186, 187, 188, 189,
		190, 191, 192, 193, 194, 195, 196, 197, 198, 230, 269, 270, 271, 138, 139, 140, 141,
	}
	values := []nvml.FieldValue{{FieldId: 185, ScopeId: 1}, {FieldId: 185, ScopeId: 2}, {FieldId: 186, ScopeId: 1}, {FieldId: 190, ScopeId: 1}}
	for _, id := range ids {
		values = append(values, nvml.FieldValue{FieldId: id})
	}
	equal(t, "GetFieldValues", d.GetFieldValues(values), nvml.SUCCESS)
	for _, v := range values {
		equal(t, "field", [2]int{int(v.FieldId), int(v.NvmlReturn)}, [2]int{int(v.FieldId), 0})
		equal(t, "time", v.Timestamp, s.Clock.Now().UnixMicro())
	}
	equal(t, "a limit below zero", int32(field(t, d, nvml.FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT, 0)), -8)
}

func TestEvents(t *testing.T) {
	s := newScenario(t, 2)
	s.GPUs[1].Event(0, "xid", 13)
	s.GPUs[0].Event(2*time.Second, "xid", 79)
	s.GPUs[1].Event(time.Second, "dbe", 0)
	s.GPUs[1].Event(3*time.Second, "recovery", 1)
	lib := start(t, s)
	set, ret := lib.EventSetCreate()
	equal(t, "create", ret, nvml.SUCCESS)
	for i := range 2 {
		d := gpu(t, lib, i)
		types, ret := d.GetSupportedEventTypes()
		equal(t, "types", ret, nvml.SUCCESS)
		if i == 1 {
			types &^= nvml.EventTypeGpuRecoveryAction
		}
		equal(t, "register", d.RegisterEvents(types, set), nvml.SUCCESS)
		equal(t, "register what is not supported", d.RegisterEvents(1<<40, set), nvml.ERROR_NOT_SUPPORTED)
	}
	wait := func(timeout uint32) (string, uint64, nvml.Return) {
		data, ret := set.Wait(timeout)
		if ret != nvml.SUCCESS {
			return "", 0, ret
		}
		uuid, _ := data.Device.GetUUID()
		return uuid[len(uuid)-1:], data.EventData, ret
	}
	f := func(timeout uint32, wantGPU string, wantData uint64, want nvml.Return) {
		t.Helper()
		index, data, ret := wait(timeout)
		equal(t, "wait", ret, want)
		equal(t, "GPU", index, wantGPU)
		equal(t, "data", data, wantData)
	}
	f(20, "", 0, nvml.ERROR_TIMEOUT) // in real time, since the scenario's clock stands; the event before the registration is lost
	time.AfterFunc(20*time.Millisecond, func() { s.Clock.Advance(5 * time.Second) })
	f(1000, "1", 0, nvml.SUCCESS)
	f(0, "0", 79, nvml.SUCCESS)
	f(0, "", 0, nvml.ERROR_TIMEOUT)
	time.AfterFunc(20*time.Millisecond, func() { s.Clock.Advance(time.Hour) })
	f(3_000_000, "", 0, nvml.ERROR_TIMEOUT) // in the scenario's clock
	equal(t, "free", set.Free(), nvml.SUCCESS)
}

// The sizes are those that driver/abi.c asserts of the C side.
func TestABI(t *testing.T) {
	f := func(name string, got, want uintptr) { t.Helper(); equal(t, name, got, want) }
	f("Sample", unsafe.Sizeof(nvml.Sample{}), 16)
	f("FieldValue", unsafe.Sizeof(nvml.FieldValue{}), 40)
	f("Memory_v2", unsafe.Sizeof(nvml.Memory_v2{}), 40)
	f("PciInfo", unsafe.Sizeof(nvml.PciInfo{}), 68)
	f("ProcessInfo_v1", unsafe.Sizeof(nvml.ProcessInfo_v1{}), 16)
	f("ProcessInfo", unsafe.Sizeof(nvml.ProcessInfo{}), 24)
	f("ProcessUtilizationSample", unsafe.Sizeof(nvml.ProcessUtilizationSample{}), 32)
	f("ProcessUtilizationInfo_v1", unsafe.Sizeof(nvml.ProcessUtilizationInfo_v1{}), 40)
	f("ProcessesUtilizationInfo_v1", unsafe.Sizeof(nvml.ProcessesUtilizationInfo_v1{}), 24)
	f("GpmMetric", unsafe.Sizeof(nvml.GpmMetric{}), 40)
	f("DeviceAttributes", unsafe.Sizeof(nvml.DeviceAttributes{}), 40)
	f("GpuFabricInfo_v3", unsafe.Sizeof(nvml.GpuFabricInfo_v3{}), 40)
}
