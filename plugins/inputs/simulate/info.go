package simulate

import (
	"fmt"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func told(name string) sdk.Field { return vocabulary.Field(vocabulary.Info, name) }

// words and figures are what a card says of itself; nothing in them could be taken for a real one.
var words = []struct {
	field sdk.Field
	text  string
}{
	{told("driver_version"), "simulated"},
	{told("cuda_version"), "simulated"},
	{told("vbios_version"), "simulated"},
	{told("architecture"), "Hopper"},
	{told("compute_capability"), "9.0"},
	{told("compute_mode"), "Default"},
	{told("persistence_mode"), "Enabled"},
	{told("mig_mode"), "Disabled"},
	{told("ecc_mode"), "Enabled"},
}

var figures = []struct {
	field sdk.Field
	value float64
}{
	{told("power_limit_default_watts"), 700},
	{told("power_limit_min_watts"), 200},
	{told("power_limit_max_watts"), 700},
	{told("temperature_max_operating_celsius"), maxOperating},
	{told("temperature_slowdown_celsius"), slowdown},
	{told("temperature_shutdown_celsius"), shutdown},
	{told("clock_sm_max_hertz"), fastest},
	{told("clock_graphics_max_hertz"), fastest},
	{told("clock_memory_max_hertz"), memClock},
	{told("pcie_link_generation_max"), 5},
	{told("pcie_link_width_max"), 16},
}

var (
	serial    = told("serial")
	minor     = told("minor_number")
	requested = told("power_limit_requested_watts")
)

func addInfo(b *sdk.Batch, f *face, c *card, index int, now int64) {
	m := vocabulary.AddInfo(b, f.tags, now)
	m.Set(serial, sdk.StringValue(fmt.Sprintf("SIMULATED-%04d", index)))
	m.Set(minor, sdk.IntValue(int64(index)))
	for _, w := range words {
		m.Set(w.field, sdk.StringValue(w.text))
	}
	m.SetNumber(requested, c.limit)
	for _, n := range figures {
		m.SetNumber(n.field, n.value)
	}
}
