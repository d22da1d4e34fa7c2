package nvml

import (
	"slices"
	"time"
)

// ring drains one ring buffer of one GPU: each sample that the driver put in comes out once. It belongs to
// whoever runs the GPU's calls.
type ring struct {
	kind *ringKind

	domain domain
	not    domains // the clocks that the driver does not stamp by
	strays int     // drains in a row whose newest sample fitted no clock
	other  int64   // what domainOther is ahead of the time since the host's start
	seen   int64   // when that was estimated, by the latter
	last   uint64  // newest time stamp taken, in the driver's microseconds
	told   int64   // agent's time of the newest sample taken; 0 for none yet
	offset int64   // of the host's clock to the time since its start, when the ring was last drained

	period time.Duration // between samples, measured; 0 while unknown
	span   time.Duration // what the ring was seen to hold; 0 while unknown
	gaps   []uint64      // scratch

	published bool
	warned    bool
	odd       bool // it was said that it is domainOther
}

// entry is a sample in a ring as the driver gives it.
type entry struct {
	at    uint64 // microseconds by the driver's clock
	value float64
}

// point is a sample with the agent's time, in our unit.
type point struct {
	at    int64
	kind  *ringKind
	value float64
}

// start measures the ring from all that it holds, and lets go of what has been told by the process before this
// one, the last of it stamped before, or is not newer than since, which was before the agent. A ring of clocks
// holds changes: its newest may be hours old.
func (r *ring) start(all []entry, now *instant, since int64, before uint64) {
	r.size(all)
	r.settle(all, now)
	if before > 0 && r.place(entry{at: before}, now) {
		r.last = before
		return
	}
	for _, s := range all {
		if r.past(s, now) || r.place(s, now) && r.wall(s, now) <= since {
			r.last = max(r.last, s.at)
		}
	}
}

// follow moves the place in the ring along when its driver stamps by the host's clock, and that was set back:
// else all would be taken for old until the clock has caught up. Call it before the ring is read.
func (r *ring) follow(now *instant) {
	offset := now.epoch - now.boot
	if step := offset - r.offset; r.domain == domainEpoch && step < -int64(stepAtLeast) {
		r.last -= min(r.last, uint64(-step)/1000)
	}
	r.offset = offset
}

// stepAtLeast is how far a clock must jump to have been set; less is slewing.
const stepAtLeast = 50 * time.Millisecond

// drain appends the samples in all that have not been taken before to points, in order. all is reordered.
// bad counts entries that cannot be: without a time or with one in the future, or out of range.
func (r *ring) drain(points []point, all []entry, now *instant) (_ []point, bad int) {
	slices.SortFunc(all, byTime)
	if r.period == 0 {
		r.measure(all)
	}
	r.settle(all, now)
	for _, s := range all {
		if s.at != 0 && s.at <= r.last {
			continue
		}
		if !r.place(s, now) || s.value < 0 || s.value > r.kind.most {
			bad++
			if r.past(s, now) {
				r.last = s.at // and is not read again
			}
			continue
		}
		r.last = s.at
		r.told = max(r.wall(s, now), r.told+1) // a clock that is slowed down must not reorder samples
		points = append(points, point{r.told, r.kind, r.kind.ours(s.value)})
	}
	return points, bad
}

// silent reports whether the ring has had nothing new for so long that the current rate must stand in.
func (r *ring) silent(now *instant) bool {
	quiet := int64(time.Second)
	if r.periodic() {
		quiet = max(quiet, int64(3*r.period))
	}
	return now.wall-r.told > quiet
}

// periodic reports whether the ring holds a sample each period, which is measured, and not changes.
func (r *ring) periodic() bool { return r.period > 0 && r.period <= longestPeriod }

// longestPeriod is more than drivers let pass between two samples that they take regularly.
const longestPeriod = 2 * time.Second

// size measures the ring from all that it holds. It may not have filled up yet, so the most counts.
func (r *ring) size(all []entry) {
	slices.SortFunc(all, byTime)
	r.measure(all)
	r.span = max(r.span, time.Duration(len(r.gaps)+1)*r.period)
	r.published = false
}

// measure takes the period from the gaps between samples.
func (r *ring) measure(all []entry) {
	r.gaps = r.gaps[:0]
	for i := 1; i < len(all); i++ {
		if all[i-1].at != 0 && all[i].at > all[i-1].at {
			r.gaps = append(r.gaps, all[i].at-all[i-1].at)
		}
	}
	if len(r.gaps) < 3 {
		return
	}
	slices.Sort(r.gaps)
	r.period = time.Duration(r.gaps[len(r.gaps)/2]) * time.Microsecond
}

func byTime(a, b entry) int {
	switch {
	case a.at < b.at:
		return -1
	case a.at > b.at:
		return 1
	}
	return 0
}
