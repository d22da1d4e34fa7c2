package vocabulary

// link says what goes over PCIe and NVLink. tx is what the device sends, rx what it receives.
var link = []Reading{
	{
		Field: counter("pcie_tx_bytes", "bytes"), Metric: GPU,
		Help: "Bytes sent over PCIe.",
		NVML: "field 197 PCIE_COUNT_TX_BYTES",
		DCGM: DCGM{1091, "DCGM_FI_PROF_PCIE_TX_BYTES_TOTAL", "", 1},
	},
	{
		Field: counter("pcie_rx_bytes", "bytes"), Metric: GPU,
		Help: "Bytes received over PCIe.",
		NVML: "field 198 PCIE_COUNT_RX_BYTES",
		DCGM: DCGM{1092, "DCGM_FI_PROF_PCIE_RX_BYTES_TOTAL", "", 1},
	},
	{
		Field: gauge("pcie_tx_bytes_per_second", "bytes_per_second"), Metric: GPU,
		Help: "Rate of sending over PCIe, as the driver sampled it for 20 ms; pcie_tx_bytes is better where it is known.",
		NVML: "GetPcieThroughput(TX), GPM 20 PCIE_TX_PER_SEC", XML: "pci/tx_util", SMIFactor: kilo,
		DCGM:       DCGM{1009, "DCGM_FI_PROF_PCIE_TX_BYTES", "", 1},
		DCGMBetter: []DCGM{{200, "DCGM_FI_DEV_PCIE_TX_THROUGHPUT", "", kilo}},
		Telegraf:   Telegraf{"pcie_tx_util", kilo},
	},
	{
		Field: gauge("pcie_rx_bytes_per_second", "bytes_per_second"), Metric: GPU,
		Help: "Rate of receiving over PCIe, as the driver sampled it for 20 ms; pcie_rx_bytes is better where it is known.",
		NVML: "GetPcieThroughput(RX), GPM 21 PCIE_RX_PER_SEC", XML: "pci/rx_util", SMIFactor: kilo,
		DCGM:       DCGM{1010, "DCGM_FI_PROF_PCIE_RX_BYTES", "", 1},
		DCGMBetter: []DCGM{{201, "DCGM_FI_DEV_PCIE_RX_THROUGHPUT", "", kilo}},
		Telegraf:   Telegraf{"pcie_rx_util", kilo},
	},
	{
		Field: code("pcie_link_generation", ""), Metric: GPU,
		Help: "PCIe generation at which the link runs now; it falls when the device is idle.",
		NVML: "GetCurrPcieLinkGeneration", XML: "pci/pci_gpu_link_info/pcie_gen/current_link_gen",
		CSV: "pcie.link.gen.gpucurrent", CSVOlder: []string{"pcie.link.gen.current"},
		DCGM:     DCGM{237, "DCGM_FI_DEV_PCIE_LINK_GEN", "", 1},
		Telegraf: Telegraf{"pcie_link_gen_current", 1},
	},
	{
		Field: code("pcie_link_width", ""), Metric: GPU,
		Help: "PCIe lanes in use.",
		NVML: "GetCurrPcieLinkWidth", XML: "pci/pci_gpu_link_info/link_widths/current_link_width", CSV: "pcie.link.width.current",
		DCGM:     DCGM{238, "DCGM_FI_DEV_PCIE_LINK_WIDTH", "", 1},
		Telegraf: Telegraf{"pcie_link_width_current", 1},
	},
	{
		Field: counter("pcie_replays", ""), Metric: GPU,
		Help: "PCIe packets sent again; growth tells of a bad slot or riser.",
		NVML: "GetPcieReplayCounter, field 94 PCIE_REPLAY_COUNTER", XML: "pci/replay_counter",
		DCGM: DCGM{202, "DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "DCGM_FI_DEV_PCIE_REPLAY_TOTAL", 1},
	},
	{
		Field: counter("nvlink_tx_bytes", "bytes"), Metric: GPU,
		Help: "Bytes of data sent over all NVLinks; what NVLink 5 and later count where they do not count data.",
		NVML: "field 138 NVLINK_THROUGHPUT_DATA_TX, in KiB, field 202 NVLINK_COUNT_XMIT_BYTES",
		DCGM: DCGM{1201, "DCGM_FI_DEV_NVLINK_COUNT_TX_BYTES", "DCGM_FI_DEV_NVLINK_TX_BYTES_TOTAL", 1},
	},
	{
		Field: counter("nvlink_rx_bytes", "bytes"), Metric: GPU,
		Help: "Bytes of data received over all NVLinks; what NVLink 5 and later count where they do not count data.",
		NVML: "field 139 NVLINK_THROUGHPUT_DATA_RX, in KiB, field 204 NVLINK_COUNT_RCV_BYTES",
		DCGM: DCGM{1203, "DCGM_FI_DEV_NVLINK_COUNT_RX_BYTES", "DCGM_FI_DEV_NVLINK_RX_BYTES_TOTAL", 1},
	},
	{
		Field: gauge("nvlink_tx_bytes_per_second", "bytes_per_second"), Metric: GPU,
		Help: "Rate of sending over all NVLinks, headers included.",
		NVML: "GPM 61 NVLINK_TOTAL_TX_PER_SEC",
		DCGM: DCGM{1011, "DCGM_FI_PROF_NVLINK_TX_BYTES", "", 1},
	},
	{
		Field: gauge("nvlink_rx_bytes_per_second", "bytes_per_second"), Metric: GPU,
		Help: "Rate of receiving over all NVLinks, headers included.",
		NVML: "GPM 60 NVLINK_TOTAL_RX_PER_SEC",
		DCGM: DCGM{1012, "DCGM_FI_PROF_NVLINK_RX_BYTES", "", 1},
	},
	{
		Field: gauge("nvlink_bytes_per_second", "bytes_per_second"), Metric: GPU,
		Help: "Rate of data over all NVLinks, both ways together; DCGM's text calls it a counter.",
		DCGM: DCGM{449, "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", "DCGM_FI_DEV_NVLINK_THROUGHPUT_TOTAL", nvlinkRate},
	},
	{
		Field: counter("nvlink_crc_errors", ""), Metric: GPU,
		Help: "Flow control packets with a wrong checksum, over all NVLinks.",
		NVML: "field 38 NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL",
		DCGM: DCGM{409, "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_TOTAL", 1},
	},
	{
		Field: counter("nvlink_replays", ""), Metric: GPU,
		Help: "NVLink packets sent again, over all links.",
		NVML: "field 52 NVLINK_REPLAY_ERROR_COUNT_TOTAL",
		DCGM: DCGM{429, "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_TOTAL", 1},
	},
	{
		Field: counter("nvlink_recoveries", ""), Metric: GPU,
		Help:       "NVLinks trained anew after an error, over all links.",
		NVML:       "field 59 NVLINK_RECOVERY_ERROR_COUNT_TOTAL, field 215 NVLINK_COUNT_LINK_RECOVERY_EVENTS",
		DCGM:       DCGM{439, "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_TOTAL", 1},
		DCGMBetter: []DCGM{{1213, "DCGM_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_EVENTS", "DCGM_FI_DEV_NVLINK_RECOVERY_EVENT_TOTAL", 1}},
	},
}
