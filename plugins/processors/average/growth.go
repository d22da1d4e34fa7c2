package average

import "github.com/gpuline/gpuline/plugins/processors/internal/window"

// growth is how much a counter grows from one edge of a window to the other. Between two readings it
// grows evenly; readings further apart than max_gap say nothing of the time between them.
type growth struct {
	grown float64
	known int64 // for how many nanoseconds grown stands

	start int64         // of the first run
	first window.Sample // the first reading since
	last  window.Sample // the last reading; it may be older than start
	upto  int64         // known ends here: at last or, where that is older, at start
	after window.Sample // the first reading after the last run
}

func (g *growth) fold(r *window.Run) {
	run := growth{start: r.From, last: r.Before, after: r.After}
	for i, t := range r.T {
		next := window.Sample{T: t, V: r.V[i], OK: true}
		run.between(run.last, next, max(run.last.T, r.From), t, r.MaxGap)
		if i == 0 {
			run.first = next
		}
		run.last = next
	}
	run.upto = max(run.last.T, r.From)
	g.merge(&run, r.MaxGap)
}

// merge adds the growth of a later run, and of the time from the last reading to that run.
func (g *growth) merge(later *growth, maxGap int64) {
	switch {
	case !later.last.OK:
		return
	case !g.last.OK:
		*g = *later
		return
	case later.first.OK:
		g.between(g.last, later.first, g.upto, later.start, maxGap)
		if !g.first.OK {
			g.first = later.first
		}
		g.last, g.upto = later.last, later.upto
	}
	g.after = later.after
	g.grown += later.grown
	g.known += later.known
}

// between adds what the counter grows from one instant to another, which lie between two readings.
func (g *growth) between(last, next window.Sample, from, to, maxGap int64) {
	whole := next.T - last.T
	if !last.OK || whole > maxGap {
		return
	}
	grown := growthOf(last.V, next.V)
	if to-from < whole {
		grown *= float64(to-from) / float64(whole)
	}
	g.grown += grown
	g.known += to - from
}

// perSecond returns the growth per second from start to end, if all of it is known.
func (g *growth) perSecond(start, end, maxGap int64) (float64, bool) {
	whole := *g
	if whole.after.OK {
		whole.between(whole.last, whole.after, whole.upto, end, maxGap)
	}
	if whole.known != end-start {
		return 0, false
	}
	return whole.grown / (float64(end-start) / 1e9), true
}
