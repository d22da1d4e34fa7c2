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
	return &Peak{windows: window.New(&c.Config, newStatistics(c), 0)}, nil
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
