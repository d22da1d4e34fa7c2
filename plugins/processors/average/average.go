// Package average reduces the samples of each window to means: of gauges the mean and other statistics
// over time, of counters the rate. README.md says how, to the last sample.
package average

import (
	"context"
	_ "embed"
	"fmt"
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

// Open registers the processor's own counter with the agent's meter.
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
