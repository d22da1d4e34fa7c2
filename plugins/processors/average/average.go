// Package average reduces the samples of each window to means: of gauges the mean and other statistics
// over time, of counters the rate. README.md says how, to the last sample.
package average

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// Definition makes the processor known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineProcessor("average", "Means, percentiles and rates per window of time", sample,
		func(c *Config) (sdk.Processor, error) { return New(c) })
}

// Config is the processor's table.
type Config struct {
	window.Config
	Weight      string            `toml:"weight" default:"time" enum:"time|sample" doc:"What counts in mean and stddev: time, for which each sample holds, or each sample alike."`
	Stats       []string          `toml:"stats" default:"mean" enum:"mean|min|max|stddev|p50|p95|p99" doc:"What to compute of each gauge. Counters always give their rate."`
	FromCounter map[string]string `toml:"from_counter" default:"power_watts=energy_joules" doc:"Gauges whose mean is taken from the growth of a counter, where its readings reach over the window."`
	MaxSamples  int               `toml:"max_samples" default:"65536" min:"1" max:"16777216" doc:"Percentiles are taken of the newest so many samples of a series; others are counted as forgotten."`
}

// Average is the processor.
type Average struct {
	windows   *window.Windows[field, pane]
	ranks     bool // percentiles are asked for
	forgotten *sdk.Number
}

// New makes a processor. Nothing needs to be opened.
func New(c *Config) (*Average, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, keep := newStatistics(c), 0
	if s.ranks {
		keep = c.MaxSamples
	}
	a := &Average{windows: window.New(&c.Config, s, keep), ranks: s.ranks}
	a.count(nil)
	return a, nil
}

// Validate checks that the values fit together.
func (c *Config) Validate() error {
	gauges := make(map[string]string, len(c.FromCounter))
	for gauge, counter := range c.FromCounter {
		if other := gauges[counter]; other != "" {
			return sdk.Fault{
				Path:    []string{"from_counter"},
				Problem: fmt.Sprintf("takes both %q and %q from %q", min(gauge, other), max(gauge, other), counter),
				Remedy:  "a counter gives the mean of one gauge",
			}
		}
		gauges[counter] = gauge
		if err := checkPair(gauge, counter); err != nil {
			return err
		}
	}
	return c.Config.Validate()
}

// Open takes a figure from the agent's meter.
func (a *Average) Open(_ context.Context, env *sdk.Env) error {
	a.count(env.Meter)
	return nil
}

func (a *Average) count(m *sdk.Meter) {
	a.forgotten = m.Counter("gpuline_percentile_samples_forgotten_total",
		"Samples that percentiles lack because a window had more than max_samples.")
}

// Process reads samples and adds the results of the windows that they close.
func (a *Average) Process(_ context.Context, b *sdk.Batch) error {
	before := a.windows.Forgotten()
	a.windows.Process(b)
	if n := a.windows.Forgotten() - before; n > 0 && a.ranks {
		a.forgotten.Add(float64(n))
	}
	return nil
}

// Flush closes the windows of series that fell silent, or of all.
func (a *Average) Flush(_ context.Context, now time.Time, final bool, b *sdk.Batch) error {
	a.windows.Flush(now, final, b)
	return nil
}

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
