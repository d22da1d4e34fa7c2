//go:build cgo

package nvml

import (
	"slices"
	"strings"
	"unsafe"

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
	d.memory(func() *sdk.Metric { return m }, func(c call, to slot) bool { return d.fetch(c, d.handle, to) })
	a := d.answers
	if d.ask(callTemperature, d.readTemperature) {
		m.Set(temperature, sdk.FloatValue(float64(a.temperature.Temperature)))
	}
	if d.fetch(callMargin, d.handle, slot32(&a.margin.MarginTemperature).within(unsafe.Pointer(&a.margin))) {
		m.Set(temperatureMargin, sdk.FloatValue(float64(a.margin.MarginTemperature)))
	}
	d.readFields(m, &d.normalFields)
	d.countTraffic(m)
	d.held(m, now.wall)
	if d.fetch(callPState, d.handle, slot32(&a.uint32)) && a.uint32 <= uint32(nvml.PSTATE_15) {
		m.Set(pstate, sdk.IntValue(int64(a.uint32)))
	}
	if d.fetch(callPowerLimit, d.handle, slot32(&a.uint32)) {
		m.Set(powerLimit, sdk.FloatValue(float64(a.uint32)/1e3))
	}
	d.clockInfo(m, graphicsClock, nvml.CLOCK_GRAPHICS)
	d.clockInfo(m, videoClock, nvml.CLOCK_VIDEO)
	d.engines(m, &now)
	if v, ok := m.Number("recovery_action"); ok {
		d.recovery.Observe(d.events.On(d.batch, d.tags, now.wall), int64(v))
	}
	if d.xid > 0 {
		m.Set(lastXID, sdk.IntValue(int64(d.xid)))
	}
	if slices.ContainsFunc(d.instances, d.moved) {
		d.findInstances()
	}
	for _, i := range d.instances {
		if d.lost || d.broken != nil {
			return
		}
		d.memory(func() *sdk.Metric { return i.row(d, now.wall) }, func(c call, to slot) bool {
			return d.lib.has(c) && d.measure(c, func() nvml.Return { return d.lib.functions[c].get(i.handle, to) }) == nvml.SUCCESS
		})
	}
}

// readTemperature reads the temperature by the call that the driver has: nvml.h calls the older one deprecated.
func (d *device) readTemperature() nvml.Return {
	f, t := d.lib.functions[callTemperature], &d.answers.temperature
	if t.SensorType = uint32(nvml.TEMPERATURE_GPU); strings.HasSuffix(f.name, "V") {
		return f.get(d.handle, slot32(&t.Temperature).within(unsafe.Pointer(t)))
	}
	return f.getOf(d.handle, int32(t.SensorType), slot32(&t.Temperature))
}

// memory sets what is allocated on a GPU, or on a MIG instance of it. What the GPU as a whole refuses its instances
// may give, and one that is gone says nothing of the others.
func (d *device) memory(row func() *sdk.Metric, get func(c call, to slot) bool) {
	var m *sdk.Metric
	v := &d.answers.memory
	switch old := &d.answers.memoryV1; {
	case get(callMemory, slot64(&v.Used).within(unsafe.Pointer(v))):
		m = row()
		m.Set(memoryReserved, sdk.IntValue(int64(v.Reserved)))
	case get(callMemoryV1, slot64(&old.Used).within(unsafe.Pointer(old))):
		m = row()
		v.Total, v.Reserved, v.Free, v.Used = old.Total, 0, old.Free, old.Used
	default:
		return
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
	bits := &d.answers.uint64
	if d.fetch(callReasons, d.handle, slot64(bits)) || d.fetch(callReasonsOld, d.handle, slot64(bits)) {
		m.Set(reasons, sdk.IntValue(int64(*bits)))
		d.onsets.Observe(d.events.On(d.batch, d.tags, at), int64(*bits))
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
