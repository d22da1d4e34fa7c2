package fakedriver

import (
	"time"
)

// Truth knows what a GPU of a scenario really did. It reckons from the scenario alone, in Go, and shares
// no code with the library. Times are since the scenario's start.
type Truth struct {
	s *Scenario
	g *GPU
	// Epoch is the epoch time at the scenario's start; Clock's when the Truth was made, unless set.
	Epoch time.Time
}

// Truth returns the truth of g. Ask for it before the scenario's clock is advanced.
func (g *GPU) Truth() *Truth {
	t := &Truth{s: g.scenario, g: g}
	if c := g.scenario.Clock; c != nil {
		t.Epoch = c.Now().Add(g.scenario.startBoot - c.Boot())
	}
	return t
}

// A Sample is one entry of a ring buffer.
type Sample struct {
	At      time.Duration // since the scenario's start
	Stamp   uint64        // as the driver stamps it, in microseconds
	Value   uint32
	Outlier bool // the value is one that the scenario put in its place
}

// Samples returns the entries of ring t with from < At <= to that were ever taken, the ring's size aside.
func (t *Truth) Samples(kind Sampling, from, to time.Duration) []Sample {
	r, l := t.ring(kind)
	var out []Sample
	period, phase := r.Period.Microseconds(), r.Phase.Microseconds()
	for k := floorDiv(from.Microseconds()-phase, period) + 1; phase+k*period <= to.Microseconds(); k++ {
		at := phase + k*period
		if !t.running(at) {
			continue
		}
		sample := Sample{At: time.Duration(at) * time.Microsecond, Stamp: t.stamp(r, at)}
		switch {
		case r.OutlierEvery > 0 && modulo(k+1, int64(r.OutlierEvery)) == 0:
			sample.Value, sample.Outlier = r.Outlier, true
		case r.Mean:
			sample.Value = uint32(floorDiv(l.integral(at-period, at)+period/2, period))
		default:
			sample.Value = uint32(l.value(at))
		}
		out = append(out, sample)
	}
	return out
}

// Ring returns the entries that the ring of that kind holds at the time at, oldest first.
func (t *Truth) Ring(kind Sampling, at time.Duration) []Sample {
	r, _ := t.ring(kind)
	from := at - r.Delay - time.Duration(r.Size)*r.Period
	loaded := time.Duration(t.loaded(at)) * time.Microsecond
	return t.Samples(kind, max(from, loaded-time.Microsecond), at-r.Delay)
}

// Time returns the epoch time at the time at of the scenario, steps of the clock included.
func (t *Truth) Time(at time.Duration) time.Time {
	epoch := t.Epoch.Add(at)
	for _, s := range t.s.steps {
		if s.at <= at {
			epoch = epoch.Add(s.by)
		}
	}
	return epoch
}

func (t *Truth) stamp(r *Ring, at int64) uint64 {
	if r.Epoch {
		return uint64(t.Time(time.Duration(at) * time.Microsecond).UnixMicro())
	}
	return uint64(t.s.startBoot.Microseconds() + at)
}

// Energy returns what GetTotalEnergyConsumption says at the time at, in mJ, with energy_start at 0.
func (t *Truth) Energy(at time.Duration) int64 { return t.Counter(Power, at) / 1_000_000 }

// Counter returns the integral of r from the load of the driver to at, in r's unit times microseconds:
// bytes for a rate.
func (t *Truth) Counter(r Reading, at time.Duration) int64 {
	return t.line(r).integral(t.loaded(at), at.Microseconds())
}

// Throttled returns for how long a bit of Throttle was set, from the load of the driver to at.
func (t *Truth) Throttled(bit int64, at time.Duration) time.Duration {
	var sum int64
	for _, p := range t.line(Throttle).pieces(t.loaded(at), at.Microseconds()) {
		if p.v&bit != 0 {
			sum += p.to - p.from
		}
	}
	return time.Duration(sum) * time.Microsecond
}

// Value returns r at the time at.
func (t *Truth) Value(r Reading, at time.Duration) int64 { return t.line(r).Value(at) }

// Mean returns the mean of r, exact.
func (t *Truth) Mean(r Reading, from, to time.Duration) float64 { return t.line(r).Mean(from, to) }

// MeanPower returns the mean power in watts.
func (t *Truth) MeanPower(from, to time.Duration) float64 { return t.Mean(Power, from, to) / 1000 }

// A Span is a time in which a reading stayed at or above a level.
type Span struct{ From, To time.Duration }

// Spikes returns the spans of [from, to) in which r was at least level, cut at both ends.
func (t *Truth) Spikes(r Reading, level int64, from, to time.Duration) []Span {
	var out []Span
	for _, p := range t.line(r).pieces(from.Microseconds(), to.Microseconds()) {
		if p.v < level {
			continue
		}
		a, b := time.Duration(p.from)*time.Microsecond, time.Duration(p.to)*time.Microsecond
		if n := len(out); n > 0 && out[n-1].To == a {
			out[n-1].To = b
			continue
		}
		out = append(out, Span{a, b})
	}
	return out
}

func (t *Truth) line(r Reading) *Line {
	if l := t.g.lines[r]; l != nil {
		return l
	}
	return &Line{base: defaultReadings[r].value}
}

func (t *Truth) ring(kind Sampling) (*Ring, *Line) {
	r := t.g.rings[kind]
	if r == nil {
		r = &defaultRings[kind]
	}
	return r, t.line(r.reading)
}

// loaded returns when the driver that runs at the time at was loaded, in microseconds.
func (t *Truth) loaded(at time.Duration) int64 {
	from := t.s.Loaded
	for _, r := range t.s.reloads {
		if r.at+r.down <= at {
			from = r.at + r.down
		}
	}
	return from.Microseconds()
}

// running tells whether there was a driver at the time at.
func (t *Truth) running(at int64) bool {
	for _, r := range t.s.reloads {
		if at >= r.at.Microseconds() && at < (r.at+r.down).Microseconds() {
			return false
		}
	}
	return at >= t.s.Loaded.Microseconds()
}
