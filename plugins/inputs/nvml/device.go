//go:build cgo

package nvml

import (
	"sync/atomic"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// device is one GPU: what is known of it, and the rows that its calls have made. Whoever runs it owns it:
// a goroutine of the [rota] between two ticks, the monitor else.
type device struct {
	*session
	id     selector.GPU
	handle nvml.Device
	tags   []sdk.Tag
	series *sdk.Series
	batch  *sdk.Batch

	refused [calls]bool  // not supported by this GPU
	told    [calls]int64 // when it was last said that a call fails, by the agent's time
	calling atomic.Uint32
	lost    bool
	missing bool  // the driver does not list it
	broken  error // the driver as a whole has failed

	rings   [len(ringKinds)]ring
	dead    [len(ringKinds)]bool // rings that this GPU has not
	sampler sampler
	answers *answers
	points  []point
	before  mark  // where the rings are read from
	read    int64 // when they were last read, by the agent's time

	powerField, normalFields, slowFields, infoFields fieldSet

	traffic  traffic
	energy   uint64 // the last reading of the counter, in mJ
	consumed int64  // when it was another than before, by the agent's time

	noClock   [nvml.CLOCK_COUNT]bool // clocks that this GPU has not
	events    vocabulary.Events
	onsets    vocabulary.Onsets
	ecc       vocabulary.ECC
	recovery  vocabulary.Recovery
	processes processes
	cut       bool // into MIG instances
	instances []*instance
	gpm       *profiler

	begun bool
	due   [tierCount]int64 // by the agent's time; 0 is at once
	shift time.Duration    // by which its slow tier comes before those of the others
	busy  int64            // when work was last seen
	xid   int              // the last that was seen; 0 for none

	// Of the monitor, while the GPU hangs and the rest is not its:
	hung   vocabulary.Events
	silent int64 // when it last said so
}

// session is what all GPUs of one opened library share.
type session struct {
	lib    *library
	tiers  tiers
	config *Config
	env    *sdk.Env
	clock  clock
	costs  *costs
	marks  marks // of the process before this one
	since  int64 // the rings of a GPU without a mark are read from here on

	draining *atomic.Bool // this round empties the rings
	counting *atomic.Bool // this round is between two ticks, and reads what cannot wait
}

func newDevice(s *session, handle nvml.Device, id selector.GPU) *device {
	d := &device{
		session: s, id: id, handle: handle,
		before:     mark{at: s.since},
		answers:    newAnswers(),
		batch:      sdk.NewBatch(s.env.Catalog),
		powerField: newFieldSet(powerReadings, s.lib), normalFields: newFieldSet(normalReadings, s.lib),
		slowFields: newFieldSet(slowReadings, s.lib), infoFields: newFieldSet(infoReadings, s.lib),
		traffic: traffic{fields: newFieldSet(trafficReadings, s.lib)},
		tags: vocabulary.Device{
			UUID: id.UUID, Index: id.Index, Name: id.Name, PCIBusID: id.Bus, Source: vocabulary.SourceNVML,
		}.Tags(),
	}
	if before, ok := s.marks[known(id)]; ok {
		d.before = before
	}
	d.read = d.before.at
	for i := range d.rings {
		d.rings[i].kind = &ringKinds[i]
	}
	return d
}

// known returns what a GPU is known by: its UUID or, where the driver gives none, its place.
func known(id selector.GPU) string {
	if id.UUID != "" {
		return id.UUID
	}
	return id.Bus + " " + id.Index
}

// mark says how far the rings have been read.
func (d *device) mark() mark {
	m := mark{at: d.read, rings: d.before.rings}
	for i := range d.rings {
		if last := d.rings[i].last; last > 0 {
			m.rings[i] = last
		}
	}
	return m
}

// adopt takes over what is known of the same GPU from a session before: what has been told of its rings,
// and whether it was lost.
func (d *device) adopt(before *device) {
	for i := range d.rings {
		r := &d.rings[i]
		b := &before.rings[i]
		r.domain, r.not, r.other, r.seen, r.last, r.told = b.domain, b.not, b.other, b.seen, b.last, b.told
	}
	d.lost, d.missing = before.lost, before.missing
	d.onsets, d.ecc, d.recovery = before.onsets, before.ecc, before.recovery
}

// try makes a call, unless the library lacks it or something has gone wrong since the run began. It
// measures the call and takes note of what concerns the whole GPU or the driver.
func (d *device) try(c call, f func() nvml.Return) nvml.Return {
	switch {
	case !d.lib.has(c):
		return nvml.ERROR_FUNCTION_NOT_FOUND
	case d.broken != nil || d.lost:
		return nvml.ERROR_GPU_IS_LOST
	}
	ret := d.measure(c, f)
	switch ret {
	case nvml.ERROR_GPU_IS_LOST, nvml.ERROR_RESET_REQUIRED:
		d.lose(failure(ret).Error())
	case nvml.ERROR_UNINITIALIZED, nvml.ERROR_DRIVER_NOT_LOADED, nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		d.broken = failure(ret)
	}
	return ret
}

func (d *device) measure(c call, f func() nvml.Return) nvml.Return {
	d.calling.Store(uint32(c) + 1)
	began := time.Now()
	ret := f()
	d.costs.add(c, time.Since(began))
	d.calling.Store(0)
	return ret
}

// ask is try for a call that a GPU either supports or does not. It reports success.
func (d *device) ask(c call, f func() nvml.Return) bool {
	if d.refused[c] {
		return false
	}
	ret := d.try(c, f)
	d.refused[c] = final(ret)
	d.note(c, ret)
	return ret == nvml.SUCCESS
}

// inCall returns the name of the call that the GPU's goroutine is in. Anybody may ask.
func (d *device) inCall() string {
	if c := d.calling.Load(); c > 0 {
		return call(c - 1).name()
	}
	return "none"
}

func (d *device) lose(why string) {
	if d.lost {
		return
	}
	d.lost = true
	d.events.On(d.batch, d.tags, d.clock().wall).Lost(why)
}

func (d *device) row(at int64) *sdk.Metric {
	if d.series == nil || d.series.Left() {
		d.series = d.batch.Series(vocabulary.GPU, d.tags...)
	}
	return d.batch.Add(d.series, at)
}
