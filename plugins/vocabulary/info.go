package vocabulary

// info says what a device is and how it is set: written seldom, windowed never.
var info = []Reading{
	{
		Field: text("driver_version"), Metric: Info, Help: "Version of the driver.",
		NVML: "SystemGetDriverVersion", XML: "../driver_version, ../kmd_version", CSV: "driver_version", CSVOlder: []string{"kmd_version"},
		DCGM: DCGM{1, "DCGM_FI_DRIVER_VERSION", "DCGM_FI_SYSTEM_DRIVER_VERSION", 0}, Telegraf: Telegraf{Field: "driver_version"},
		Tegra: "nv_tegra_release",
	},
	{
		Field: text("cuda_version"), Metric: Info, Help: "Newest CUDA that the driver supports.",
		NVML: "SystemGetCudaDriverVersion_v2", XML: "../cuda_version, ../cuda_umd_version", Telegraf: Telegraf{Field: "cuda_version"},
	},
	{
		Field: text("vbios_version"), Metric: Info, Help: "Version of the device's BIOS.",
		NVML: "GetVbiosVersion", XML: "vbios_version", CSV: "vbios_version",
		DCGM: DCGM{85, "DCGM_FI_DEV_VBIOS_VERSION", "", 0}, Telegraf: Telegraf{Field: "vbios_version"},
	},
	{
		Field: text("gsp_firmware_version"), Metric: Info, Help: "Version of the GSP's firmware.",
		NVML: "GetGspFirmwareVersion", XML: "gsp_firmware_version",
	},
	{
		Field: text("inforom_version"), Metric: Info, Help: "Version of the infoROM's image.",
		NVML: "GetInforomImageVersion", XML: "inforom_version/img_version", CSV: "inforom.img", CSVOlder: []string{"inforom.image"},
		DCGM: DCGM{82, "DCGM_FI_DEV_INFOROM_IMAGE_VER", "DCGM_FI_DEV_INFOROM_IMAGE_VERSION", 0},
	},
	{
		Field: text("serial"), Metric: Info, Help: "Serial number of the board.",
		NVML: "GetSerial", XML: "serial", CSV: "serial", CSVOlder: []string{"gpu_serial"},
		DCGM: DCGM{53, "DCGM_FI_DEV_SERIAL", "DCGM_FI_DEV_BOARD_SERIAL", 0}, Telegraf: Telegraf{Field: "serial"},
		Tegra: "device-tree/serial-number",
	},
	{
		Field: text("board_part_number"), Metric: Info, Help: "Part number of the board.",
		NVML: "GetBoardPartNumber", XML: "board_part_number",
	},
	{
		Field: text("architecture"), Metric: Info, Help: "Architecture, such as Hopper.",
		NVML: "GetArchitecture", XML: "product_architecture",
		Tegra: "device-tree/compatible",
	},
	{
		Field: text("compute_capability"), Metric: Info, Help: "CUDA compute capability, such as 9.0.",
		NVML: "GetCudaComputeCapability", CSV: "compute_cap",
		Tegra: "device-tree/compatible",
	},
	{
		Field: text("compute_mode"), Metric: Info, Help: "Who may use the device: Default, Exclusive_Process or Prohibited.",
		NVML: "GetComputeMode", XML: "compute_mode", CSV: "compute_mode",
	},
	{
		Field: text("persistence_mode"), Metric: Info, Help: "Whether the driver stays loaded without clients: Enabled or Disabled.",
		NVML: "GetPersistenceMode", XML: "persistence_mode", CSV: "persistence_mode",
	},
	{
		Field: text("mig_mode"), Metric: Info, Help: "Whether the device is cut into MIG instances: Enabled or Disabled.",
		NVML: "GetMigMode", XML: "mig_mode/current_mig", CSV: "mig.mode.current",
	},
	{
		Field: text("mig_uuid"), Metric: Info, Help: "Of a MIG instance: its own UUID, by which containers are given it.",
		NVML: "GetUUID of the MIG device",
	},
	{
		Field: text("ecc_mode"), Metric: Info, Help: "Whether memory errors are corrected: Enabled or Disabled.",
		NVML: "GetEccMode", XML: "ecc_mode/current_ecc", CSV: "ecc.mode.current", Telegraf: Telegraf{Field: "current_ecc"},
	},
	{
		Field: text("virtualization_mode"), Metric: Info, Help: "How the device reaches this system: None, Pass-Through, VGPU or Host VGPU.",
		NVML: "GetVirtualizationMode", XML: "gpu_virtualization_mode/virtualization_mode",
	},
	{
		Field: text("fabric_state"), Metric: Info, Help: "Whether the device has joined its NVLink fabric: Completed, In Progress, Not Started or Not Supported.",
		NVML: "GetGpuFabricInfoV", XML: "fabric/state", CSV: "fabric.state",
	},
	{
		Field: text("fabric_status"), Metric: Info, Help: "How joining the fabric ended: Success, or the error.",
		NVML: "GetGpuFabricInfoV", XML: "fabric/status", CSV: "fabric.status",
	},
	{
		Field: text("fabric_health"), Metric: Info, Help: "Health of the device's links into the fabric: Healthy, Unhealthy or Limited Capacity.",
		NVML: "GetGpuFabricInfoV", XML: "fabric/health/summary", CSV: "fabric.health.summary",
	},
	{
		Field: text("power_rail"), Metric: Info, Help: "Rail that power_watts is the power of, where a device has no meter of its own.",
		Tegra: "VDD_GPU, VDD_GPU_SOC, …",
	},
	{
		Field: code("minor_number", ""), Metric: Info, Help: "Number of the device file: /dev/nvidia0 is 0.",
		NVML: "GetMinorNumber", XML: "minor_number",
		DCGM: DCGM{55, "DCGM_FI_DEV_MINOR_NUMBER", "DCGM_FI_DEV_GPU_MINOR_NUMBER", 1},
	},
	{
		Field: code("power_limit_default_watts", "watts"), Metric: Info, Help: "Power limit that the device starts with.",
		NVML: "field 189 POWER_DEFAULT_LIMIT", XML: "gpu_power_readings/gpu_ceiling_power_limit/default_power_limit, gpu_power_readings/default_power_limit, power_readings/default_power_limit",
		CSV: "power.default_limit", CSVOlder: []string{"gpu.power.default_limit"},
		DCGM:     DCGM{163, "DCGM_FI_DEV_POWER_MGMT_LIMIT_DEF", "DCGM_FI_DEV_BOARD_POWER_LIMIT_DEFAULT_WATTS", 1},
		Telegraf: Telegraf{"power_limit_default", 1},
	},
	{
		Field: code("power_limit_requested_watts", "watts"), Metric: Info, Help: "Power limit that an operator has asked for.",
		NVML: "field 192 POWER_REQUESTED_LIMIT", XML: "gpu_power_readings/gpu_ceiling_power_limit/requested_power_limit, gpu_power_readings/requested_power_limit, power_readings/power_limit",
		CSV: "power.limit", CSVOlder: []string{"gpu.power.requested_limit"},
		DCGM:     DCGM{160, "DCGM_FI_DEV_POWER_MGMT_LIMIT", "DCGM_FI_DEV_BOARD_POWER_LIMIT_REQUESTED_WATTS", 1},
		Telegraf: Telegraf{"power_limit_requested", 1},
	},
	{
		Field: code("power_limit_min_watts", "watts"), Metric: Info, Help: "Least power limit that can be set.",
		NVML: "field 187 POWER_MIN_LIMIT", XML: "gpu_power_readings/min_power_limit, power_readings/min_power_limit",
		CSV: "power.min_limit", CSVOlder: []string{"gpu.power.min_limit"},
		DCGM:     DCGM{161, "DCGM_FI_DEV_POWER_MGMT_LIMIT_MIN", "DCGM_FI_DEV_BOARD_POWER_LIMIT_MIN_WATTS", 1},
		Telegraf: Telegraf{"power_limit_min", 1},
	},
	{
		Field: code("power_limit_max_watts", "watts"), Metric: Info, Help: "Greatest power limit that can be set.",
		NVML: "field 188 POWER_MAX_LIMIT", XML: "gpu_power_readings/max_power_limit, power_readings/max_power_limit",
		CSV: "power.max_limit", CSVOlder: []string{"gpu.power.max_limit"},
		DCGM:     DCGM{162, "DCGM_FI_DEV_POWER_MGMT_LIMIT_MAX", "DCGM_FI_DEV_BOARD_POWER_LIMIT_MAX_WATTS", 1},
		Telegraf: Telegraf{"power_limit_max", 1},
	},
	{
		Field: code("temperature_max_operating_celsius", "celsius"), Metric: Info, Help: "Core temperature above which the driver lowers clocks.",
		NVML: "GetTemperatureThreshold(GPU_MAX)", XML: "temperature/gpu_temp_max_gpu_threshold",
		DCGM:     DCGM{152, "DCGM_FI_DEV_GPU_MAX_OP_TEMP", "DCGM_FI_DEV_GPU_MAX_OP_TEMP_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_max_gpu_threshold", 1},
	},
	{
		Field: code("temperature_slowdown_celsius", "celsius"), Metric: Info, Help: "Core temperature above which the hardware slows the device down.",
		NVML: "GetTemperatureThreshold(SLOWDOWN)", XML: "temperature/gpu_temp_slow_threshold",
		DCGM:     DCGM{158, "DCGM_FI_DEV_SLOWDOWN_TEMP", "DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_slow_threshold", 1},
	},
	{
		Field: code("temperature_shutdown_celsius", "celsius"), Metric: Info, Help: "Core temperature above which the device turns itself off.",
		NVML: "GetTemperatureThreshold(SHUTDOWN)", XML: "temperature/gpu_temp_max_threshold",
		DCGM:     DCGM{159, "DCGM_FI_DEV_SHUTDOWN_TEMP", "DCGM_FI_DEV_GPU_TEMP_SHUTDOWN_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_max_threshold", 1},
	},
	{
		Field: code("memory_temperature_max_operating_celsius", "celsius"), Metric: Info, Help: "Memory temperature above which the driver lowers clocks.",
		NVML: "GetTemperatureThreshold(MEM_MAX)", XML: "temperature/gpu_temp_max_mem_threshold",
		DCGM:     DCGM{151, "DCGM_FI_DEV_MEM_MAX_OP_TEMP", "DCGM_FI_DEV_MEMORY_MAX_OP_TEMP_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_max_mem_threshold", 1},
	},
	{
		Field: code("temperature_margin_max_operating_celsius", "celsius"), Metric: Info, Help: "temperature_margin_celsius below which the driver lowers clocks.",
		NVML: "field 196 TEMPERATURE_GPU_MAX_TLIMIT", XML: "temperature/gpu_temp_max_gpu_tlimit_threshold",
		Telegraf: Telegraf{"temperature_max_gpu_tlimit_threshold", 1},
	},
	{
		Field: code("temperature_margin_slowdown_celsius", "celsius"), Metric: Info, Help: "temperature_margin_celsius below which the hardware slows the device down.",
		NVML: "field 194 TEMPERATURE_SLOWDOWN_TLIMIT", XML: "temperature/gpu_temp_slow_tlimit_threshold",
		Telegraf: Telegraf{"temperature_slow_tlimit_threshold", 1},
	},
	{
		Field: code("temperature_margin_shutdown_celsius", "celsius"), Metric: Info, Help: "temperature_margin_celsius below which the device turns itself off.",
		NVML: "field 193 TEMPERATURE_SHUTDOWN_TLIMIT", XML: "temperature/gpu_temp_max_tlimit_threshold",
		Telegraf: Telegraf{"temperature_max_tlimit_threshold", 1},
	},
	{
		Field: code("clock_sm_max_hertz", "hertz"), Metric: Info, Help: "Fastest clock of the multiprocessors.",
		NVML: "GetMaxClockInfo(SM)", XML: "max_clocks/sm_clock", CSV: "clocks.max.sm", SMIFactor: mega,
		DCGM:       DCGM{113, "DCGM_FI_DEV_MAX_SM_CLOCK", "", mega},
		DCGMBetter: []DCGM{{1608, "DCGM_FI_DEV_SM_MAX_CLOCK_HERTZ", "", 1}},
		Tegra:      "devfreq/*gpu/max_freq",
	},
	{
		Field: code("clock_memory_max_hertz", "hertz"), Metric: Info, Help: "Fastest clock of the device memory.",
		NVML: "GetMaxClockInfo(MEM)", XML: "max_clocks/mem_clock", CSV: "clocks.max.memory", CSVOlder: []string{"clocks.max.mem"}, SMIFactor: mega,
		DCGM:       DCGM{114, "DCGM_FI_DEV_MAX_MEM_CLOCK", "", mega},
		DCGMBetter: []DCGM{{1609, "DCGM_FI_DEV_MEMORY_MAX_CLOCK_HERTZ", "", 1}},
	},
	{
		Field: code("clock_graphics_max_hertz", "hertz"), Metric: Info, Help: "Fastest clock of the graphics engine.",
		NVML: "GetMaxClockInfo(GRAPHICS)", XML: "max_clocks/graphics_clock", CSV: "clocks.max.graphics", CSVOlder: []string{"clocks.max.gr"}, SMIFactor: mega,
	},
	{
		Field: code("pcie_link_generation_max", ""), Metric: Info, Help: "Highest PCIe generation of this device in this slot.",
		NVML: "GetMaxPcieLinkGeneration", XML: "pci/pci_gpu_link_info/pcie_gen/max_link_gen", CSV: "pcie.link.gen.max",
		DCGM: DCGM{235, "DCGM_FI_DEV_PCIE_MAX_LINK_GEN", "", 1},
	},
	{
		Field: code("pcie_link_width_max", ""), Metric: Info, Help: "Most PCIe lanes of this device in this slot.",
		NVML: "GetMaxPcieLinkWidth", XML: "pci/pci_gpu_link_info/link_widths/max_link_width", CSV: "pcie.link.width.max",
		DCGM: DCGM{236, "DCGM_FI_DEV_PCIE_MAX_LINK_WIDTH", "", 1},
	},
}
