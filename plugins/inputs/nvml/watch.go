//go:build cgo

package nvml

import (
	"context"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// watch waits for what the driver reports by itself: XIDs, memory errors, lost GPUs. It does so on a
// goroutine of its own, which sits in the driver most of the time.
type watch struct {
	set     nvml.EventSet // nil where the driver has no events
	known   map[nvml.Device]bool
	unfit   map[nvml.Device]bool // GPUs whose registration spoils a set
	spoilt  bool
	reports chan nvml.EventData
	stop    context.CancelFunc
	done    chan struct{} // nil while nothing waits
}

// watched are the events that are asked for, of those that a GPU supports.
const watched = nvml.EventTypeXidCriticalError | nvml.EventTypeSingleBitEccError | nvml.EventTypeDoubleBitEccError |
	nvml.EventTypeSingleBitEccErrorStorm | nvml.EventTypeDramRetirementEvent | nvml.EventTypeDramRetirementFailure |
	nvml.EventTypeNonFatalPoisonError | nvml.EventTypeFatalPoisonError |
	nvml.EventTypeGpuUnavailableError | nvml.EventTypeGpuRecoveryAction | nvml.EventMigConfigChange

// waitFor is how long one call waits in the driver: so long may the end of the watch take.
const waitFor = 500 * time.Millisecond

// letGo is how long the driver may take to return from that call.
const letGo = 5 * time.Second

func newWatch(lib *library) *watch {
	w := &watch{known: make(map[nvml.Device]bool), unfit: make(map[nvml.Device]bool), reports: make(chan nvml.EventData, 64)}
	for _, c := range [...]call{callEventSet, callEventTypes, callEventRegister, callEventWait, callEventFree} {
		if !lib.has(c) {
			return w
		}
	}
	if set, ret := lib.api.EventSetCreate(); ret == nvml.SUCCESS {
		w.set = set
	}
	return w
}

// register adds a GPU to the watch. An unknown error leaves the set undefined, says nvml.h: then the watch is spoilt.
func (w *watch) register(d *device) {
	if w.set == nil || w.known[d.handle] || w.unfit[d.handle] || d.lost || d.missing {
		return
	}
	types, ret := d.handle.GetSupportedEventTypes()
	if ret == nvml.SUCCESS && types&watched != 0 {
		ret = d.handle.RegisterEvents(types&watched, w.set)
		w.known[d.handle] = ret == nvml.SUCCESS
		w.unfit[d.handle] = ret == nvml.ERROR_UNKNOWN
		w.spoilt = w.spoilt || w.unfit[d.handle]
	}
}

// again ends a watch that is spoilt, and returns one that leaves out what has spoilt it.
func (w *watch) again(lib *library) *watch {
	next := newWatch(lib)
	next.unfit = w.unfit
	w.close()
	return next
}

// begin begins the watch, with the first GPU that it has.
func (w *watch) begin() {
	if len(w.known) > 0 && w.done == nil {
		ctx, stop := context.WithCancel(context.Background())
		w.stop, w.done = stop, make(chan struct{})
		go w.run(ctx)
	}
}

func (w *watch) run(ctx context.Context) {
	defer close(w.done)
	for ctx.Err() == nil {
		began := time.Now()
		e, ret := w.set.Wait(uint32(waitFor.Milliseconds()))
		if ret == nvml.SUCCESS && e.EventType&watched != 0 {
			select {
			case w.reports <- e:
			case <-ctx.Done():
			}
			continue
		}
		// Nothing was reported, or a GPU is lost or the driver has gone, which the calls of the GPUs tell. Not all
		// drivers wait until there is something to say.
		select {
		case <-time.After(waitFor - time.Since(began)):
		case <-ctx.Done():
		}
	}
}

// close ends the watch. It reports false where the driver does not let go of it.
func (w *watch) close() bool {
	if w.done != nil {
		w.stop()
		select {
		case <-w.done:
		case <-time.After(letGo):
			return false
		}
	}
	if w.set != nil {
		_ = w.set.Free()
	}
	return true
}

// report adds the event of what the driver reported, and brings those calls forward that tell more.
func (d *device) report(e nvml.EventData) {
	at := d.clock().wall
	tags := d.tags
	if e.GpuInstanceId != noInstance && e.ComputeInstanceId != noInstance && len(d.instances) > 0 {
		tags = instanceTags(tags, int(e.GpuInstanceId), int(e.ComputeInstanceId))
	}
	r := d.events.On(d.batch, tags, at)
	switch e.EventType {
	case nvml.EventTypeXidCriticalError:
		d.xid = int(e.EventData)
		r.XID(d.xid, "")
	case nvml.EventTypeSingleBitEccError, nvml.EventTypeDoubleBitEccError:
		d.ecc.Report(r, e.EventType == nvml.EventTypeDoubleBitEccError)
		d.due[tierSlow] = at
	case nvml.EventTypeSingleBitEccErrorStorm:
		r.Add(vocabulary.EventECC, "storm", vocabulary.Warning, "corrected memory errors come in a storm")
		d.due[tierSlow] = at
	case nvml.EventTypeDramRetirementEvent:
		r.Add(vocabulary.EventECC, "retired", vocabulary.Warning, "device memory was retired or remapped")
		d.due[tierSlow] = at
	case nvml.EventTypeDramRetirementFailure:
		r.Add(vocabulary.EventECC, "retirement_failed", vocabulary.Critical, "device memory could not be retired or remapped")
		d.due[tierSlow] = at
	case nvml.EventTypeNonFatalPoisonError:
		r.Add(vocabulary.EventECC, "poison", vocabulary.Warning, "poisoned memory was consumed: the program that used it has failed")
	case nvml.EventTypeFatalPoisonError:
		r.Add(vocabulary.EventECC, "fatal_poison", vocabulary.Critical, "poisoned memory was consumed: the GPU needs a reset")
	case nvml.EventTypeGpuUnavailableError:
		r.Add(vocabulary.EventLost, "unavailable", vocabulary.Critical, "the driver says that the GPU is unavailable")
	case nvml.EventMigConfigChange:
		d.due[tierSlow] = at
	}
	d.due[tierFast], d.due[tierNormal] = at, at
}
