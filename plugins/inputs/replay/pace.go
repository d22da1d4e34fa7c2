package replay

import (
	"math"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// pace says when a sample is due, and what its time stamp becomes. Each file starts a pace of its own:
// its first sample is due at once.
type pace struct {
	speed float64 // 0: everything is due at once
	shift bool    // move time stamps to the present

	started bool
	first   int64     // recorded time of the file's first sample
	begin   time.Time // when that was due
	stamp   int64     // what its time stamp became
	last    int64     // recorded time of the sample before
	step    int64     // between the last two recorded times that differ
	newest  int64     // the latest time stamp given so far, in any file
}

// A file whose times are all the same is followed by the next after so long.
const defaultStep = int64(time.Second)

// restart begins a file.
func (p *pace) restart() { p.started = false }

// due returns when a sample that was recorded at t is due.
func (p *pace) due(t int64, now time.Time) time.Time {
	if !p.started {
		p.start(t, now)
	}
	if p.speed == 0 {
		return now
	}
	return p.begin.Add(time.Duration(p.elapsed(t)))
}

func (p *pace) start(t int64, now time.Time) {
	p.started, p.first, p.begin = true, t, now
	p.stamp = now.UnixNano()
	if p.newest > 0 { // never back, and not so close behind that rates explode
		step := p.step
		if step == 0 {
			step = defaultStep
		}
		p.stamp = max(p.stamp, min(p.newest+step, farthest))
	}
	p.last, p.step = t, 0
}

// Sums of a time stamp and a span within this bound do not overflow.
const farthest = math.MaxInt64 / 4

// elapsed returns the time from the file's first sample to one recorded at t, at the pace of replay.
func (p *pace) elapsed(t int64) int64 {
	d := float64(t) - float64(p.first)
	if p.speed > 0 && p.speed != 1 {
		d /= p.speed
	} else if math.Abs(d) < farthest {
		return t - p.first // exact
	}
	return int64(max(min(d, farthest), -farthest))
}

// move gives m its new time stamp; due was called for it.
func (p *pace) move(m *sdk.Metric) {
	if !p.shift {
		return
	}
	t := m.Time()
	if t > p.last {
		p.step, p.last = min(p.elapsed(t)-p.elapsed(p.last), farthest/2), t
	}
	stamp := p.stamp + p.elapsed(t)
	p.newest = max(p.newest, stamp)
	m.SetTime(stamp)
}
