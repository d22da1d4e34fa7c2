package window

// Max is the greatest value among the samples of a field, and when it was first reached. A value that is
// only carried into a window is no sample of it.
type Max struct {
	V  float64
	T  int64
	OK bool
}

// Fold adds a run.
func (m *Max) Fold(r *Run) {
	if len(r.V) == 0 {
		return
	}
	top, at := r.V[0], 0
	for i, v := range r.V {
		if v > top {
			top, at = v, i
		}
	}
	if !m.OK || top > m.V {
		*m = Max{top, r.T[at], true}
	}
}

// Merge adds what was found later.
func (m *Max) Merge(later *Max) {
	if later.OK && (!m.OK || later.V > m.V) {
		*m = *later
	}
}

// Min is the least value among the samples of a field.
type Min struct {
	V  float64
	OK bool
}

// Fold adds a run.
func (m *Min) Fold(r *Run) {
	if len(r.V) == 0 {
		return
	}
	low := r.V[0]
	for _, v := range r.V {
		if v < low {
			low = v
		}
	}
	m.Merge(&Min{low, true})
}

// Merge adds what was found in another pane.
func (m *Min) Merge(other *Min) {
	if other.OK && (!m.OK || other.V < m.V) {
		*m = *other
	}
}
