package nvidiasmi

import (
	"cmp"
	"fmt"
	"strings"
)

// world makes documents and rows as nvidia-smi prints them, of cards that do not exist.
type world struct {
	gpus   int
	mig    int // instances of each GPU
	clocks int // supported clocks, which are the bulk of a document
	lost   map[int]bool
	skip   map[int]bool
	only   string // the UUIDs that are asked for; all where empty
	load   int    // percent

	held   string // what holds clocks back, as its element has it; clocks that an operator has set where empty
	failed int    // uncorrectable ones of memory, beyond those that each GPU has
	needs  string // recovery action; none where empty
}

func (w world) reason() string { return cmp.Or(w.held, "applications_clocks_setting") }
func (w world) action() string { return cmp.Or(w.needs, "None") }

func (w world) uuid(i int) string { return fmt.Sprintf("GPU-5eed0000-0000-4000-8000-%012d", i) }
func (w world) bus(i int) string  { return fmt.Sprintf("00000000:%02X:00.0", 0x10+i) }

// document returns a document in the structure of schema v13.
func (w world) document() string {
	var s xmlText
	s.line(`<?xml version="1.0" ?>`)
	s.line(`<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">`)
	s.open("nvidia_smi_log")
	s.leaf("timestamp", "Mon Nov 23 21:00:00 2026")
	s.leaf("driver_version", "590.10.01")
	s.leaf("cuda_version", "13.1")
	s.leaf("attached_gpus", fmt.Sprint(w.gpus))
	for i := range w.gpus {
		if w.skip[i] || w.only != "" && !strings.Contains(w.only, w.uuid(i)) {
			continue
		}
		s.line(fmt.Sprintf("<gpu id=%q>", w.bus(i)))
		s.depth++
		w.gpu(&s, i)
		s.close("gpu")
	}
	s.close("nvidia_smi_log")
	return s.String()
}

func (w world) gpu(s *xmlText, i int) {
	s.leaves("product_name", "NVIDIA T1000X", "product_brand", "NVIDIA", "product_architecture", "Hopper",
		"display_mode", "Requested functionality has been deprecated", "display_attached", "No", "display_active", "Disabled",
		"persistence_mode", "Enabled", "addressing_mode", "HMM")
	s.group("mig_mode", "current_mig", w.migMode(), "pending_mig", w.migMode())
	w.instances(s)
	s.leaves("accounting_mode", "Disabled", "accounting_mode_buffer_size", "4000")
	s.group("driver_model", "current_dm", "N/A", "pending_dm", "N/A")
	s.leaves("serial", fmt.Sprintf("16500000%05d", i), "uuid", w.uuid(i), "pdi", "0x1", "minor_number", fmt.Sprint(i),
		"vbios_version", "96.00.01.00.01", "multigpu_board", "No", "board_id", "0x5300", "board_part_number", "000-00000-0000-000",
		"gpu_part_number", "0000-000-A1", "gpu_fru_part_number", "N/A")
	s.group("platformInfo", "chassis_serial_number", "N/A", "slot_number", "N/A", "tray_index", "N/A", "host_id", "N/A",
		"peer_type", "N/A", "module_id", "7", "gpu_fabric_guid", "N/A")
	s.group("inforom_version", "img_version", "G000.0200.00.05", "oem_object", "2.1", "ecc_object", "7.16", "pwr_object", "N/A")
	s.group("inforom_bbx_flush", "latest_timestamp", "2026/08/20 14:59:03.740", "latest_duration", "93088 us")
	s.group("gpu_operation_mode", "current_gom", "N/A", "pending_gom", "N/A")
	s.leaf("c2c_mode", "Disabled")
	s.group("gpu_virtualization_mode", "virtualization_mode", "Pass-Through", "host_vgpu_mode", "N/A", "vgpu_heterogeneous_mode", "N/A")
	s.leaves("gpu_recovery_action", w.action(), "gsp_firmware_version", "590.10.01")
	s.group("ibmnpu", "relaxed_ordering_mode", "N/A")
	w.pci(s, i)
	s.leaves("fan_speed", "N/A", "performance_state", "P0")
	w.throttling(s)
	s.leaf("sparse_operation_mode", "Disabled")
	v := func(text string) string { // what a lost GPU does not give
		if w.lost[i] {
			return "GPU is lost"
		}
		return text
	}
	s.group("fb_memory_usage", "total", v("81559 MiB"), "reserved", v("480 MiB"), "used", v("40000 MiB"), "free", v("41079 MiB"))
	s.group("bar1_memory_usage", "total", "131072 MiB", "used", "1 MiB", "free", "131071 MiB")
	s.group("cc_protected_memory_usage", "total", "0 MiB", "used", "0 MiB", "free", "0 MiB")
	s.leaf("compute_mode", "Default")
	load := v(fmt.Sprintf("%d %%", w.load))
	s.group("utilization", "gpu_util", load, "memory_util", v("25 %"), "encoder_util", "0 %", "decoder_util", "0 %", "jpeg_util", "0 %", "ofa_util", "0 %")
	s.group("encoder_stats", "session_count", "0", "average_fps", "0", "average_latency", "0")
	s.group("fbc_stats", "session_count", "0", "average_fps", "0", "average_latency", "0")
	s.group("ecc_mode", "current_ecc", "Enabled", "pending_ecc", "Enabled")
	w.errors(s, v)
	s.group("temperature", "gpu_temp", v("61 C"), "gpu_temp_tlimit", v("26 C"), "gpu_temp_max_tlimit_threshold", "-8 C",
		"gpu_temp_slow_tlimit_threshold", "-2 C", "gpu_temp_max_gpu_tlimit_threshold", "0 C", "gpu_target_temperature", "N/A",
		"memory_temp", v("70 C"), "gpu_temp_max_mem_tlimit_threshold", "0 C")
	s.group("supported_gpu_target_temp", "gpu_target_temp_min", "N/A", "gpu_target_temp_max", "N/A")
	for _, name := range []string{"gpu_power_readings", "gpu_memory_power_readings", "module_power_readings"} {
		draw := v("512.25 W")
		if name != "gpu_power_readings" {
			draw = "N/A"
		}
		s.group(name, "power_state", "P0", "average_power_draw", draw, "instant_power_draw", draw, "current_power_limit", "700.00 W",
			"requested_power_limit", "700.00 W", "default_power_limit", "700.00 W", "min_power_limit", "200.00 W", "max_power_limit", "700.00 W")
	}
	s.leaf("power_smoothing", "N/A")
	s.group("clocks", "graphics_clock", v("1980 MHz"), "sm_clock", v("1980 MHz"), "mem_clock", v("2619 MHz"), "video_clock", v("1545 MHz"))
	s.group("applications_clocks", "graphics_clock", "1980 MHz", "mem_clock", "2619 MHz")
	s.group("default_applications_clocks", "graphics_clock", "1980 MHz", "mem_clock", "2619 MHz")
	s.group("max_clocks", "graphics_clock", "1980 MHz", "sm_clock", "1980 MHz", "mem_clock", "2619 MHz", "video_clock", "1545 MHz")
	s.group("clock_policy", "auto_boost", "N/A", "auto_boost_default", "N/A")
	s.open("supported_clocks")
	for memory := range 2 {
		s.open("supported_mem_clock")
		s.leaf("value", fmt.Sprintf("%d MHz", 2619-1000*memory))
		for c := range w.clocks {
			s.leaf("supported_graphics_clock", fmt.Sprintf("%d MHz", 1980-15*c))
		}
		s.close("supported_mem_clock")
	}
	s.close("supported_clocks")
	s.open("processes")
	for p := range 2 {
		s.group("process_info", "gpu_instance_id", "N/A", "compute_instance_id", "N/A", "pid", fmt.Sprint(1000*i+p+1), "type", "C",
			"process_name", "/opt/serve &lt;model&gt;", "used_memory", fmt.Sprintf("%d MiB", 1000+p))
	}
	s.close("processes")
	s.leaf("accounted_processes", "")
	s.group("capabilities", "egm", "disabled")
}

func (w world) migMode() string {
	if w.mig > 0 {
		return "Enabled"
	}
	return "Disabled"
}

func (w world) instances(s *xmlText) {
	if w.mig == 0 {
		s.leaf("mig_devices", "None")
		return
	}
	s.open("mig_devices")
	for i := range w.mig {
		s.open("mig_device")
		s.leaves("index", fmt.Sprint(i), "gpu_instance_id", fmt.Sprint(i+3), "compute_instance_id", "0")
		s.group("device_attributes", "shared", "")
		s.open("ecc_error_count")
		s.group("volatile_count", "sram_uncorrectable", "0")
		s.close("ecc_error_count")
		s.group("fb_memory_usage", "total", "10000 MiB", "reserved", "0 MiB", "used", "2500 MiB", "free", "7500 MiB")
		s.group("bar1_memory_usage", "total", "32767 MiB", "used", "0 MiB", "free", "32767 MiB")
		s.close("mig_device")
	}
	s.close("mig_devices")
}

func (w world) pci(s *xmlText, i int) {
	s.open("pci")
	s.leaves("pci_bus", fmt.Sprintf("%02X", 0x10+i), "pci_device", "00", "pci_domain", "0000", "pci_base_class", "3", "pci_sub_class", "2",
		"pci_device_id", "233010DE", "pci_bus_id", w.bus(i), "pci_sub_system_id", "16C110DE")
	s.open("pci_gpu_link_info")
	s.group("pcie_gen", "max_link_gen", "5", "current_link_gen", "5", "device_current_link_gen", "5", "max_device_link_gen", "5", "max_host_link_gen", "N/A")
	s.group("link_widths", "max_link_width", "16x", "current_link_width", "16x")
	s.close("pci_gpu_link_info")
	s.group("pci_bridge_chip", "bridge_chip_type", "N/A", "bridge_chip_fw", "N/A")
	s.leaves("replay_counter", "150", "replay_rollover_counter", "0", "tx_util", "502 KB/s", "rx_util", "578 KB/s",
		"atomic_caps_outbound", "N/A", "atomic_caps_inbound", "N/A")
	s.close("pci")
}

func (w world) throttling(s *xmlText) {
	s.open("clocks_event_reasons")
	for _, r := range []string{
		"gpu_idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "hw_thermal_slowdown",
		"hw_power_brake_slowdown", "sync_boost", "sw_thermal_slowdown", "display_clocks_setting", "board_limit", "reliability",
	} {
		state := "Not Active"
		if r == w.reason() {
			state = "Active"
		}
		s.leaf("clocks_event_reason_"+r, state)
	}
	s.close("clocks_event_reasons")
	s.open("clocks_event_reasons_counters")
	for _, r := range []string{"sw_power_cap", "sync_boost", "sw_therm_slowdown", "hw_therm_slowdown", "hw_power_brake"} {
		s.leaf("clocks_event_reasons_counters_"+r, "7015662857 us")
	}
	s.close("clocks_event_reasons_counters")
}

func (w world) errors(s *xmlText, v func(string) string) {
	s.open("ecc_errors")
	for _, when := range []string{"volatile", "aggregate"} {
		s.group(when, "sram_correctable", "1", "sram_uncorrectable_parity", "2", "sram_uncorrectable_secded", "3",
			"dram_correctable", v("4"), "dram_uncorrectable", v(fmt.Sprint(5+w.failed)))
	}
	s.close("ecc_errors")
	s.open("retired_pages")
	for _, kind := range []string{"multiple_single_bit_retirement", "double_bit_retirement"} {
		s.group(kind, "retired_count", "N/A", "retired_pagelist", "N/A")
	}
	s.leaves("pending_blacklist", "N/A", "pending_retirement", "N/A")
	s.close("retired_pages")
	s.open("remapped_rows")
	s.leaves("remapped_row_corr", "0", "remapped_row_unc", "0", "remapped_row_pending", "No", "remapped_row_failure", "No")
	s.group("row_remapper_histogram", "row_remapper_histogram_max", "2560 bank(s)", "row_remapper_histogram_none", "0 bank(s)")
	s.close("remapped_rows")
}

// cell returns the value of a property without its unit.
func (w world) cell(i int, name string) string {
	if w.lost[i] {
		return "[GPU is lost]"
	}
	switch name {
	case "index":
		return fmt.Sprint(i)
	case "uuid":
		return w.uuid(i)
	case "name":
		return "NVIDIA T1000X"
	case "pci.bus_id":
		return w.bus(i)
	case "utilization.gpu":
		return fmt.Sprint(w.load)
	case "memory.total":
		return "81559"
	case "memory.used":
		return "40000"
	case "memory.reserved":
		return "480"
	case "pstate":
		return "P2"
	case "clocks_event_reasons.active", "clocks_throttle_reasons.active":
		return fmt.Sprintf("0x%016X", reasonBits[w.reason()])
	case "ecc.errors.uncorrected.volatile.total":
		return fmt.Sprint(10 + w.failed)
	case "gpu_recovery_action":
		return w.action()
	case "fan.speed":
		return "[N/A]"
	case "power.draw.instant", "power.draw", "power.draw.average", "enforced.power.limit":
		return "512.25"
	}
	return "7"
}

func (w world) row(i int, names []string) string {
	cells := make([]string, len(names))
	for k, name := range names {
		cells[k] = w.cell(i, name)
	}
	return strings.Join(cells, ", ")
}

var unitsInHeader = map[string]string{
	"utilization.gpu": " [%]", "memory.total": " [MiB]", "memory.used": " [MiB]", "memory.reserved": " [MiB]", "memory.free": " [MiB]",
	"power.draw.instant": " [W]", "clocks.current.sm": " [MHz]",
}

func (w world) header(names []string) string {
	cells := make([]string, len(names))
	for k, name := range names {
		cells[k] = name + unitsInHeader[name]
	}
	return strings.Join(cells, ", ")
}

// xmlText writes elements, one a line, as nvidia-smi does.
type xmlText struct {
	strings.Builder
	depth int
}

func (s *xmlText) line(text string) {
	s.WriteString(strings.Repeat("\t", s.depth) + text + "\n")
}

func (s *xmlText) open(name string)       { s.line("<" + name + ">"); s.depth++ }
func (s *xmlText) close(name string)      { s.depth--; s.line("</" + name + ">") }
func (s *xmlText) leaf(name, text string) { s.line("<" + name + ">" + text + "</" + name + ">") }

func (s *xmlText) leaves(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		s.leaf(pairs[i], pairs[i+1])
	}
}

func (s *xmlText) group(name string, pairs ...string) {
	s.open(name)
	s.leaves(pairs...)
	s.close(name)
}
