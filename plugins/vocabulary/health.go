package vocabulary

// health says what is wrong with a device, or about to be.
var health = []Reading{
	{
		Field: counter("ecc_corrected_errors", ""), Metric: GPU,
		Help: "Memory errors corrected since the driver was loaded.",
		NVML: "field 3 ECC_SBE_VOL_TOTAL",
		XML:  "ecc_errors/volatile/{sram,dram}_correctable, ecc_errors/volatile/single_bit/total", CSV: "ecc.errors.corrected.volatile.total",
		DCGM: DCGM{310, "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "", 1},
	},
	{
		Field: counter("ecc_uncorrected_errors", ""), Metric: GPU,
		Help: "Memory errors that could not be corrected since the driver was loaded.",
		NVML: "field 4 ECC_DBE_VOL_TOTAL",
		XML:  "ecc_errors/volatile/{sram,dram}_uncorrectable*, ecc_errors/volatile/double_bit/total", CSV: "ecc.errors.uncorrected.volatile.total",
		DCGM: DCGM{311, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "", 1},
	},
	{
		Field: counter("ecc_corrected_aggregate_errors", ""), Metric: GPU,
		Help: "Memory errors corrected in the device's life.",
		NVML: "field 5 ECC_SBE_AGG_TOTAL",
		XML:  "ecc_errors/aggregate/{sram,dram}_correctable, ecc_errors/aggregate/single_bit/total", CSV: "ecc.errors.corrected.aggregate.total",
		DCGM: DCGM{312, "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", "", 1},
	},
	{
		Field: counter("ecc_uncorrected_aggregate_errors", ""), Metric: GPU,
		Help: "Memory errors that could not be corrected in the device's life.",
		NVML: "field 6 ECC_DBE_AGG_TOTAL",
		XML:  "ecc_errors/aggregate/{sram,dram}_uncorrectable*, ecc_errors/aggregate/double_bit/total", CSV: "ecc.errors.uncorrected.aggregate.total",
		DCGM: DCGM{313, "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", "", 1},
	},
	{
		Field: counter("remapped_rows_correctable", ""), Metric: GPU,
		Help: "Memory rows replaced by spare ones because of correctable errors.",
		NVML: "field 142 REMAPPED_COR, GetRemappedRows", XML: "remapped_rows/remapped_row_corr", CSV: "remapped_rows.correctable", CSVOlder: []string{"remapped_rows.sbe"},
		DCGM:     DCGM{394, "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_CORRECTABLE_TOTAL", 1},
		Telegraf: Telegraf{"remapped_rows_correctable", 1},
	},
	{
		Field: counter("remapped_rows_uncorrectable", ""), Metric: GPU,
		Help: "Memory rows replaced by spare ones because of uncorrectable errors.",
		NVML: "field 143 REMAPPED_UNC, GetRemappedRows", XML: "remapped_rows/remapped_row_unc", CSV: "remapped_rows.uncorrectable", CSVOlder: []string{"remapped_rows.dbe"},
		DCGM:     DCGM{393, "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL", 1},
		Telegraf: Telegraf{"remapped_rows_uncorrectable", 1},
	},
	{
		Field: code("row_remap_pending", ""), Metric: GPU, Bounded: true, Max: 1,
		Help: "1 where a row waits for a reset of the device to be replaced.",
		NVML: "field 144 REMAPPED_PENDING, GetRemappedRows", XML: "remapped_rows/remapped_row_pending", CSV: "remapped_rows.pending",
		DCGM: DCGM{396, "DCGM_FI_DEV_ROW_REMAP_PENDING", "", 1},
	},
	{
		Field: code("row_remap_failed", ""), Metric: GPU, Bounded: true, Max: 1,
		Help: "1 where a row could not be replaced: the device is due for service.",
		NVML: "field 145 REMAPPED_FAILURE, GetRemappedRows", XML: "remapped_rows/remapped_row_failure", CSV: "remapped_rows.failure",
		DCGM: DCGM{395, "DCGM_FI_DEV_ROW_REMAP_FAILURE", "DCGM_FI_DEV_ROW_REMAP_FAILED", 1},
	},
	{
		Field: counter("retired_pages_single_bit", ""), Metric: GPU,
		Help: "Memory pages retired after repeated single-bit errors, on cards before Ampere.",
		NVML: "field 29 RETIRED_SBE", XML: "retired_pages/multiple_single_bit_retirement/retired_count",
		CSV: "retired_pages.single_bit_ecc.count", CSVOlder: []string{"retired_pages.sbe"},
		DCGM:     DCGM{390, "DCGM_FI_DEV_RETIRED_SBE", "DCGM_FI_DEV_PAGE_RETIRED_SBE_TOTAL", 1},
		Telegraf: Telegraf{"retired_pages_multiple_single_bit", 1},
	},
	{
		Field: counter("retired_pages_double_bit", ""), Metric: GPU,
		Help: "Memory pages retired after a double-bit error, on cards before Ampere.",
		NVML: "field 30 RETIRED_DBE", XML: "retired_pages/double_bit_retirement/retired_count",
		CSV: "retired_pages.double_bit.count", CSVOlder: []string{"retired_pages.dbe"},
		DCGM:     DCGM{391, "DCGM_FI_DEV_RETIRED_DBE", "DCGM_FI_DEV_PAGE_RETIRED_DBE_TOTAL", 1},
		Telegraf: Telegraf{"retired_pages_double_bit", 1},
	},
	{
		Field: code("retired_pages_pending", ""), Metric: GPU, Bounded: true, Max: 1,
		Help: "1 where a page waits for a restart to be retired.",
		NVML: "field 31 RETIRED_PENDING", XML: "retired_pages/pending_retirement, retired_pages/pending_blacklist", CSV: "retired_pages.pending",
		DCGM: DCGM{392, "DCGM_FI_DEV_RETIRED_PENDING", "DCGM_FI_DEV_PAGE_RETIRED_PENDING", 1},
	},
	{
		Field: code("recovery_action", ""), Metric: GPU,
		Help: "What the device needs to be healthy again: 0 nothing, 1 reset, 2 reboot, 3 drain P2P, 4 drain and reset, 5 recover the IMEX domain, 6 reset the bus, 7 reboot the system.",
		NVML: "field 230 GET_GPU_RECOVERY_ACTION", XML: "gpu_recovery_action", CSV: "gpu_recovery_action",
		DCGM: DCGM{1523, "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", "DCGM_FI_DEV_GPU_RECOVERY_ACTION", 1},
	},
	{
		Field: code("xid", ""), Metric: GPU,
		Help: "Number of the last XID error that was seen, absent before the first; each one is an event too.",
		NVML: "EventSet.Wait(XID_CRITICAL_ERROR)",
		DCGM: DCGM{230, "DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERROR", 1},
	},
}
