package peak

import "github.com/gpuline/gpuline/plugins/processors/internal/window"

// above is for how long a gauge is above a level, and how often it rises above it. A sample that is above
// while the one before it, still held, is above too, is no rise: what is carried into a window is not
// counted again.
type above struct {
	held  float64 // nanoseconds
	rises int64
}

func (a *above) fold(r *window.Run, level float64) {
	up := r.Before.OK && r.Before.V > level
	if up {
		a.held += r.Carry
	}
	for i, v := range r.V {
		if v <= level {
			up = false
			continue
		}
		a.held += r.Hold[i]
		if !up || r.Fresh(i) {
			a.rises++
		}
		up = true
	}
}

func (a *above) merge(later *above) {
	a.held += later.held
	a.rises += later.rises
}
