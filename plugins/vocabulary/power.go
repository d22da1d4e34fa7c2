package vocabulary

// power says what a device draws, and may draw.
var power = []Reading{
	{
		Field: gauge("power_watts", "watts"), Metric: GPU,
		Help: "Power that the board draws now, where the card can say; else what it draws over the last second.",
		NVML: "field 186 POWER_INSTANT, GetPowerUsage",
		XML:  "gpu_power_readings/instant_power_draw, gpu_power_readings/power_draw, power_readings/power_draw",
		CSV:  "power.draw.instant", CSVOlder: []string{"gpu.power.draw.instant", "power.draw"},
		DCGM:       DCGM{155, "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_BOARD_POWER_WATTS", 1},
		DCGMBetter: []DCGM{{157, "DCGM_FI_DEV_POWER_USAGE_INSTANT", "DCGM_FI_DEV_BOARD_POWER_RAW_WATTS", 1}},
		Telegraf:   Telegraf{"power_draw", 1},
		Tegra:      "VDD_GPU, VDD_SYS_GPU, POM_5V_GPU, GPU, VDD_GPU_SOC, VDD_CPU_GPU_CV",
	},
	{
		Field: gauge("power_average_watts", "watts"), Metric: GPU,
		Help: "Power that the board drew, averaged by the card over the last second.",
		NVML: "field 185 POWER_AVERAGE",
		XML:  "gpu_power_readings/average_power_draw", CSV: "power.draw.average", CSVOlder: []string{"gpu.power.draw.average"},
		Telegraf: Telegraf{"power_draw_average", 1},
	},
	{
		Field: gauge("power_limit_watts", "watts"), Metric: GPU,
		Help: "Power limit in force: the least of all limiters.",
		NVML: "GetEnforcedPowerLimit, field 190 POWER_CURRENT_LIMIT",
		XML:  "gpu_power_readings/gpu_ceiling_power_limit/current_power_limit, gpu_power_readings/current_power_limit, power_readings/enforced_power_limit",
		CSV:  "enforced.power.limit", CSVOlder: []string{"gpu.power.current_limit"},
		DCGM:     DCGM{164, "DCGM_FI_DEV_ENFORCED_POWER_LIMIT", "DCGM_FI_DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS", 1},
		Telegraf: Telegraf{"power_limit", 1},
	},
	{
		Field: counter("energy_joules", "joules"), Metric: GPU,
		Help: "Energy drawn since the driver was loaded; its differences are exact where samples of power are not.",
		NVML: "GetTotalEnergyConsumption, field 83 TOTAL_ENERGY_CONSUMPTION, field 191 ENERGY",
		DCGM: DCGM{156, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "", milli},
	},
	{
		Field: gauge("memory_power_watts", "watts"), Metric: GPU,
		Help: "Power that the device memory draws, averaged by the card.",
		NVML: "field 185 POWER_AVERAGE, scope memory",
		XML:  "gpu_memory_power_readings/average_power_draw",
	},
	{
		Field: gauge("module_power_watts", "watts"), Metric: GPU,
		Help: "Power that the whole module draws, CPU included on a superchip.",
		NVML: "field 186 POWER_INSTANT, scope module",
		XML:  "module_power_readings/instant_power_draw, module_power_readings/power_draw", CSV: "module.power.draw.instant",
		Telegraf: Telegraf{"module_power_draw", 1},
		Tegra:    "VDD_IN, POM_5V_IN, VIN",
	},
	{
		Field: gauge("module_power_average_watts", "watts"), Metric: GPU,
		Help: "Power that the whole module drew, averaged over the last second.",
		NVML: "field 185 POWER_AVERAGE, scope module",
		XML:  "module_power_readings/average_power_draw", CSV: "module.power.draw.average",
	},
	{
		Field: gauge("module_power_limit_watts", "watts"), Metric: GPU,
		Help: "Power limit of the module in force.",
		NVML: "field 190 POWER_CURRENT_LIMIT, scope module",
		XML:  "module_power_readings/current_power_limit", CSV: "module.enforced.power.limit", CSVOlder: []string{"module.power.current_limit"},
	},
}

// temperature says how warm a device is.
var temperature = []Reading{
	{
		Field: gauge("temperature_celsius", "celsius"), Metric: GPU,
		Help: "Temperature of the GPU's core.",
		NVML: "GetTemperature(GPU)", XML: "temperature/gpu_temp", CSV: "temperature.gpu",
		DCGM:     DCGM{150, "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_gpu", 1},
		Tegra:    "gpu@XC, thermal_zone*/temp",
	},
	{
		Field: gauge("memory_temperature_celsius", "celsius"), Metric: GPU,
		Help: "Temperature of the device memory.",
		NVML: "field 82 MEMORY_TEMP", XML: "temperature/memory_temp", CSV: "temperature.memory",
		DCGM:     DCGM{140, "DCGM_FI_DEV_MEMORY_TEMP", "DCGM_FI_DEV_MEMORY_TEMP_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_memory", 1},
	},
	{
		Field: gauge("temperature_margin_celsius", "celsius"), Metric: GPU,
		Help: "How much warmer the core may become before it is slowed down (T.Limit).",
		NVML: "GetMarginTemperature", XML: "temperature/gpu_temp_tlimit", CSV: "temperature.gpu.tlimit",
		DCGM:     DCGM{153, "DCGM_FI_DEV_GPU_TEMP_LIMIT", "DCGM_FI_DEV_GPU_TEMP_MARGIN_CELSIUS", 1},
		Telegraf: Telegraf{"temperature_gpu_tlimit", 1},
	},
	{
		Field: gauge("fan_ratio", "ratio"), Metric: GPU, Bounded: true, Max: 2,
		Help: "Speed that the fan is set to, in relation to the one of the most noise allowed, which it may exceed; a stalled fan shows it too.",
		NVML: "GetFanSpeed", XML: "fan_speed", CSV: "fan.speed", SMIFactor: percent,
		DCGM:       DCGM{191, "DCGM_FI_DEV_FAN_SPEED", "", percent},
		DCGMBetter: []DCGM{{1612, "DCGM_FI_DEV_FAN_SPEED_RATIO", "", 1}},
		Telegraf:   Telegraf{"fan_speed", percent},
		Tegra:      "hwmon*/pwm1",
	},
}
