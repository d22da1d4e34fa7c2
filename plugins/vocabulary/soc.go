package vocabulary

// soc says what the rest of a system on a chip does, beside its GPU: CPU cores, engines, power rails,
// thermal zones, memories, fans and limits of its supply. It bears the tags TagComponent and TagComponentName.
var soc = []Reading{
	{
		Field: gauge("utilization_ratio", "ratio"), Metric: SoC,
		Help:  "Share of the sample period in which a CPU core or an engine worked, at the clock that it had.",
		Tegra: "CPU [X%@…], NVENC X%",
	},
	{
		Field: gauge("clock_hertz", "hertz"), Metric: SoC,
		Help:  "Clock of a CPU core or an engine.",
		Tegra: "CPU […%@Y], APE Y",
	},
	{
		Field: gauge("powered", ""), Metric: SoC, Bounded: true, Max: 1,
		Help:  "1 while a CPU core or an engine has power, 0 while it is off.",
		Tegra: "CPU [off], NVENC off",
	},
	{
		Field: gauge("power_watts", "watts"), Metric: SoC,
		Help:  "Power that a rail delivers now. Rails may feed one another: their sum may count power twice.",
		Tegra: "VDD_IN XmW/…, hwmon*/in*_input × curr*_input",
	},
	{
		Field: gauge("temperature_celsius", "celsius"), Metric: SoC,
		Help:  "Temperature of a thermal zone; absent while its sensor is off.",
		Tegra: "cpu@XC, thermal_zone*/temp",
	},
	{
		Field: gauge("used_bytes", "bytes"), Metric: SoC,
		Help:  "Memory in use.",
		Tegra: "RAM X/…, SWAP X/…, IRAM X/…, meminfo",
	},
	{
		Field: gauge("total_bytes", "bytes"), Metric: SoC,
		Help:  "Memory that there is.",
		Tegra: "RAM …/Y, SWAP …/Y, IRAM …/Y, meminfo",
	},
	{
		Field: gauge("cached_bytes", "bytes"), Metric: SoC,
		Help:  "Swapped memory that is in RAM as well.",
		Tegra: "SWAP (cached X), meminfo",
	},
	{
		Field: gauge("largest_free_block_bytes", "bytes"), Metric: SoC,
		Help:  "Size of the largest free blocks of physical memory: the more fragmented it is, the smaller.",
		Tegra: "RAM (lfb …xX)",
	},
	{
		Field: gauge("largest_free_blocks", ""), Metric: SoC,
		Help:  "Number of free blocks of that size.",
		Tegra: "RAM (lfb Nx…)",
	},
	{
		Field: gauge("fan_ratio", "ratio"), Metric: SoC,
		Help:  "Speed that a fan is set to, in relation to its full speed.",
		Tegra: "hwmon*/pwm1",
	},
	{
		Field: gauge("fan_rpm", ""), Metric: SoC,
		Help:  "Speed of a fan, in revolutions per minute.",
		Tegra: "hwmon*/rpm, hwmon*/fan1_input",
	},
	{
		Field: counter("throttle_events", ""), Metric: SoC,
		Help:  "Times that a limit of the supply's voltage or current was exceeded since the system was started; the hardware lowers clocks each time.",
		Tegra: "hwmon*/oc*_event_cnt",
	},
}
