package peak

import "github.com/gpuline/gpuline/plugins/processors/internal/window"

// evidence is how closely a field was watched: from how many samples, with what gaps between them.
type evidence struct {
	samples     int64
	first, last int64 // times, where there are samples
	gap         int64 // the longest between two of them
}

func (e *evidence) fold(r *window.Run) {
	if n := len(r.T); n > 0 {
		e.merge(&evidence{int64(n), r.T[0], r.T[n-1], r.Gap})
	}
}

func (e *evidence) merge(later *evidence) {
	switch {
	case later.samples == 0:
	case e.samples == 0:
		*e = *later
	default:
		e.gap = max(e.gap, later.first-e.last, later.gap)
		e.last = later.last
		e.samples += later.samples
	}
}

// resolution returns the longest time in the window without a sample, in nanoseconds.
func (e *evidence) resolution(start, end int64) int64 {
	if e.samples == 0 {
		return end - start
	}
	return max(e.first-start, e.gap, end-e.last)
}
