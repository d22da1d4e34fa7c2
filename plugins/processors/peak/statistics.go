package peak

import (
	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// statistics computes what Config asks for.
type statistics struct {
	min      bool
	above    map[string]float64
	evidence bool
}

func newStatistics(c *Config) *statistics {
	return &statistics{min: c.Min, above: c.Above, evidence: c.Evidence}
}

// pane is what is kept of a field in a pane.
type pane struct {
	seen     bool // a sample, or one that is held into it
	max      window.Max
	min      window.Min
	above    above
	evidence evidence
}

// Fold adds a run of samples.
func (s *statistics) Fold(f *field, pn *pane, r *window.Run) {
	pn.seen = true
	pn.max.Fold(r)
	if s.min {
		pn.min.Fold(r)
	}
	if f.levelled {
		pn.above.fold(r, f.level)
	}
	if s.evidence {
		pn.evidence.fold(r)
	}
}

// Merge adds a later pane.
func (s *statistics) Merge(pn, later *pane) {
	pn.seen = pn.seen || later.seen
	pn.max.Merge(&later.max)
	pn.min.Merge(&later.min)
	pn.above.merge(&later.above)
	pn.evidence.merge(&later.evidence)
}

// Emit sets the results of a window.
func (s *statistics) Emit(w *window.Window[field, pane]) {
	for i := range w.Len() {
		f, pn := w.Field(i)
		if f == nil || !pn.seen {
			continue
		}
		if pn.max.OK {
			w.SetNumber(f.max, pn.max.V)
			w.Set(f.maxTime, sdk.IntValue(pn.max.T))
		}
		if pn.min.OK {
			w.SetNumber(f.min, pn.min.V)
		}
		if f.levelled {
			w.SetNumber(f.above, pn.above.held/1e9)
			w.Set(f.excursions, sdk.IntValue(pn.above.rises))
		}
		if s.evidence {
			w.Set(f.samples, sdk.IntValue(pn.evidence.samples))
			w.SetNumber(f.resolution, float64(pn.evidence.resolution(w.Start, w.End))/1e9)
		}
	}
}
