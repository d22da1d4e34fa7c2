package average

import "github.com/gpuline/gpuline/plugins/processors/internal/window"

// rate is how much a counter grows a second: from the last reading before the window to the last one in
// it, over the true time between these readings. Where there is no reading before, the first one in it
// is the start.
type rate struct {
	from, to int64
	grown    float64
	ok       bool
}

func (x *rate) fold(r *window.Run) {
	n := len(r.V)
	if n == 0 {
		return
	}
	before := r.Before
	if !before.OK {
		before = window.Sample{T: r.T[0], V: r.V[0]}
	}
	if !x.ok {
		x.from, x.ok = before.T, true
	}
	last := before.V
	for _, v := range r.V {
		x.grown += growthOf(last, v)
		last = v
	}
	x.to = r.T[n-1]
}

func (x *rate) merge(later *rate) {
	switch {
	case !later.ok:
	case !x.ok:
		*x = *later
	default:
		x.grown += later.grown
		x.to = later.to
	}
}

func (x *rate) value() (float64, bool) {
	if !x.ok || x.to <= x.from {
		return 0, false
	}
	return x.grown / (float64(x.to-x.from) / 1e9), true
}

// growthOf returns how much a counter has grown between two readings. A counter that is less than it was
// has been reset, and has grown from 0 since.
func growthOf(from, to float64) float64 {
	if to < from {
		return to
	}
	return to - from
}
