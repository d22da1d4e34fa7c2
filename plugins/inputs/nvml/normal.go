//go:build cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var (
	memoryUsed     = gpuField("memory_used_bytes")
	memoryFree     = gpuField("memory_free_bytes")
	memoryReserved = gpuField("memory_reserved_bytes")
	memoryTotal    = gpuField("memory_total_bytes")
	memoryRatio    = gpuField("memory_used_ratio")

	temperature       = gpuField("temperature_celsius")
	temperatureMargin = gpuField("temperature_margin_celsius")
	reasons           = gpuField("throttle_reasons")
	pstate            = gpuField("pstate")
	powerLimit        = gpuField("power_limit_watts")
	graphicsClock     = gpuField("clock_graphics_hertz")
	videoClock        = gpuField("clock_video_hertz")
	lastXID           = gpuField("xid")
)

// normal adds the row of what changes within seconds.
func (d *device) normal() {
	now := d.clock()
	m := d.row(now.wall)
	d.memory(m, d.handle)
	var t uint32
	if d.ask(callTemperature, func() (ret nvml.Return) { t, ret = d.handle.GetTemperature(nvml.TEMPERATURE_GPU); return ret }) {
		m.Set(temperature, sdk.FloatValue(float64(t)))
	}
	var margin nvml.MarginTemperature
	if d.ask(callMargin, func() (ret nvml.Return) { margin, ret = d.handle.GetMarginTemperature(); return ret }) {
		m.Set(temperatureMargin, sdk.FloatValue(float64(margin.MarginTemperature)))
	}
	d.readFields(m, &d.normalFields)
	d.held(m, now.wall)
	var p nvml.Pstates
	if d.ask(callPState, func() (ret nvml.Return) { p, ret = d.handle.GetPerformanceState(); return ret }) && p <= nvml.PSTATE_15 {
		m.Set(pstate, sdk.IntValue(int64(p)))
	}
	var mw uint32
	if d.ask(callPowerLimit, func() (ret nvml.Return) { mw, ret = d.handle.GetEnforcedPowerLimit(); return ret }) {
		m.Set(powerLimit, sdk.FloatValue(float64(mw)/1e3))
	}
	d.clockInfo(m, graphicsClock, nvml.CLOCK_GRAPHICS)
	d.clockInfo(m, videoClock, nvml.CLOCK_VIDEO)
	d.engines(m, &now)
	if v, ok := m.Number("recovery_action"); ok {
		d.recovery.Observe(&d.events, d.batch, d.tags, now.wall, int64(v))
	}
	if d.xid > 0 {
		m.Set(lastXID, sdk.IntValue(int64(d.xid)))
	}
	for _, i := range d.instances {
		d.memory(i.row(d, now.wall), i.handle)
	}
}

// memory sets what is allocated on a GPU, or on a MIG instance of it.
func (d *device) memory(m *sdk.Metric, handle nvml.Device) {
	var v nvml.Memory_v2
	switch {
	case d.ask(callMemory, func() (ret nvml.Return) { v, ret = handle.GetMemoryInfo_v2(); return ret }):
		m.Set(memoryReserved, sdk.IntValue(int64(v.Reserved)))
	default:
		var old nvml.Memory
		if !d.ask(callMemoryV1, func() (ret nvml.Return) { old, ret = handle.GetMemoryInfo(); return ret }) {
			return
		}
		v = nvml.Memory_v2{Total: old.Total, Free: old.Free, Used: old.Used}
	}
	m.Set(memoryUsed, sdk.IntValue(int64(v.Used)))
	m.Set(memoryFree, sdk.IntValue(int64(v.Free)))
	m.Set(memoryTotal, sdk.IntValue(int64(v.Total)))
	if room := v.Total - v.Reserved; v.Total > v.Reserved && v.Used <= v.Total {
		m.Set(memoryRatio, sdk.FloatValue(min(float64(v.Used)/float64(room), 1)))
	}
}

// held sets the reasons that hold clocks back, and tells when one begins.
func (d *device) held(m *sdk.Metric, at int64) {
	var bits uint64
	if d.ask(callReasons, func() (ret nvml.Return) { bits, ret = d.handle.GetCurrentClocksEventReasons(); return ret }) ||
		d.ask(callReasonsOld, func() (ret nvml.Return) { bits, ret = d.handle.GetCurrentClocksThrottleReasons(); return ret }) {
		m.Set(reasons, sdk.IntValue(int64(bits)))
		d.onsets.Observe(&d.events, d.batch, d.tags, at, int64(bits))
	}
}

// engines asks for the use of the video engines whose rings are silent.
func (d *device) engines(m *sdk.Metric, now *instant) {
	ask := func(ring int, c call, read func() (uint32, uint32, nvml.Return)) {
		if !d.rings[ring].silent(now) {
			return
		}
		var v uint32
		if d.ask(c, func() (ret nvml.Return) { v, _, ret = read(); return ret }) {
			d.percent(m, ringKinds[ring].field, v)
		}
	}
	ask(ringEncoder, callEncoder, d.handle.GetEncoderUtilization)
	ask(ringDecoder, callDecoder, d.handle.GetDecoderUtilization)
	ask(ringJPEG, callJPEG, d.handle.GetJpgUtilization)
	ask(ringOFA, callOFA, d.handle.GetOfaUtilization)
}
