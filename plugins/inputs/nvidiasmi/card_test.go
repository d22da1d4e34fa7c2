//go:build cgo

package nvidiasmi

// A card, as it is. What it does was written down three times by hand: in the base units that gpuline promises, in
// those of NVML's fake driver (see its README: mW, MiB, MHz, %, per mille, MB/s), and as nvidia-smi prints it in a
// document and in a row. No factor of the program's stands here.
type agreed struct {
	field string
	want  float64
	nvml  string // a statement of the fake driver's scenario; "" where others make it
	xml   string // "path: text", or "" where documents do not have it
	csv   string // "name: cell", or "" where rows do not have it
}

var card = []agreed{
	{"utilization_ratio", 0.37, "value 0 gpu_util 37", "utilization/gpu_util: 37 %", "utilization.gpu: 37"},
	{"memory_activity_ratio", 0.21, "value 0 memory_util 21", "utilization/memory_util: 21 %", "utilization.memory: 21"},
	{"encoder_ratio", 0.12, "value 0 encoder_util 12", "utilization/encoder_util: 12 %", "utilization.encoder: 12"},
	{"decoder_ratio", 0.08, "value 0 decoder_util 8", "utilization/decoder_util: 8 %", "utilization.decoder: 8"},
	{"jpeg_ratio", 0.07, "value 0 jpeg_util 7", "utilization/jpeg_util: 7 %", "utilization.jpeg: 7"},
	{"ofa_ratio", 0.06, "value 0 ofa_util 6", "utilization/ofa_util: 6 %", "utilization.ofa: 6"},
	{"fan_ratio", 1.06, "value 0 fan 106", "fan_speed: 106 %", "fan.speed: 106"},

	{"encoder_sessions", 3, "value 0 encoder_sessions 3", "encoder_stats/session_count: 3", "encoder.stats.sessionCount: 3"},
	{"encoder_fps", 58, "value 0 encoder_fps 58", "encoder_stats/average_fps: 58", "encoder.stats.averageFps: 58"},
	{"encoder_latency_seconds", 0.0015, "value 0 encoder_latency 1500", "encoder_stats/average_latency: 1500", "encoder.stats.averageLatency: 1500"},
	{"capture_sessions", 2, "value 0 fbc_sessions 2", "fbc_stats/session_count: 2", ""},
	{"capture_fps", 29, "value 0 fbc_fps 29", "fbc_stats/average_fps: 29", ""},
	{"capture_latency_seconds", 0.0025, "value 0 fbc_latency 2500", "fbc_stats/average_latency: 2500", ""},

	{"memory_used_bytes", 20_480 << 20, "value 0 memory_used 20480", "fb_memory_usage/used: 20480 MiB", "memory.used: 20480"},
	{"memory_free_bytes", 60_528 << 20, "", "fb_memory_usage/free: 60528 MiB", "memory.free: 60528"},
	{"memory_reserved_bytes", 551 << 20, "set 0 memory_reserved 551", "fb_memory_usage/reserved: 551 MiB", "memory.reserved: 551"},
	{"memory_total_bytes", 81_559 << 20, "set 0 memory_total 81559", "fb_memory_usage/total: 81559 MiB", "memory.total: 81559"},
	{"bar1_used_bytes", 3 << 20, "value 0 bar1_used 3", "bar1_memory_usage/used: 3 MiB", ""},
	{"bar1_total_bytes", 65_536 << 20, "set 0 bar1_total 65536", "bar1_memory_usage/total: 65536 MiB", ""},
	{"protected_memory_used_bytes", 5 << 20, "value 0 protected_used 5", "cc_protected_memory_usage/used: 5 MiB", "protected_memory.used: 5"},
	{"protected_memory_total_bytes", 4_096 << 20, "set 0 protected_total 4096", "cc_protected_memory_usage/total: 4096 MiB", "protected_memory.total: 4096"},

	{"power_watts", 250.5, "value 0 power 250500", "gpu_power_readings/instant_power_draw: 250.50 W", "power.draw.instant: 250.50"},
	{"power_average_watts", 250.5, "", "gpu_power_readings/average_power_draw: 250.50 W", "power.draw.average: 250.50"},
	{"power_limit_watts", 650.25, "value 0 power_limit 650250", "gpu_power_readings/current_power_limit: 650.25 W", "enforced.power.limit: 650.25"},
	{"memory_power_watts", 33.25, "value 0 memory_power 33250", "gpu_memory_power_readings/average_power_draw: 33.25 W", ""},
	{"module_power_watts", 350.75, "value 0 module_power 350750", "module_power_readings/instant_power_draw: 350.75 W", "module.power.draw.instant: 350.75"},
	{"module_power_average_watts", 350.75, "", "module_power_readings/average_power_draw: 350.75 W", "module.power.draw.average: 350.75"},
	{"module_power_limit_watts", 900.5, "value 0 module_power_limit 900500", "module_power_readings/current_power_limit: 900.50 W", "module.enforced.power.limit: 900.50"},
	{"temperature_celsius", 61, "value 0 temperature 61", "temperature/gpu_temp: 61 C", "temperature.gpu: 61"},
	{"temperature_margin_celsius", 26, "value 0 margin_temperature 26", "temperature/gpu_temp_tlimit: 26 C", "temperature.gpu.tlimit: 26"},
	{"memory_temperature_celsius", 72, "value 0 memory_temperature 72", "temperature/memory_temp: 72 C", "temperature.memory: 72"},

	{"clock_sm_hertz", 1_755_000_000, "value 0 clock_sm 1755", "clocks/sm_clock: 1755 MHz", "clocks.current.sm: 1755"},
	{"clock_memory_hertz", 2_619_000_000, "value 0 clock_memory 2619", "clocks/mem_clock: 2619 MHz", "clocks.current.memory: 2619"},
	{"clock_graphics_hertz", 1_740_000_000, "value 0 clock_graphics 1740", "clocks/graphics_clock: 1740 MHz", "clocks.current.graphics: 1740"},
	{"clock_video_hertz", 1_605_000_000, "value 0 clock_video 1605", "clocks/video_clock: 1605 MHz", "clocks.current.video: 1605"},
	{"pstate", 2, "value 0 pstate 2", "performance_state: P2", "pstate: P2"},
	{"throttle_reasons", 0x2, "value 0 throttle 2", "clocks_event_reasons/clocks_event_reason_applications_clocks_setting: Active", "clocks_event_reasons.active: 0x0000000000000002"},
	{"throttle_sw_power_seconds", 2.5, "burst 0 throttle -50s 2500ms 4", "clocks_event_reasons_counters/clocks_event_reasons_counters_sw_power_cap: 2500000 us", "clocks_event_reasons_counters.sw_power_cap: 2500000"},
	{"throttle_sync_boost_seconds", 1.25, "burst 0 throttle -40s 1250ms 16", "clocks_event_reasons_counters/clocks_event_reasons_counters_sync_boost: 1250000 us", "clocks_event_reasons_counters.sync_boost: 1250000"},
	{"throttle_sw_thermal_seconds", 0.125, "burst 0 throttle -30s 125ms 32", "clocks_event_reasons_counters/clocks_event_reasons_counters_sw_therm_slowdown: 125000 us", "clocks_event_reasons_counters.sw_thermal_slowdown: 125000"},
	{"throttle_hw_thermal_seconds", 3.75, "burst 0 throttle -20s 3750ms 64", "clocks_event_reasons_counters/clocks_event_reasons_counters_hw_therm_slowdown: 3750000 us", "clocks_event_reasons_counters.hw_thermal_slowdown: 3750000"},
	{"throttle_power_brake_seconds", 0.75, "burst 0 throttle -10s 750ms 128", "clocks_event_reasons_counters/clocks_event_reasons_counters_hw_power_brake: 750000 us", "clocks_event_reasons_counters.hw_power_brake_slowdown: 750000"},

	{"pcie_tx_bytes_per_second", 1.5e9, "value 0 pcie_tx 1500", "pci/tx_util: 1500000 KB/s", ""},
	{"pcie_rx_bytes_per_second", 2.5e9, "value 0 pcie_rx 2500", "pci/rx_util: 2500000 KB/s", ""},
	{"pcie_link_generation", 4, "value 0 pcie_gen 4", "pci/pci_gpu_link_info/pcie_gen/current_link_gen: 4", "pcie.link.gen.gpucurrent: 4"},
	{"pcie_link_width", 8, "value 0 pcie_width 8", "pci/pci_gpu_link_info/link_widths/current_link_width: 8x", "pcie.link.width.current: 8"},
	{"pcie_replays", 17, "value 0 pcie_replay 17", "pci/replay_counter: 17", ""},

	{"ecc_corrected_errors", 31, "value 0 ecc_corrected 31", "ecc_errors/volatile/dram_correctable: 31", "ecc.errors.corrected.volatile.total: 31"},
	{"ecc_uncorrected_errors", 32, "value 0 ecc_uncorrected 32", "ecc_errors/volatile/dram_uncorrectable: 32", "ecc.errors.uncorrected.volatile.total: 32"},
	{"ecc_corrected_aggregate_errors", 33, "value 0 ecc_corrected_aggregate 33", "ecc_errors/aggregate/dram_correctable: 33", "ecc.errors.corrected.aggregate.total: 33"},
	{"ecc_uncorrected_aggregate_errors", 34, "value 0 ecc_uncorrected_aggregate 34", "ecc_errors/aggregate/dram_uncorrectable: 34", "ecc.errors.uncorrected.aggregate.total: 34"},
	{"remapped_rows_correctable", 41, "value 0 remapped_correctable 41", "remapped_rows/remapped_row_corr: 41", "remapped_rows.correctable: 41"},
	{"remapped_rows_uncorrectable", 42, "value 0 remapped_uncorrectable 42", "remapped_rows/remapped_row_unc: 42", "remapped_rows.uncorrectable: 42"},
	{"row_remap_pending", 1, "value 0 remapped_pending 1", "remapped_rows/remapped_row_pending: Yes", "remapped_rows.pending: Yes"},
	{"row_remap_failed", 1, "value 0 remapped_failure 1", "remapped_rows/remapped_row_failure: Yes", "remapped_rows.failure: Yes"},
	{"retired_pages_single_bit", 51, "value 0 retired_sbe 51", "retired_pages/multiple_single_bit_retirement/retired_count: 51", "retired_pages.single_bit_ecc.count: 51"},
	{"retired_pages_double_bit", 52, "value 0 retired_dbe 52", "retired_pages/double_bit_retirement/retired_count: 52", "retired_pages.double_bit.count: 52"},
	{"retired_pages_pending", 1, "value 0 retired_pending 1", "retired_pages/pending_retirement: Yes", "retired_pages.pending: Yes"},
	{"recovery_action", 2, "value 0 recovery_action 2", "gpu_recovery_action: Reboot", "gpu_recovery_action: Reboot"},

	// Of gpu_info.
	{"minor_number", 7, "set 0 minor 7", "minor_number: 7", ""},
	{"power_limit_default_watts", 610.5, "set 0 power_default_limit 610500", "gpu_power_readings/default_power_limit: 610.50 W", "power.default_limit: 610.50"},
	{"power_limit_requested_watts", 640.5, "set 0 power_requested_limit 640500", "gpu_power_readings/requested_power_limit: 640.50 W", "power.limit: 640.50"},
	{"power_limit_min_watts", 210.25, "set 0 power_min_limit 210250", "gpu_power_readings/min_power_limit: 210.25 W", "power.min_limit: 210.25"},
	{"power_limit_max_watts", 720.75, "set 0 power_max_limit 720750", "gpu_power_readings/max_power_limit: 720.75 W", "power.max_limit: 720.75"},
	{"temperature_max_operating_celsius", 86, "set 0 threshold_gpu 86", "temperature/gpu_temp_max_gpu_threshold: 86 C", ""},
	{"temperature_slowdown_celsius", 91, "set 0 threshold_slowdown 91", "temperature/gpu_temp_slow_threshold: 91 C", ""},
	{"temperature_shutdown_celsius", 96, "set 0 threshold_shutdown 96", "temperature/gpu_temp_max_threshold: 96 C", ""},
	{"memory_temperature_max_operating_celsius", 103, "set 0 threshold_memory 103", "temperature/gpu_temp_max_mem_threshold: 103 C", ""},
	{"temperature_margin_max_operating_celsius", 1, "set 0 tlimit_gpu 1", "temperature/gpu_temp_max_gpu_tlimit_threshold: 1 C", ""},
	{"temperature_margin_slowdown_celsius", -3, "set 0 tlimit_slowdown -3", "temperature/gpu_temp_slow_tlimit_threshold: -3 C", ""},
	{"temperature_margin_shutdown_celsius", -9, "set 0 tlimit_shutdown -9", "temperature/gpu_temp_max_tlimit_threshold: -9 C", ""},
	{"clock_sm_max_hertz", 1_965_000_000, "set 0 max_clock_sm 1965", "max_clocks/sm_clock: 1965 MHz", "clocks.max.sm: 1965"},
	{"clock_memory_max_hertz", 2_600_000_000, "set 0 max_clock_memory 2600", "max_clocks/mem_clock: 2600 MHz", "clocks.max.memory: 2600"},
	{"clock_graphics_max_hertz", 1_950_000_000, "set 0 max_clock_graphics 1950", "max_clocks/graphics_clock: 1950 MHz", "clocks.max.graphics: 1950"},
	{"pcie_link_generation_max", 6, "set 0 max_pcie_gen 6", "pci/pci_gpu_link_info/pcie_gen/max_link_gen: 6", "pcie.link.gen.max: 6"},
	{"pcie_link_width_max", 12, "set 0 max_pcie_width 12", "pci/pci_gpu_link_info/link_widths/max_link_width: 12x", "pcie.link.width.max: 12"},
}

// cardTexts are the texts of the card, which NVML gives in numbers for the most part.
var cardTexts = []struct{ field, want, nvml, xml, csv string }{
	{"driver_version", "575.57.08", "driver 575.57.08", "../driver_version", "driver_version"},
	{"cuda_version", "12.9", "cuda 12.9", "../cuda_version", ""},
	{"vbios_version", "96.00.5E.00.01", "set 0 vbios 96.00.5E.00.01", "vbios_version", "vbios_version"},
	{"gsp_firmware_version", "575.57.09", "set 0 gsp 575.57.09", "gsp_firmware_version", ""},
	{"inforom_version", "G520.0200.00.07", "set 0 inforom G520.0200.00.07", "inforom_version/img_version", "inforom.img"},
	{"serial", "1652024", "set 0 serial 1652024", "serial", "serial"},
	{"board_part_number", "692-2G520-0200-001", "set 0 board 692-2G520-0200-001", "board_part_number", ""},
	{"architecture", "Ada Lovelace", "set 0 architecture 8", "product_architecture", ""},
	{"compute_capability", "8.9", "set 0 compute_major 8;set 0 compute_minor 9", "", "compute_cap"},
	{"compute_mode", "Exclusive_Process", "set 0 compute_mode 3", "compute_mode", "compute_mode"},
	{"persistence_mode", "Enabled", "set 0 persistence_mode 1", "persistence_mode", "persistence_mode"},
	{"mig_mode", "Disabled", "set 0 mig_mode 0", "mig_mode/current_mig", "mig.mode.current"},
	{"ecc_mode", "Enabled", "set 0 ecc_mode 1", "ecc_mode/current_ecc", "ecc.mode.current"},
	{"virtualization_mode", "Pass-Through", "set 0 virtualization_mode 1", "gpu_virtualization_mode/virtualization_mode", ""},
	{"fabric_state", "Completed", "set 0 fabric_state 3", "fabric/state", "fabric.state"},
	{"fabric_status", "Success", "set 0 fabric_status 0", "fabric/status", "fabric.status"},
	{"fabric_health", "Limited Capacity", "set 0 fabric_summary 3", "fabric/health/summary", "fabric.health.summary"},
}
