//go:build cgo

package dcgm

// A card, as it is. What it does was written down three times by hand: in the base units that gpuline promises, in
// those of NVML's fake driver (see its README: mW, MiB, MHz, %, per mille, MB/s), and in those in which
// dcgm_fields.h says that DCGM gives the field (W, MiB, MHz, %, mJ, ns). No factor of the program's stands here.
type agreed struct {
	field  string
	want   float64
	within float64 // half of the coarser source's last digit; 0 is exact
	nvml   string  // statements of the fake driver's scenario, between semicolons; "" where NVML does not give it
	dcgm   []says  // the fields of DCGM that give it
}

// says is a value of a DCGM field, as dcgm-exporter writes it: with six decimals where DCGM has a double.
type says struct {
	id   int
	text string
}

const (
	wholePercent = 0.005
	microsecond  = 1e-6
	milliwatt    = 0.5e-3
	perMille     = 0.5e-3
)

// card is GPU 0. The fake driver was loaded a minute before the scenario begins; what counts time counted it then, and
// stands since.
var card = []agreed{
	{"utilization_ratio", 0.37, wholePercent, "value 0 gpu_util 37", []says{{203, "37"}}},
	{"memory_activity_ratio", 0.21, wholePercent, "value 0 memory_util 21", []says{{204, "21"}}},
	{"encoder_ratio", 0.12, wholePercent, "value 0 encoder_util 12", []says{{206, "12"}}},
	{"decoder_ratio", 0.08, wholePercent, "value 0 decoder_util 8", []says{{207, "8"}}},
	{"fan_ratio", 1.06, wholePercent, "value 0 fan 106", []says{{1612, "1.060000"}, {191, "106"}}},

	{"graphics_active_ratio", 0.871, perMille, "value 0 gpm_graphics 871", []says{{1001, "0.871000"}}},
	{"sm_active_ratio", 0.762, perMille, "value 0 gpm_sm 762", []says{{1002, "0.762000"}}},
	{"sm_occupancy_ratio", 0.653, perMille, "value 0 gpm_occupancy 653", []says{{1003, "0.653000"}}},
	{"tensor_active_ratio", 0.544, perMille, "value 0 gpm_tensor 544", []says{{1004, "0.544000"}}},
	{"dram_active_ratio", 0.435, perMille, "value 0 gpm_dram 435", []says{{1005, "0.435000"}}},
	{"fp64_active_ratio", 0.326, perMille, "value 0 gpm_fp64 326", []says{{1006, "0.326000"}}},
	{"fp32_active_ratio", 0.217, perMille, "value 0 gpm_fp32 217", []says{{1007, "0.217000"}}},
	{"fp16_active_ratio", 0.108, perMille, "value 0 gpm_fp16 108", []says{{1008, "0.108000"}}},
	{"integer_active_ratio", 0.319, perMille, "value 0 gpm_integer 319", []says{{1016, "0.319000"}}},
	{"pcie_tx_bytes_per_second", 1.5e9, 500, "value 0 pcie_tx 1500", []says{{1009, "1500000000"}, {200, "1500000"}}},
	{"pcie_rx_bytes_per_second", 2.5e9, 500, "value 0 pcie_rx 2500", []says{{1010, "2500000000"}, {201, "2500000"}}},
	{"nvlink_tx_bytes_per_second", 3.5e9, 500, "value 0 nvlink_tx 3500", []says{{1011, "3500000000"}}},
	{"nvlink_rx_bytes_per_second", 4.5e9, 500, "value 0 nvlink_rx 4500", []says{{1012, "4500000000"}}},
	{"nvlink_bytes_per_second", 1_024_000_000, 512_000, "", []says{{449, "1000"}}}, // KiB per ms

	{"clock_sm_hertz", 1_755_000_000, 0, "value 0 clock_sm 1755", []says{{1603, "1755000000"}, {100, "1755"}}},
	{"clock_memory_hertz", 2_619_000_000, 0, "value 0 clock_memory 2619", []says{{1604, "2619000000"}, {101, "2619"}}},
	{"clock_video_hertz", 1_605_000_000, 0, "value 0 clock_video 1605", []says{{1605, "1605000000"}, {102, "1605"}}},
	{"pstate", 2, 0, "value 0 pstate 2", []says{{190, "2"}}},
	{"throttle_reasons", 0x102, 0, "value 0 throttle 258", []says{{112, "258"}}},

	{"throttle_sw_power_seconds", 2.5, microsecond, "burst 0 throttle -50s 2500ms 4", []says{{1420, "2500000000"}, {240, "2500000000"}}},
	{"throttle_sync_boost_seconds", 1.25, microsecond, "burst 0 throttle -40s 1250ms 16", []says{{242, "1250000000"}}},
	{"throttle_sw_thermal_seconds", 0.125, microsecond, "burst 0 throttle -30s 125ms 32", []says{{1422, "125000000"}}},
	{"throttle_hw_thermal_seconds", 3.75, microsecond, "burst 0 throttle -20s 3750ms 64", []says{{1423, "3750000000"}}},
	{"throttle_power_brake_seconds", 0.75, microsecond, "burst 0 throttle -10s 750ms 128", []says{{1424, "750000000"}}},
	{"throttle_thermal_seconds", 4.5, microsecond, "burst 0 policy_thermal -50s 4500ms 1", []says{{241, "4500000000"}}},
	{"throttle_board_limit_seconds", 5.5, microsecond, "burst 0 policy_board_limit -50s 5500ms 1", []says{{243, "5500000000"}}},
	{"throttle_low_utilization_seconds", 6.5, microsecond, "burst 0 policy_low_utilization -50s 6500ms 1", []says{{244, "6500000000"}}},
	{"throttle_reliability_seconds", 7.5, microsecond, "burst 0 policy_reliability -50s 7500ms 1", []says{{245, "7500000000"}}},

	{"power_watts", 250.5, milliwatt, "value 0 power 250500", []says{{157, "250.500000"}, {155, "250.500000"}}},
	{"power_limit_watts", 650.25, milliwatt, "value 0 power_limit 650250", []says{{164, "650.250000"}}},
	{"temperature_celsius", 61, 0, "value 0 temperature 61", []says{{150, "61"}}},
	{"memory_temperature_celsius", 72, 0, "value 0 memory_temperature 72", []says{{140, "72"}}},
	{"temperature_margin_celsius", 26, 0, "value 0 margin_temperature 26", []says{{153, "26"}}},

	{"memory_used_bytes", 20_480 << 20, 0, "value 0 memory_used 20480", []says{{252, "20480"}}},
	{"memory_free_bytes", 60_528 << 20, 0, "", []says{{251, "60528"}}},
	{"memory_reserved_bytes", 551 << 20, 0, "set 0 memory_reserved 551", []says{{253, "551"}}},
	{"memory_total_bytes", 81_559 << 20, 0, "set 0 memory_total 81559", []says{{250, "81559"}}},
	{"memory_used_ratio", 20_480. / (81_559 - 551), 0.5e-6, "", []says{{254, "0.252815"}}},
	{"bar1_used_bytes", 3 << 20, 0, "value 0 bar1_used 3", []says{{1601, "3145728"}, {92, "3"}}},
	{"bar1_total_bytes", 65_536 << 20, 0, "set 0 bar1_total 65536", []says{{1600, "68719476736"}, {90, "65536"}}},

	{"pcie_link_generation", 4, 0, "value 0 pcie_gen 4", []says{{237, "4"}}},
	{"pcie_link_width", 8, 0, "value 0 pcie_width 8", []says{{238, "8"}}},
	{"pcie_replays", 17, 0, "value 0 pcie_replay 17", []says{{202, "17"}}},
	{"nvlink_crc_errors", 21, 0, "value 0 nvlink_flit_errors 21", []says{{409, "21"}}},
	{"nvlink_replays", 22, 0, "value 0 nvlink_replay_errors 22", []says{{429, "22"}}},
	{"nvlink_recoveries", 23, 0, "value 0 nvlink_recovery_errors 23", []says{{1213, "23"}, {439, "23"}}},
	{"ecc_corrected_errors", 31, 0, "value 0 ecc_corrected 31", []says{{310, "31"}}},
	{"ecc_uncorrected_errors", 32, 0, "value 0 ecc_uncorrected 32", []says{{311, "32"}}},
	{"ecc_corrected_aggregate_errors", 33, 0, "value 0 ecc_corrected_aggregate 33", []says{{312, "33"}}},
	{"ecc_uncorrected_aggregate_errors", 34, 0, "value 0 ecc_uncorrected_aggregate 34", []says{{313, "34"}}},
	{"remapped_rows_correctable", 41, 0, "value 0 remapped_correctable 41", []says{{394, "41"}}},
	{"remapped_rows_uncorrectable", 42, 0, "value 0 remapped_uncorrectable 42", []says{{393, "42"}}},
	{"row_remap_pending", 1, 0, "value 0 remapped_pending 1", []says{{396, "1"}}},
	{"row_remap_failed", 1, 0, "value 0 remapped_failure 1", []says{{395, "1"}}},
	{"retired_pages_single_bit", 51, 0, "value 0 retired_sbe 51", []says{{390, "51"}}},
	{"retired_pages_double_bit", 52, 0, "value 0 retired_dbe 52", []says{{391, "52"}}},
	{"retired_pages_pending", 1, 0, "value 0 retired_pending 1", []says{{392, "1"}}},
	{"recovery_action", 2, 0, "value 0 recovery_action 2", []says{{1523, "2"}}},

	// Of gpu_info.
	{"power_limit_requested_watts", 640.5, milliwatt, "set 0 power_requested_limit 640500", []says{{160, "640.500000"}}},
	{"power_limit_default_watts", 610.5, milliwatt, "set 0 power_default_limit 610500", []says{{163, "610.500000"}}},
	{"power_limit_min_watts", 210.25, milliwatt, "set 0 power_min_limit 210250", []says{{161, "210.250000"}}},
	{"power_limit_max_watts", 720.75, milliwatt, "set 0 power_max_limit 720750", []says{{162, "720.750000"}}},
	{"temperature_max_operating_celsius", 86, 0, "set 0 threshold_gpu 86", []says{{152, "86"}}},
	{"temperature_slowdown_celsius", 91, 0, "set 0 threshold_slowdown 91", []says{{158, "91"}}},
	{"temperature_shutdown_celsius", 96, 0, "set 0 threshold_shutdown 96", []says{{159, "96"}}},
	{"memory_temperature_max_operating_celsius", 103, 0, "set 0 threshold_memory 103", []says{{151, "103"}}},
	{"clock_sm_max_hertz", 1_965_000_000, 0, "set 0 max_clock_sm 1965", []says{{1608, "1965000000"}, {113, "1965"}}},
	{"clock_memory_max_hertz", 2_600_000_000, 0, "set 0 max_clock_memory 2600", []says{{1609, "2600000000"}, {114, "2600"}}},
	{"pcie_link_generation_max", 6, 0, "set 0 max_pcie_gen 6", []says{{235, "6"}}},
	{"pcie_link_width_max", 12, 0, "set 0 max_pcie_width 12", []says{{236, "12"}}},
	{"minor_number", 7, 0, "set 0 minor 7", []says{{55, "7"}}},
}

// elsewhere names readings of both that are compared elsewhere, or cannot be compared on this card.
var elsewhere = map[string]string{
	"energy_joules": "grows while the card draws power: idleCard has it",
	"pcie_tx_bytes": "count from the agent's start in inputs.nvml, and for ever here: vocabulary's test has them",
	"pcie_rx_bytes": "as pcie_tx_bytes",
	"xid":           "is an event of each source: TestHostengineXIDs, TestXIDs",
	"up":            "comes from no field",
}

// idleCard is GPU 1, which draws nothing, so that its energy stands, and whose links carry nothing any more.
var idleCard = []agreed{
	{"power_watts", 0, milliwatt, "value 1 power 0", []says{{157, "0.000000"}, {155, "0.000000"}}},
	{"energy_joules", 123_456.789, milliwatt, "set 1 energy_start 123456789", []says{{156, "123456789"}}},
	{"nvlink_tx_bytes", 4.5e9, 1024, "burst 1 nvlink_tx -50s 1s 4500", []says{{1201, "4500000000"}}},
	{"nvlink_rx_bytes", 7e9, 1024, "burst 1 nvlink_rx -50s 2s 3500", []says{{1203, "7000000000"}}},
}

// The texts of both cards.
var (
	cardTags  = map[string]string{"gpu_name": "NVIDIA H100 80GB HBM3", "pci_bus_id": "00000000:1A:00.0", "gpu_uuid": "GPU-0100-0", "gpu_index": "0"}
	cardTexts = map[string]string{"driver_version": "575.57.08", "vbios_version": "96.00.5E.00.01", "inforom_version": "G520.0200.00.05", "serial": "1652024"}
)
