package fakedriver

import "fmt"

// generations lists what the NVML of each time lacks of what the fake has, for [Build] to hide: newest
// first, each with what it lacks beyond the one before. The lists of hopper, ampere and volta are those of
// the libraries of drivers 535.261, 450.248 and 418.226; kepler's adds to that of 390.157 what came between
// 352 and it. A driver says NOT_SUPPORTED where a card lacks a thing: a missing function means that the
// driver itself is older.
var generations = []struct {
	name  string
	lacks []string
}{
	{"hopper", []string{"nvmlDeviceGetGpuFabricInfoV", "nvmlDeviceGetMarginTemperature", "nvmlDeviceGetTemperatureV", "nvmlDeviceGetProcessesUtilizationInfo"}},
	{"ampere", []string{
		"nvmlGpm*", "nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetCurrentClocksEventReasons",
		"nvmlDeviceGet*RunningProcesses_v3", "nvmlDeviceGetJpgUtilization", "nvmlDeviceGetOfaUtilization",
		"nvmlDeviceGetConfComputeProtectedMemoryUsage", "nvmlDeviceGetGspFirmwareVersion",
	}},
	{"volta", []string{
		"nvmlDeviceGetMigMode", "nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex",
		"nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId", "nvmlDeviceGetDeviceHandleFromMigDeviceHandle",
		"nvmlDeviceIsMigDeviceHandle", "nvmlDeviceGetAttributes_v2", "nvmlDeviceGetRemappedRows",
		"nvmlDeviceGetArchitecture", "nvmlDeviceGet*RunningProcesses_v2", "nvmlEventSetWait_v2",
	}},
	{"kepler", []string{
		"nvmlDeviceGetFBCStats", "nvmlSystemGetCudaDriverVersion_v2",
		"nvmlDeviceGetFieldValues", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetProcessUtilization",
		"nvmlDeviceGetEncoderStats", "nvmlDeviceGetVirtualizationMode", "nvmlDeviceGetCudaComputeCapability",
		"nvmlDeviceGetPciInfo_v3", "nvmlInitWithFlags",
	}},
}

// Generation returns the functions that the NVML of a GPU generation's time lacks: kepler (352), volta
// (418), ampere (450) or hopper (535). It panics on another name.
func Generation(name string) []string {
	var lacks []string
	for _, g := range generations {
		lacks = append(lacks, g.lacks...)
		if g.name == name {
			return lacks
		}
	}
	panic(fmt.Sprintf("fakedriver: no generation %q", name))
}
