package fakedriver

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// A Line is the time line of one reading: a value that changes in steps, with bursts laid over it. Times
// are since the scenario's start and are kept in microseconds, so that its integral is exact.
type Line struct {
	base   int64
	steps  []point
	bursts []burst
	loop   int64
	points []point // of both, made when first asked for a value
}

// point says that the line has value v from t on; sum is the integral from the first point to this one.
type point struct{ t, v, sum int64 }

type burst struct{ t, d, v int64 }

// Base sets the value before the first step; it returns l, as the other setters do.
func (l *Line) Base(v int64) *Line {
	l.base, l.points = v, nil
	return l
}

// At steps to v at t.
func (l *Line) At(t time.Duration, v int64) *Line {
	l.steps, l.points = append(l.steps, point{t: t.Microseconds(), v: v}), nil
	return l
}

// Burst lays v over the steps from t for d. Bursts of one line must not overlap.
func (l *Line) Burst(t, d time.Duration, v int64) *Line {
	l.bursts, l.points = append(l.bursts, burst{t.Microseconds(), d.Microseconds(), v}), nil
	return l
}

// Train lays bursts of length d over the line, one each period, in [from, to).
func (l *Line) Train(from, to, period, d time.Duration, v int64) *Line {
	for t := from; t < to; t += period {
		l.Burst(t, d, v)
	}
	return l
}

// Loop repeats what the line does from 0 to d for ever, backwards too.
func (l *Line) Loop(d time.Duration) *Line {
	l.loop, l.points = d.Microseconds(), nil
	return l
}

// write prints the statements that make the line.
func (l *Line) write(w *strings.Builder, gpu string, r Reading) {
	fmt.Fprintf(w, "value %s %s %d\n", gpu, r, l.base)
	for _, s := range l.steps {
		fmt.Fprintf(w, "at %s %s %dus %d\n", gpu, r, s.t, s.v)
	}
	for _, b := range l.bursts {
		fmt.Fprintf(w, "burst %s %s %dus %dus %d\n", gpu, r, b.t, b.d, b.v)
	}
	if l.loop > 0 {
		fmt.Fprintf(w, "loop %s %s %dus\n", gpu, r, l.loop)
	}
}

// compile cuts time at every edge and asks for each piece which burst, or else which step, holds there.
func (l *Line) compile() []point {
	if l.points != nil {
		return l.points
	}
	steps, bursts := slices.Clone(l.steps), slices.Clone(l.bursts)
	slices.SortStableFunc(steps, func(a, b point) int { return int(min(max(a.t-b.t, -1), 1)) })
	slices.SortFunc(bursts, func(a, b burst) int { return int(min(max(a.t-b.t, -1), 1)) })
	edges := []int64{}
	for _, s := range steps {
		edges = append(edges, s.t)
	}
	for _, b := range bursts {
		edges = append(edges, b.t, b.t+b.d)
	}
	slices.Sort(edges)
	points := []point{}
	step, over := 0, 0 // the steps and bursts that began at or before the edge
	for _, t := range slices.Compact(edges) {
		for step < len(steps) && steps[step].t <= t {
			step++
		}
		for over < len(bursts) && bursts[over].t <= t {
			over++
		}
		p := point{t: t, v: l.base}
		if step > 0 {
			p.v = steps[step-1].v
		}
		if over > 0 && t < bursts[over-1].t+bursts[over-1].d {
			p.v = bursts[over-1].v
		}
		if n := len(points); n > 0 {
			p.sum = points[n-1].sum + points[n-1].v*(t-points[n-1].t)
		}
		points = append(points, p)
	}
	l.points = points
	return points
}

// Value returns the line's value at t.
func (l *Line) Value(t time.Duration) int64 { return l.value(t.Microseconds()) }

// Mean returns the exact mean over [from, to).
func (l *Line) Mean(from, to time.Duration) float64 {
	a, b := from.Microseconds(), to.Microseconds()
	return float64(l.integral(a, b)) / float64(b-a)
}

func (l *Line) value(t int64) int64 {
	points := l.compile()
	if l.loop > 0 {
		t = modulo(t, l.loop)
	}
	i := sort.Search(len(points), func(i int) bool { return points[i].t > t })
	if i == 0 {
		return l.base
	}
	return points[i-1].v
}

// integral returns the sum of value times microseconds.
func (l *Line) integral(from, to int64) int64 {
	if l.loop == 0 {
		return l.area(to) - l.area(from)
	}
	loops := (to-modulo(to, l.loop))/l.loop - (from-modulo(from, l.loop))/l.loop
	return loops*(l.area(l.loop)-l.area(0)) + l.area(modulo(to, l.loop)) - l.area(modulo(from, l.loop))
}

// area is the integral up to t from a fixed point, without regard to the loop.
func (l *Line) area(t int64) int64 {
	points := l.compile()
	i := sort.Search(len(points), func(i int) bool { return points[i].t > t })
	switch {
	case i > 0:
		p := points[i-1]
		return p.sum + p.v*(t-p.t)
	case len(points) > 0:
		return l.base * (t - points[0].t)
	}
	return l.base * t
}

type piece struct{ from, to, v int64 }

// pieces cuts [from, to) where the value changes.
func (l *Line) pieces(from, to int64) []piece {
	var out []piece
	points := l.compile()
	for t := from; t < to; {
		at, next := t, to
		if l.loop > 0 {
			at = modulo(t, l.loop)
			next = min(next, t-at+l.loop)
		}
		if i := sort.Search(len(points), func(i int) bool { return points[i].t > at }); i < len(points) {
			next = min(next, t+points[i].t-at)
		}
		out = append(out, piece{t, next, l.value(t)})
		t = next
	}
	return out
}

func modulo(a, b int64) int64 { return ((a % b) + b) % b }

func floorDiv(a, b int64) int64 { return (a - modulo(a, b)) / b }
