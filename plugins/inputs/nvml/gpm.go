//go:build cgo

package nvml

import (
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// gpmReading is a profiling metric of Hopper and later: its mean between two of the driver's snapshots.
type gpmReading struct {
	id     uint32 // NVML_GPM_METRIC_…
	field  sdk.Field
	factor float64
}

const (
	fromPercent = 0.01
	fromMiB     = 1 << 20
)

var gpmReadings = []gpmReading{
	{1, gpuField("graphics_active_ratio"), fromPercent},
	{2, gpuField("sm_active_ratio"), fromPercent},
	{3, gpuField("sm_occupancy_ratio"), fromPercent},
	{4, gpuField("integer_active_ratio"), fromPercent},
	{5, gpuField("tensor_active_ratio"), fromPercent},
	{10, gpuField("dram_active_ratio"), fromPercent},
	{11, gpuField("fp64_active_ratio"), fromPercent},
	{12, gpuField("fp32_active_ratio"), fromPercent},
	{13, gpuField("fp16_active_ratio"), fromPercent},
	{20, gpuField("pcie_tx_bytes_per_second"), fromMiB},
	{21, gpuField("pcie_rx_bytes_per_second"), fromMiB},
	{60, gpuField("nvlink_rx_bytes_per_second"), fromMiB},
	{61, gpuField("nvlink_tx_bytes_per_second"), fromMiB},
}

// profiler reads the profiling metrics of one GPU.
type profiler struct {
	own      *gpmPair
	readings []gpmReading // those that the GPU has
	get      *gpmMetrics
}

// gpmMetrics is nvmlGpmMetricsGet_t, where addresses are numbers: they are the driver's.
type gpmMetrics struct {
	version, count uint32
	before, after  uintptr // snapshots
	metrics        [len(nvml.GpmMetricsGetType{}.Metrics)]gpmMetric
}

// gpmMetric is nvmlGpmMetric_t.
type gpmMetric struct {
	id, ret uint32
	value   float64
	_       [3]uintptr // its names and unit, in words
}

// gpmPair is the driver's memory for two snapshots, the last and the one before.
type gpmPair struct {
	last, next nvml.GpmSample
	taken      bool // last holds one
	refused    bool
	failures   int   // one after another
	rest       int64 // it is left alone until then, by the agent's time
}

const (
	// enoughFailures is after how many a GPU's profiler is left alone: the guest of a virtual GPU has one that never
	// gives a snapshot.
	enoughFailures = 10
	restFor        = infoInterval
)

// fail notes that a snapshot could not be had, or compared.
func (p *gpmPair) fail(ret nvml.Return, at int64) {
	p.refused = final(ret)
	if p.failures++; p.failures >= enoughFailures {
		p.failures, p.rest, p.taken = 0, at+int64(restFor), false
	}
}

// startProfiling prepares the GPU's profiler where it has one.
func (d *device) startProfiling() {
	if d.tiers.gpm <= 0 {
		return
	}
	var s nvml.GpmSupport
	if !d.ask(callGPMSupport, func() (ret nvml.Return) { s, ret = d.handle.GpmQueryDeviceSupport(); return ret }) || s.IsSupportedDevice == 0 {
		return
	}
	if pair := d.newPair(); pair != nil {
		d.gpm = &profiler{own: pair, readings: slices.Clone(gpmReadings), get: new(gpmMetrics)}
	}
}

// stopProfiling lets go of the driver's memory.
func (d *device) stopProfiling() {
	for _, i := range d.instances {
		d.freePair(i.gpm)
		i.gpm = nil
	}
	if d.gpm != nil {
		d.freePair(d.gpm.own)
		d.gpm = nil
	}
}

func (d *device) newPair() *gpmPair {
	p := new(gpmPair)
	for _, s := range []*nvml.GpmSample{&p.last, &p.next} {
		if !d.ask(callGPMAlloc, func() (ret nvml.Return) { *s, ret = d.lib.api.GpmSampleAlloc(); return ret }) {
			d.freePair(p)
			return nil
		}
	}
	return p
}

// freePair gives a pair's memory back to the driver. It asks nothing of the GPU, and may be called when
// that is lost.
func (d *device) freePair(p *gpmPair) {
	if p == nil || !d.lib.has(callGPMFree) {
		return
	}
	for _, s := range []nvml.GpmSample{p.last, p.next} {
		if s != nil {
			_ = s.Free()
		}
	}
}

// profile adds the metrics of the GPU, or of each of its MIG instances, since the reading before.
func (d *device) profile() {
	if len(d.instances) == 0 {
		d.compare(d.gpm.own, callGPMSample, d.row, func(s nvml.GpmSample) nvml.Return { return s.Get(d.handle) })
		return
	}
	for _, i := range d.instances {
		if i.gpm == nil {
			if i.gpm = d.newPair(); i.gpm == nil {
				return
			}
		}
		d.compare(i.gpm, callGPMSampleMIG, func(at int64) *sdk.Metric { return i.row(d, at) },
			func(s nvml.GpmSample) nvml.Return { return s.MigGet(d.handle, i.gi) })
	}
}

// compare takes a snapshot and adds what has happened since the one before.
func (d *device) compare(p *gpmPair, c call, row func(int64) *sdk.Metric, take func(nvml.GpmSample) nvml.Return) {
	at := d.clock().wall
	if p.refused || at < p.rest {
		return
	}
	if ret := d.try(c, func() nvml.Return { return take(p.next) }); ret != nvml.SUCCESS {
		d.note(c, ret)
		p.taken = false
		p.fail(ret, at)
		return
	}
	p.last, p.next = p.next, p.last
	if !p.taken {
		p.taken = true
		return
	}
	g := d.gpm.get
	g.version, g.count = nvml.GPM_METRICS_GET_VERSION, uint32(len(d.gpm.readings))
	g.before, g.after = uintptr(handle(p.next)), uintptr(handle(p.last))
	for i := range d.gpm.readings {
		g.metrics[i] = gpmMetric{id: d.gpm.readings[i].id}
	}
	// An invalid argument is snapshots that cannot be compared: of an instance that was made anew, or too close.
	if ret := d.try(callGPMMetrics, func() nvml.Return { return d.lib.functions[callGPMMetrics].metrics(g) }); ret != nvml.SUCCESS {
		d.note(callGPMMetrics, ret)
		p.fail(ret, at)
		return
	}
	p.failures = 0
	m := row(at)
	kept := d.gpm.readings[:0]
	for i, r := range d.gpm.readings {
		if unknown(nvml.Return(g.metrics[i].ret)) {
			continue
		}
		kept = append(kept, r)
		if v := g.metrics[i].value * r.factor; nvml.Return(g.metrics[i].ret) == nvml.SUCCESS {
			if v < 0 || v != v || r.factor == fromPercent && v > 1 {
				d.costs.invalid.Add(1)
				continue
			}
			m.SetNumber(r.field, v)
		}
	}
	d.gpm.readings = kept
}
