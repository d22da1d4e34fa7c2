package vocabulary

// process says what one process does on a device. It bears the tags TagPID, TagProcess and TagType
// besides those of the device.
var process = []Reading{
	{
		Field: gauge("memory_used_bytes", "bytes"), Metric: Process,
		Help: "Device memory that the process has allocated.",
		NVML: "GetComputeRunningProcesses, GetGraphicsRunningProcesses", XML: "processes/process_info/used_memory", SMIFactor: mebi,
	},
	{
		Field: gauge("sm_ratio", "ratio"), Metric: Process,
		Help: "Share of the multiprocessors' time that the process took.",
		NVML: "GetProcessUtilization smUtil",
	},
	{
		Field: gauge("memory_activity_ratio", "ratio"), Metric: Process,
		Help: "Share of the device memory's time that the process took.",
		NVML: "GetProcessUtilization memUtil",
	},
	{
		Field: gauge("encoder_ratio", "ratio"), Metric: Process,
		Help: "Share of the video encoder's time that the process took.",
		NVML: "GetProcessUtilization encUtil",
	},
	{
		Field: gauge("decoder_ratio", "ratio"), Metric: Process,
		Help: "Share of the video decoder's time that the process took.",
		NVML: "GetProcessUtilization decUtil",
	},
	{
		Field: gauge("jpeg_ratio", "ratio"), Metric: Process,
		Help: "Share of the JPEG engine's time that the process took.",
		NVML: "GetProcessesUtilizationInfo jpgUtil",
	},
	{
		Field: gauge("ofa_ratio", "ratio"), Metric: Process,
		Help: "Share of the optical flow engine's time that the process took.",
		NVML: "GetProcessesUtilizationInfo ofaUtil",
	},
}
