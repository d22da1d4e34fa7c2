package window

import (
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Config holds the keys that all windowing processors share; each embeds it.
type Config struct {
	Period   time.Duration `toml:"period" default:"10s" min:"1us" max:"8760h" doc:"Length of a window. Windows are aligned to the Unix epoch, in the time of the samples."`
	Every    time.Duration `toml:"every" default:"0s" max:"8760h" doc:"A window ends each so often. 0s stands for the period; less makes windows slide, and the period must be a multiple of it."`
	Lateness time.Duration `toml:"lateness" default:"1s" max:"8760h" doc:"How long a window waits for samples that come out of order: it closes when a sample of its series is so much newer than its end."`
	Late     string        `toml:"late" default:"drop" enum:"drop|keep" doc:"What becomes of a sample whose windows have all closed: drop counts it as late, keep passes it on unread."`
	MaxGap   time.Duration `toml:"max_gap" default:"30s" min:"1us" max:"8760h" doc:"A sample holds until the next one, but no longer than this."`
}

const (
	maxPanes = 10_000    // of a window: each has a state per field
	maxHeld  = 1_000_000 // windows that one held value reaches over: each has a result
)

// Validate checks that the values fit together.
func (c *Config) Validate() error {
	every := c.every()
	switch {
	case c.Period <= 0:
		return fault("period", "must be more than 0", "")
	case c.MaxGap <= 0:
		return fault("max_gap", "must be more than 0", "")
	case c.Lateness < 0:
		return fault("lateness", "must not be negative", "")
	case every < 0:
		return fault("every", "must not be negative", "")
	case c.Period < every:
		return fault("every", fmt.Sprintf("is longer than the period of %v: samples between windows would be lost", c.Period), "make it at most the period")
	case c.Period%every != 0:
		return fault("every", fmt.Sprintf("does not divide the period of %v", c.Period), "make the period a multiple of it")
	case c.Period/every > maxPanes:
		return fault("every", fmt.Sprintf("is less than 1/%d of the period of %v", maxPanes, c.Period), "make it longer")
	case c.MaxGap/every > maxHeld:
		return fault("max_gap", fmt.Sprintf("is more than %d times the %v between windows", maxHeld, every), "make it shorter")
	}
	return nil
}

func fault(key, problem, remedy string) error {
	return sdk.Fault{Path: []string{key}, Problem: problem, Remedy: remedy}
}

func (c *Config) every() time.Duration {
	if c.Every == 0 {
		return c.Period
	}
	return c.Every
}

// label returns the value of the tag window: "10s", or "60s/10s" where windows slide. It is the same for
// the same lengths, however they are written: numbers in the largest unit that divides them.
func (c *Config) label() string {
	every := c.every()
	for _, u := range labelUnits {
		if c.Period%u.length != 0 || every%u.length != 0 {
			continue
		}
		label := fmt.Sprint(int64(c.Period/u.length), u.name)
		if every != c.Period {
			label += fmt.Sprint("/", int64(every/u.length), u.name)
		}
		return label
	}
	return c.Period.String()
}

var labelUnits = []struct {
	length time.Duration
	name   string
}{
	{time.Hour, "h"},
	{time.Minute, "m"},
	{time.Second, "s"},
	{time.Millisecond, "ms"},
	{time.Microsecond, "us"},
	{time.Nanosecond, "ns"},
}

// grid is a Config in nanoseconds.
type grid struct {
	period, every, lateness, maxGap int64
	panes                           int64 // of a window
	silence                         time.Duration
	lull                            int64 // a hole in event time longer than this is a silence, too
	keepLate                        bool
	label                           string
}

func (c *Config) grid() grid {
	g := grid{
		period:   int64(c.Period),
		every:    int64(c.every()),
		lateness: int64(c.Lateness),
		maxGap:   int64(c.MaxGap),
		silence:  max(2*c.Period, 10*time.Second),
		keepLate: c.Late == "keep",
		label:    c.label(),
	}
	g.panes = g.period / g.every
	g.lull = max(int64(g.silence), g.maxGap)
	return g
}

// pane returns the index of the pane that contains t; pane p is [p·every, (p+1)·every).
func (g *grid) pane(t int64) int64 {
	p := t / g.every
	if t%g.every < 0 {
		p--
	}
	return p
}
