//go:build cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func infoField(name string) sdk.Field { return vocabulary.Field(vocabulary.Info, name) }

// infoReadings are the settings that the driver gives by number.
var infoReadings = []fieldReading{
	{189, scopeGPU, infoField("power_limit_default_watts"), 1e-3, false, nil},
	{192, scopeGPU, infoField("power_limit_requested_watts"), 1e-3, false, nil},
	{187, scopeGPU, infoField("power_limit_min_watts"), 1e-3, false, nil},
	{188, scopeGPU, infoField("power_limit_max_watts"), 1e-3, false, nil},
	{196, 0, infoField("temperature_margin_max_operating_celsius"), 1, false, nil},
	{194, 0, infoField("temperature_margin_slowdown_celsius"), 1, false, nil},
	{193, 0, infoField("temperature_margin_shutdown_celsius"), 1, false, nil},
}

// inform adds the row of what a GPU is and how it is set.
func (d *device) inform() {
	m := vocabulary.AddInfo(d.batch, d.tags, d.clock().wall)
	text := func(name, v string) {
		if v != "" && v != "N/A" {
			m.Set(infoField(name), sdk.StringValue(v))
		}
	}
	ask := func(name string, c call, read func() (string, nvml.Return)) {
		var v string
		if d.ask(c, func() (ret nvml.Return) { v, ret = read(); return ret }) {
			text(name, v)
		}
	}
	text("driver_version", d.lib.driver)
	var version int
	if d.ask(callCUDAVersion, func() (ret nvml.Return) { version, ret = d.lib.cudaVersion(); return ret }) {
		text("cuda_version", fmt.Sprintf("%d.%d", version/1000, version%1000/10))
	}
	ask("vbios_version", callVBIOS, d.handle.GetVbiosVersion)
	ask("gsp_firmware_version", callGSP, d.handle.GetGspFirmwareVersion)
	ask("inforom_version", callInfoROM, d.handle.GetInforomImageVersion)
	ask("serial", callSerial, d.handle.GetSerial)
	ask("board_part_number", callPart, d.handle.GetBoardPartNumber)
	d.settings(text)
	d.limits(m)
	d.readFields(m, &d.infoFields)
	for _, i := range d.instances {
		i.inform(d)
	}
}

// limits sets what the GPU can do at most.
func (d *device) limits(m *sdk.Metric) {
	var minor, n int
	if d.ask(callMinor, func() (ret nvml.Return) { minor, ret = d.handle.GetMinorNumber(); return ret }) {
		m.Set(infoField("minor_number"), sdk.IntValue(int64(minor)))
	}
	for _, t := range [...]struct {
		name string
		kind nvml.TemperatureThresholds
	}{
		{"temperature_max_operating_celsius", nvml.TEMPERATURE_THRESHOLD_GPU_MAX},
		{"temperature_slowdown_celsius", nvml.TEMPERATURE_THRESHOLD_SLOWDOWN},
		{"temperature_shutdown_celsius", nvml.TEMPERATURE_THRESHOLD_SHUTDOWN},
		{"memory_temperature_max_operating_celsius", nvml.TEMPERATURE_THRESHOLD_MEM_MAX},
	} {
		var v uint32
		if d.try(callThreshold, func() (ret nvml.Return) { v, ret = d.handle.GetTemperatureThreshold(t.kind); return ret }) == nvml.SUCCESS && v > 0 {
			m.Set(infoField(t.name), sdk.FloatValue(float64(v)))
		}
	}
	for _, c := range [...]struct {
		name string
		kind nvml.ClockType
	}{
		{"clock_sm_max_hertz", nvml.CLOCK_SM},
		{"clock_memory_max_hertz", nvml.CLOCK_MEM},
		{"clock_graphics_max_hertz", nvml.CLOCK_GRAPHICS},
	} {
		var mhz uint32
		if d.try(callMaxClock, func() (ret nvml.Return) { mhz, ret = d.handle.GetMaxClockInfo(c.kind); return ret }) == nvml.SUCCESS && mhz > 0 {
			m.Set(infoField(c.name), sdk.IntValue(int64(mhz)*1e6))
		}
	}
	if d.ask(callMaxLinkGeneration, func() (ret nvml.Return) { n, ret = d.handle.GetMaxPcieLinkGeneration(); return ret }) {
		m.Set(infoField("pcie_link_generation_max"), sdk.IntValue(int64(n)))
	}
	if d.ask(callMaxLinkWidth, func() (ret nvml.Return) { n, ret = d.handle.GetMaxPcieLinkWidth(); return ret }) {
		m.Set(infoField("pcie_link_width_max"), sdk.IntValue(int64(n)))
	}
}
