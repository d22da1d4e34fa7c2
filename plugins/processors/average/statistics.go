package average

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// statistics computes what Config asks for.
type statistics struct {
	maxGap    int64 // nanoseconds
	byTime    bool
	mean      bool
	spread    bool
	extremes  bool
	ranks     bool
	names     []string          // of all statistics, without doubles
	counterOf map[string]string // by gauge
	gaugeOf   map[string]string // by counter
}

func newStatistics(c *Config) *statistics {
	s := &statistics{
		maxGap:    int64(c.MaxGap),
		byTime:    c.Weight != "sample",
		counterOf: c.FromCounter,
		gaugeOf:   make(map[string]string, len(c.FromCounter)),
	}
	for gauge, counter := range c.FromCounter {
		s.gaugeOf[counter] = gauge
	}
	for _, name := range c.Stats {
		if slices.Contains(s.names, name) {
			continue
		}
		s.names = append(s.names, name)
		switch name {
		case "mean":
			s.mean = true
		case "stddev":
			s.spread = true
		case "min", "max":
			s.extremes = true
		default:
			s.ranks = true
		}
	}
	return s
}

// pane is what is kept of a field in a pane.
type pane struct {
	mean   mean
	spread spread
	min    window.Min
	max    window.Max
	rate   rate
	growth growth
}

// Fold adds a run of samples.
func (s *statistics) Fold(f *field, p *pane, r *window.Run) {
	if f.Kind == sdk.Counter {
		p.rate.fold(r)
		if f.gauge != "" {
			p.growth.fold(r)
		}
		return
	}
	if s.mean {
		p.mean.fold(r, s.byTime)
	}
	if s.spread {
		p.spread.fold(r, s.byTime)
	}
	if s.extremes {
		p.min.Fold(r)
		p.max.Fold(r)
	}
}

// Merge adds a later pane.
func (s *statistics) Merge(p, later *pane) {
	p.mean.merge(&later.mean)
	p.spread.merge(&later.spread)
	p.min.Merge(&later.min)
	p.max.Merge(&later.max)
	p.rate.merge(&later.rate)
	p.growth.merge(&later.growth, s.maxGap)
}

// Emit sets the results of a window.
func (s *statistics) Emit(w *window.Window[field, pane]) {
	for i := range w.Len() {
		f, p := w.Field(i)
		switch {
		case f == nil:
		case f.Kind == sdk.Counter:
			if v, ok := p.rate.value(); ok {
				w.SetNumber(f.rate, v)
			}
			if v, ok := p.growth.perSecond(w.Start, w.End, s.maxGap); ok && s.mean && w.Find(f.gauge) < 0 {
				w.SetNumber(f.mean, v)
			}
		default:
			s.emitGauge(w, i, f, p)
		}
	}
}

func (s *statistics) emitGauge(w *window.Window[field, pane], i int, f *field, p *pane) {
	var values []float64
	if s.ranks {
		values = w.Values(i)
	}
	for k, name := range s.names {
		var v float64
		var ok bool
		switch name {
		case "mean":
			if v, ok = s.meanFromCounter(w, f); !ok {
				v, ok = p.mean.value()
			}
		case "min":
			v, ok = p.min.V, p.min.OK
		case "max":
			v, ok = p.max.V, p.max.OK
		case "stddev":
			v, ok = p.spread.value()
		default:
			v, ok = percentile(values, percent[name])
		}
		if ok {
			w.SetNumber(f.stats[k], v)
		}
	}
}

// meanFromCounter returns the mean of a gauge as the growth of its counter says.
func (s *statistics) meanFromCounter(w *window.Window[field, pane], f *field) (float64, bool) {
	if f.counter == "" {
		return 0, false
	}
	i := w.Find(f.counter)
	if i < 0 {
		return 0, false
	}
	_, p := w.Field(i)
	return p.growth.perSecond(w.Start, w.End, s.maxGap)
}
