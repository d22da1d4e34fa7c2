// Package peak keeps what a mean hides: of each gauge and window the greatest value and when it was, how
// long and how often the gauge was above a level, and how closely it was watched. README.md says how, to
// the last sample.
package peak

import (
	"context"
	_ "embed"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Definition makes the processor known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineProcessor("peak", "Peaks per window of time: when, above a level for how long, seen how closely", sample,
		func(c *Config) (sdk.Processor, error) { return New(c) })
}

// Config is the processor's table.
type Config struct {
	window.Config
	Min      bool               `toml:"min" default:"false" doc:"Give the least value, too."`
	Above    map[string]float64 `toml:"above" doc:"Levels of fields: for how long a window was above, and how often it rose above."`
	Evidence bool               `toml:"evidence" default:"true" doc:"Give the number of samples of each field and the longest time between them."`
}

// Validate checks that the values fit together.
func (c *Config) Validate() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Above)) {
		faults = append(faults, checkLevel(name, c.Above[name]))
	}
	return errors.Join(append(faults, c.Config.Validate())...)
}

// Peak is the processor.
type Peak struct {
	windows *window.Windows[field, pane]
}

// New makes a processor. Nothing needs to be opened.
func New(c *Config) (*Peak, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &statistics{min: c.Min, above: c.Above, evidence: c.Evidence}
	return &Peak{windows: window.New(&c.Config, s, 0)}, nil
}

// Process reads samples and adds the results of the windows that they close.
func (p *Peak) Process(_ context.Context, b *sdk.Batch) error {
	p.windows.Process(b)
	return nil
}

// Flush closes the windows of series that fell silent, or of all.
func (p *Peak) Flush(_ context.Context, now time.Time, final bool, b *sdk.Batch) error {
	p.windows.Flush(now, final, b)
	return nil
}

// statistics computes what Config asks for.
type statistics struct {
	min      bool
	above    map[string]float64
	evidence bool
}

// field is a gauge with the fields that are made of it.
type field struct {
	level      float64
	levelled   bool
	max        sdk.Field
	maxTime    sdk.Field
	min        sdk.Field
	above      sdk.Field
	excursions sdk.Field
	samples    sdk.Field
	resolution sdk.Field
}

// Field prepares what is to be known of a field.
func (s *statistics) Field(f sdk.Field) (field, bool) {
	result := func(suffix string) sdk.Field {
		r, _ := vocabulary.ResultField(f, suffix)
		return r
	}
	level, levelled := s.above[f.Name]
	return field{
		level: level, levelled: levelled,
		max:        result("_max"),
		maxTime:    result("_max_time"),
		min:        result("_min"),
		above:      result("_above_seconds"),
		excursions: result("_excursions"),
		samples:    result("_samples"),
		resolution: result("_resolution_seconds"),
	}, f.Kind != sdk.Counter
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
