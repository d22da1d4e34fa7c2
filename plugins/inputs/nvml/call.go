package nvml

import "strings"

// call is a function of the driver's library that this input calls.
type call uint8

const (
	callDriverVersion call = iota
	callCUDAVersion
	callCount
	callHandle
	callUUID
	callName
	callPCIInfo

	callSamples
	callEnergy
	callFields
	callUtilization
	callPower
	callClock

	callMemory
	callMemoryV1
	callTemperature
	callMargin
	callReasons
	callReasonsOld
	callPState
	callPowerLimit
	callEncoder
	callDecoder
	callJPEG
	callOFA

	callFan
	callLinkGeneration
	callLinkWidth
	callReplays
	callBAR1
	callProtected
	callEncoderStats
	callCaptureStats
	callCompute
	callGraphics
	callProcessUse
	callProcessUseOld

	callVBIOS
	callGSP
	callInfoROM
	callSerial
	callPart
	callArchitecture
	callCapability
	callComputeMode
	callPersistence
	callMIGMode
	callECCMode
	callVirtualization
	callFabric
	callMinor
	callThreshold
	callMaxClock
	callMaxLinkGeneration
	callMaxLinkWidth

	callMIGCount
	callMIGHandle
	callGI
	callCI

	callGPMSupport
	callGPMAlloc
	callGPMFree
	callGPMSample
	callGPMSampleMIG
	callGPMMetrics

	callEventSet
	callEventTypes
	callEventRegister
	callEventWait
	callEventFree

	calls
)

// name returns the function's name without the prefix that all have, in the first of its versions.
func (c call) name() string {
	name, _, _ := strings.Cut(callNames[c], "|")
	return name
}

// symbols returns the names in the library of which one is enough, the best first.
func (c call) symbols() []string {
	names := strings.Split(callNames[c], "|")
	for i := range names {
		names[i] = "nvml" + names[i]
	}
	return names
}

var callNames = [calls]string{
	callDriverVersion: "SystemGetDriverVersion",
	callCUDAVersion:   "SystemGetCudaDriverVersion_v2|SystemGetCudaDriverVersion",
	callCount:         "DeviceGetCount_v2|DeviceGetCount",
	callHandle:        "DeviceGetHandleByIndex_v2|DeviceGetHandleByIndex",
	callUUID:          "DeviceGetUUID",
	callName:          "DeviceGetName",
	callPCIInfo:       "DeviceGetPciInfo_v3|DeviceGetPciInfo_v2|DeviceGetPciInfo",

	callSamples:     "DeviceGetSamples",
	callEnergy:      "DeviceGetTotalEnergyConsumption",
	callFields:      "DeviceGetFieldValues",
	callUtilization: "DeviceGetUtilizationRates",
	callPower:       "DeviceGetPowerUsage",
	callClock:       "DeviceGetClockInfo",

	callMemory:      "DeviceGetMemoryInfo_v2",
	callMemoryV1:    "DeviceGetMemoryInfo",
	callTemperature: "DeviceGetTemperature|DeviceGetTemperatureV",
	callMargin:      "DeviceGetMarginTemperature",
	callReasons:     "DeviceGetCurrentClocksEventReasons",
	callReasonsOld:  "DeviceGetCurrentClocksThrottleReasons",
	callPState:      "DeviceGetPerformanceState",
	callPowerLimit:  "DeviceGetEnforcedPowerLimit",
	callEncoder:     "DeviceGetEncoderUtilization",
	callDecoder:     "DeviceGetDecoderUtilization",
	callJPEG:        "DeviceGetJpgUtilization",
	callOFA:         "DeviceGetOfaUtilization",

	callFan:            "DeviceGetFanSpeed",
	callLinkGeneration: "DeviceGetCurrPcieLinkGeneration",
	callLinkWidth:      "DeviceGetCurrPcieLinkWidth",
	callReplays:        "DeviceGetPcieReplayCounter",
	callBAR1:           "DeviceGetBAR1MemoryInfo",
	callProtected:      "DeviceGetConfComputeProtectedMemoryUsage",
	callEncoderStats:   "DeviceGetEncoderStats",
	callCaptureStats:   "DeviceGetFBCStats",
	callCompute:        "DeviceGetComputeRunningProcesses_v3|DeviceGetComputeRunningProcesses_v2|DeviceGetComputeRunningProcesses",
	callGraphics:       "DeviceGetGraphicsRunningProcesses_v3|DeviceGetGraphicsRunningProcesses_v2|DeviceGetGraphicsRunningProcesses",
	callProcessUse:     "DeviceGetProcessesUtilizationInfo",
	callProcessUseOld:  "DeviceGetProcessUtilization",

	callVBIOS:             "DeviceGetVbiosVersion",
	callGSP:               "DeviceGetGspFirmwareVersion",
	callInfoROM:           "DeviceGetInforomImageVersion",
	callSerial:            "DeviceGetSerial",
	callPart:              "DeviceGetBoardPartNumber",
	callArchitecture:      "DeviceGetArchitecture",
	callCapability:        "DeviceGetCudaComputeCapability",
	callComputeMode:       "DeviceGetComputeMode",
	callPersistence:       "DeviceGetPersistenceMode",
	callMIGMode:           "DeviceGetMigMode",
	callECCMode:           "DeviceGetEccMode",
	callVirtualization:    "DeviceGetVirtualizationMode",
	callFabric:            "DeviceGetGpuFabricInfoV",
	callMinor:             "DeviceGetMinorNumber",
	callThreshold:         "DeviceGetTemperatureThreshold",
	callMaxClock:          "DeviceGetMaxClockInfo",
	callMaxLinkGeneration: "DeviceGetMaxPcieLinkGeneration",
	callMaxLinkWidth:      "DeviceGetMaxPcieLinkWidth",

	callMIGCount:  "DeviceGetMaxMigDeviceCount",
	callMIGHandle: "DeviceGetMigDeviceHandleByIndex",
	callGI:        "DeviceGetGpuInstanceId",
	callCI:        "DeviceGetComputeInstanceId",

	callGPMSupport:   "GpmQueryDeviceSupport",
	callGPMAlloc:     "GpmSampleAlloc",
	callGPMFree:      "GpmSampleFree",
	callGPMSample:    "GpmSampleGet",
	callGPMSampleMIG: "GpmMigSampleGet",
	callGPMMetrics:   "GpmMetricsGet",

	callEventSet:      "EventSetCreate",
	callEventTypes:    "DeviceGetSupportedEventTypes",
	callEventRegister: "DeviceRegisterEvents",
	callEventWait:     "EventSetWait_v2|EventSetWait",
	callEventFree:     "EventSetFree",
}
