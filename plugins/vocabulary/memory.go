package vocabulary

// memory says what is allocated on a device.
var memory = []Reading{
	{
		Field: gauge("memory_used_bytes", "bytes"), Metric: GPU,
		Help: "Device memory allocated by contexts.",
		NVML: "GetMemoryInfo_v2", XML: "fb_memory_usage/used", CSV: "memory.used", SMIFactor: mebi,
		DCGM:     DCGM{252, "DCGM_FI_DEV_FB_USED", "", mebi},
		Telegraf: Telegraf{"memory_used", mebi},
		Tegra:    "RAM X/…, meminfo",
	},
	{
		Field: gauge("memory_free_bytes", "bytes"), Metric: GPU,
		Help: "Device memory that can still be allocated.",
		NVML: "GetMemoryInfo_v2", XML: "fb_memory_usage/free", CSV: "memory.free", SMIFactor: mebi,
		DCGM:     DCGM{251, "DCGM_FI_DEV_FB_FREE", "", mebi},
		Telegraf: Telegraf{"memory_free", mebi},
		Tegra:    "RAM, meminfo",
	},
	{
		Field: gauge("memory_reserved_bytes", "bytes"), Metric: GPU,
		Help: "Device memory that driver and firmware keep for themselves.",
		NVML: "GetMemoryInfo_v2", XML: "fb_memory_usage/reserved", CSV: "memory.reserved", SMIFactor: mebi,
		DCGM:     DCGM{253, "DCGM_FI_DEV_FB_RESERVED", "", mebi},
		Telegraf: Telegraf{"memory_reserved", mebi},
	},
	{
		Field: gauge("memory_total_bytes", "bytes"), Metric: GPU,
		Help: "Device memory installed, what ECC takes not counted.",
		NVML: "GetMemoryInfo_v2", XML: "fb_memory_usage/total", CSV: "memory.total", SMIFactor: mebi,
		DCGM:     DCGM{250, "DCGM_FI_DEV_FB_TOTAL", "", mebi},
		Telegraf: Telegraf{"memory_total", mebi},
		Tegra:    "RAM …/Y, meminfo",
	},
	{
		Field: gauge("memory_used_ratio", "ratio"), Metric: GPU,
		Help:  "Memory used in relation to total less reserved, or to total where reserved is unknown.",
		NVML:  "from GetMemoryInfo_v2",
		DCGM:  DCGM{254, "DCGM_FI_DEV_FB_USED_PERCENT", "DCGM_FI_DEV_FB_USED_RATIO", 1},
		Tegra: "RAM X/Y, meminfo",
	},
	{
		Field: gauge("bar1_used_bytes", "bytes"), Metric: GPU,
		Help: "BAR1 memory mapped, through which the host and other devices reach device memory.",
		NVML: "GetBAR1MemoryInfo", XML: "bar1_memory_usage/used", SMIFactor: mebi,
		DCGM:       DCGM{92, "DCGM_FI_DEV_BAR1_USED", "", mebi},
		DCGMBetter: []DCGM{{1601, "DCGM_FI_DEV_BAR1_USED_BYTES", "", 1}},
	},
	{
		Field: gauge("bar1_total_bytes", "bytes"), Metric: GPU,
		Help: "BAR1 memory that can be mapped.",
		NVML: "GetBAR1MemoryInfo", XML: "bar1_memory_usage/total", SMIFactor: mebi,
		DCGM:       DCGM{90, "DCGM_FI_DEV_BAR1_TOTAL", "", mebi},
		DCGMBetter: []DCGM{{1600, "DCGM_FI_DEV_BAR1_CAPACITY_BYTES", "", 1}},
	},
	{
		Field: gauge("protected_memory_used_bytes", "bytes"), Metric: GPU,
		Help: "Memory allocated in the confidential compute area.",
		NVML: "GetConfComputeProtectedMemoryUsage", XML: "cc_protected_memory_usage/used", CSV: "protected_memory.used", SMIFactor: mebi,
	},
	{
		Field: gauge("protected_memory_total_bytes", "bytes"), Metric: GPU,
		Help: "Size of the confidential compute area.",
		NVML: "GetConfComputeProtectedMemoryUsage", XML: "cc_protected_memory_usage/total", CSV: "protected_memory.total", SMIFactor: mebi,
	},
}
