package simulate

import (
	"math"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// reading is one field of a sample, and where the model has its value. Values of int fields are whole.
type reading struct {
	field sdk.Field
	value func(*card) float64
}

func show(name string, value func(*card) float64) reading {
	return reading{vocabulary.Field(vocabulary.GPU, name), value}
}

func constant(name string, v float64) reading { return show(name, func(*card) float64 { return v }) }

// readings are what an H100 reports. It has no fan and no encoder, so that those are absent or 0.
var readings = []reading{
	constant("up", 1),
	show("utilization_ratio", func(c *card) float64 { return c.windows.utilization }),
	show("memory_activity_ratio", func(c *card) float64 { return c.windows.memoryActivity }),
	constant("encoder_ratio", 0),
	show("decoder_ratio", func(c *card) float64 { return hundredths(0.2 * c.windows.utilization) }),
	show("jpeg_ratio", func(c *card) float64 { return hundredths(0.1 * c.windows.utilization) }),
	constant("ofa_ratio", 0),
	show("graphics_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(s.busy) }),
	show("sm_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(s.sm) }),
	show("sm_occupancy_ratio", func(c *card) float64 { s := c.interval(); return s.share(0.55 * s.sm) }),
	show("tensor_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(s.tensor) }),
	show("dram_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(s.dram) }),
	constant("fp64_active_ratio", 0),
	show("fp32_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(0.12 * s.sm) }),
	show("fp16_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(0.08 * s.sm) }),
	show("integer_active_ratio", func(c *card) float64 { s := c.interval(); return s.share(0.2 * s.sm) }),

	show("memory_used_bytes", func(c *card) float64 { return c.heap.used() }),
	show("memory_free_bytes", func(c *card) float64 { return total - reserved - c.heap.used() }),
	constant("memory_reserved_bytes", reserved),
	constant("memory_total_bytes", total),
	show("memory_used_ratio", func(c *card) float64 { return c.heap.used() / (total - reserved) }),
	constant("bar1_used_bytes", mib),
	constant("bar1_total_bytes", bar1),

	show("power_watts", func(c *card) float64 { return thousandths(c.power) }),
	show("power_average_watts", func(c *card) float64 { return thousandths(c.average) }),
	show("power_limit_watts", func(c *card) float64 { return c.limit }),
	show("energy_joules", func(c *card) float64 { return thousandths(c.energy) }),
	show("temperature_celsius", func(c *card) float64 { return math.Round(c.core) }),
	show("memory_temperature_celsius", func(c *card) float64 { return math.Round(c.hbm) }),
	show("temperature_margin_celsius", func(c *card) float64 { return maxOperating - math.Round(c.core) }),

	show("clock_sm_hertz", func(c *card) float64 { return c.clock.hertz() }),
	show("clock_graphics_hertz", func(c *card) float64 { return c.clock.hertz() }),
	constant("clock_memory_hertz", memClock),
	show("clock_video_hertz", func(c *card) float64 { return math.Round(0.78*c.clock.hertz()/grain) * grain }),
	constant("pstate", 0),
	show("throttle_reasons", func(c *card) float64 { return float64(c.bits()) }),
	show("throttle_sw_power_seconds", func(c *card) float64 { return thousandths(c.clock.swPower) }),
	show("throttle_sw_thermal_seconds", func(c *card) float64 { return thousandths(c.clock.swThermal) }),
	show("throttle_hw_thermal_seconds", func(c *card) float64 { return thousandths(c.clock.hwThermal) }),
	constant("throttle_power_brake_seconds", 0),
	constant("throttle_sync_boost_seconds", 0),

	show("pcie_tx_bytes", func(c *card) float64 { return math.Floor(c.pcieTX) }),
	show("pcie_rx_bytes", func(c *card) float64 { return math.Floor(c.pcieRX) }),
	constant("pcie_link_generation", 5),
	constant("pcie_link_width", 16),
	constant("pcie_replays", 0),
	show("nvlink_tx_bytes", func(c *card) float64 { return math.Floor(c.nvlink) }),
	show("nvlink_rx_bytes", func(c *card) float64 { return math.Floor(c.nvlink) }),

	show("ecc_corrected_errors", func(c *card) float64 { return float64(c.corrected) }),
	show("ecc_uncorrected_errors", func(c *card) float64 { return float64(c.uncorrected) }),
	show("ecc_corrected_aggregate_errors", func(c *card) float64 { return float64(c.before + c.corrected) }),
	show("ecc_uncorrected_aggregate_errors", func(c *card) float64 { return float64(c.uncorrected) }),
	constant("remapped_rows_correctable", 0),
	show("remapped_rows_uncorrectable", func(c *card) float64 { return float64(c.uncorrected) }),
	show("row_remap_pending", func(c *card) float64 { return min(float64(c.uncorrected), 1) }),
	constant("row_remap_failed", 0),
	show("recovery_action", func(c *card) float64 { return min(float64(c.uncorrected), 1) }),
}

var (
	up       = vocabulary.Field(vocabulary.GPU, "up")
	lastXID  = vocabulary.Field(vocabulary.GPU, "xid")
	procUsed = vocabulary.Field(vocabulary.Process, "memory_used_bytes")
	procSM   = vocabulary.Field(vocabulary.Process, "sm_ratio")
)

// Foresee returns what the model has.
func (c *Config) Foresee(sdk.Outlook) (sdk.Outlook, []sdk.Fault) {
	return vocabulary.Outlook(func(r vocabulary.Reading) bool {
		switch r.Metric {
		case vocabulary.GPU:
			return r.Name == lastXID.Name || slices.ContainsFunc(readings, func(own reading) bool { return own.field.Name == r.Name })
		case vocabulary.Process:
			return c.Processes > 0
		case vocabulary.Inference:
			return c.Inference
		}
		return r.Metric == vocabulary.Info || r.Metric == vocabulary.Event
	}), nil
}

// report adds what a card says now: its sample, its processes, and the events since the last time.
func (in *Input) report(b *sdk.Batch, f *face, c *card, now int64) {
	for _, number := range c.xids {
		in.events.On(b, f.tags, now).XID(number, "")
	}
	if c.lost {
		if len(c.xids) > 0 {
			in.events.On(b, f.tags, now).Lost("GPU is lost: it no longer answers")
		}
		b.Add(f.gpu, now).Set(up, sdk.IntValue(0))
		return
	}
	f.onsets.Observe(in.events.On(b, f.tags, now), c.reasons)
	m := b.Add(f.gpu, now)
	for i := range readings {
		m.SetNumber(readings[i].field, readings[i].value(c))
	}
	if c.lastXID > 0 {
		m.Set(lastXID, sdk.IntValue(int64(c.lastXID)))
	}
	for _, s := range f.process {
		share := 1 / float64(len(f.process))
		p, sums := b.Add(s, now), c.interval()
		p.SetNumber(procUsed, math.Floor(c.heap.used()*share))
		p.SetNumber(procSM, sums.share(sums.sm*share))
	}
}

func thousandths(v float64) float64 { return math.Round(1000*v) / 1000 }
