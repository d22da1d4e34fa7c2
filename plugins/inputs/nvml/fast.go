//go:build cgo

package nvml

import (
	"cmp"
	"slices"
	"time"
	"unsafe"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var (
	energy      = gpuField("energy_joules")
	powerNow    = gpuField("power_watts")
	utilization = gpuField("utilization_ratio")
	memoryUse   = gpuField("memory_activity_ratio")
	smClock     = gpuField("clock_sm_hertz")
	memoryClock = gpuField("clock_memory_hertz")
)

// fast adds the row of the fast tier, stamped at the instant of its first call, so that differences of
// energy are exact, and a row for each instant of which the rings hold samples.
func (d *device) fast() {
	now := d.clock()
	_, cost := d.costs.of(callEnergy)
	read := (d.draining.Load() || cost*dear < d.tiers.fast) && d.fetch(callEnergy, d.handle, slot64(&d.answers.uint64))
	if d.broken != nil {
		return // a row would say that the rings have been read up to now
	}
	m := d.row(now.wall)
	if read && d.consumes(d.answers.uint64, now.wall) {
		m.Set(energy, sdk.FloatValue(float64(d.answers.uint64)/1e3))
	}
	if d.draining.Load() {
		d.drain(&now)
	}
	d.standIn(m, &now)
	if d.lost {
		m.Set(up, sdk.IntValue(0))
		return
	}
	m.Set(up, sdk.IntValue(1))
}

// stillAfter is longer than the energy counter of a GPU stands still: it moves each 10 to 100 ms, and no GPU that is on
// takes no power.
const stillAfter = 2 * time.Second

// consumes takes note of a reading of the energy counter, in mJ, and reports whether it tells anything. Some drivers, and
// stand-ins for one, have a counter that never moves: means of power from it would be 0.
func (d *device) consumes(energy uint64, at int64) bool {
	if energy != d.energy || d.consumed == 0 {
		d.energy, d.consumed = energy, at
	}
	return at-d.consumed <= int64(stillAfter)
}

// drain empties the rings. Samples of one instant become one row.
func (d *device) drain(now *instant) {
	d.points, d.read = d.points[:0], now.wall
	for i := range d.rings {
		if d.dead[i] {
			continue
		}
		r := &d.rings[i]
		first := r.told == 0 && r.last == 0
		r.follow(now)
		all, ret := d.samples(r, r.last)
		if unknown(ret) {
			d.dead[i] = true
			continue
		}
		if first && len(all) > 0 {
			r.start(all, now, d.before.at, d.before.rings[i])
		}
		var bad int
		d.points, bad = r.drain(d.points, all, now)
		if bad > 0 {
			d.costs.invalid.Add(float64(bad))
		}
		d.publish(r)
		if r.domain == domainOther && !r.odd {
			r.odd = true
			d.env.Log.Warn("the driver's time stamps are by none of this host's clocks; the youngest are taken to be new", "ring", r.kind.name, "gpu", d.id.Index)
		}
	}
	slices.SortStableFunc(d.points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	var m *sdk.Metric
	for i := range d.points {
		p := &d.points[i]
		if m == nil || m.Time() != p.at {
			m = d.row(p.at)
		}
		m.SetNumber(p.kind.field, p.value)
		if p.kind == &ringKinds[ringGPU] && p.value > 0 {
			d.busy = max(d.busy, p.at)
		}
	}
}

// publish tells what was measured of a ring, and warns where it is read too seldom.
func (d *device) publish(r *ring) {
	if !r.periodic() || r.published {
		return
	}
	r.published = true
	d.costs.ring(r.kind, r.period, r.span)
	if every := max(d.tiers.fast, d.tiers.idle); r.span > 0 && r.span < every && !r.warned {
		r.warned = true
		d.env.Log.Warn("the driver's ring buffer holds less than the interval: samples are lost; shorten `interval`",
			"ring", r.kind.name, "gpu", d.id.Index, "holds", r.span, "interval", every)
	}
}

// measureRings looks at all that the rings hold, without taking any of it.
func (d *device) measureRings() {
	for i := range d.rings {
		if r := &d.rings[i]; !d.dead[i] && r.last > 0 {
			if all, _ := d.samples(r, 0); len(all) > 0 {
				r.size(all)
			}
		}
	}
}

// samples returns what a ring holds that is newer than a time stamp. It returns the driver's
// refusal where the GPU has no such ring.
func (d *device) samples(r *ring, after uint64) (all []entry, ret nvml.Return) {
	ret = d.try(callSamples, func() (ret nvml.Return) {
		all, ret = d.sampler.read(d.lib.functions[callSamples], d.handle, r.kind.number, after)
		return ret
	})
	return all, ret
}

// standIn asks for the current rate of what the rings are silent about: an idle GPU must not look absent.
func (d *device) standIn(m *sdk.Metric, now *instant) {
	if d.rings[ringGPU].silent(now) || d.rings[ringMemory].silent(now) {
		if u := &d.answers.utilization; d.fetch(callUtilization, d.handle, slot32(&u.Memory).within(unsafe.Pointer(u))) {
			d.percent(m, utilization, u.Gpu)
			d.percent(m, memoryUse, u.Memory)
			if u.Gpu > 0 {
				d.busy = max(d.busy, now.wall)
			}
		}
	}
	if d.rings[ringPower].silent(now) && d.readFields(m, &d.powerField) == 0 {
		if mw := &d.answers.uint32; d.fetch(callPower, d.handle, slot32(mw)) {
			m.Set(powerNow, sdk.FloatValue(float64(*mw)/1e3))
		}
	}
	if d.rings[ringSMClock].silent(now) {
		d.clockInfo(m, smClock, nvml.CLOCK_SM)
	}
	if d.rings[ringMemoryClock].silent(now) {
		d.clockInfo(m, memoryClock, nvml.CLOCK_MEM)
	}
}

// percent sets a share that the driver gives in %. One above 100 is an error to count.
func (d *device) percent(m *sdk.Metric, f sdk.Field, v uint32) { d.share(m, f, v, 1) }

// share is percent of a field that may be up to most.
func (d *device) share(m *sdk.Metric, f sdk.Field, v, most uint32) {
	if v > 100*most {
		d.costs.invalid.Add(1)
		return
	}
	m.Set(f, sdk.FloatValue(float64(v)/100))
}

func (d *device) clockInfo(m *sdk.Metric, f sdk.Field, kind nvml.ClockType) {
	if d.noClock[kind] {
		return
	}
	mhz := &d.answers.uint32
	ret := d.try(callClock, func() nvml.Return {
		return d.lib.functions[callClock].getOf(d.handle, int32(kind), slot32(mhz))
	})
	if d.noClock[kind] = unknown(ret); ret == nvml.SUCCESS {
		m.Set(f, sdk.IntValue(int64(*mhz)*1e6))
	}
}
