// Package clock is time as plugins see it, in the agent and in processes that work for it: a time of day that
// never runs backwards, and pauses that end with their context.
package clock

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Clock is a time of day that never runs backwards. When the host's clock is set back,
// it goes on from where it was and runs slower, until the host's has caught up: windows keep closing, and
// no sample stands before an earlier one. A step forwards, which a suspend looks like, it follows at once.
// It is safe for concurrent use.
type Clock struct {
	read func() (wall time.Time, mono time.Duration)
	log  *slog.Logger
	back *sdk.Number
	fore *sdk.Number

	mu    sync.Mutex
	wall  time.Time     // at the last call
	mono  time.Duration // at the last call
	ahead time.Duration // of the host's clock
	told  time.Time     // what the last call returned
}

const (
	// A host's clock that is being slewed drifts by at most 500 ppm; more than that is a step.
	stepAtLeast = 50 * time.Millisecond
	stepShare   = 1000
	// While it is ahead, the clock runs slower by one part in so many: rates and means by time are off by
	// as much, and an hour is made good within a day.
	catchUpShare = 20
)

// New returns a clock that starts at the host's time or, where that is behind it, at notBefore: what the
// clock of another process has shown. It logs steps of the host's clock and counts them in m.
func New(log *slog.Logger, m *sdk.Meter, notBefore time.Time) *Clock {
	start := time.Now()
	const name, help = "gpuline_clock_steps_total", "Steps of the host's clock; one forwards may be a suspend."
	c := &Clock{
		read: func() (time.Time, time.Duration) {
			now := time.Now()
			return now.Round(0), now.Sub(start)
		},
		log:  log,
		back: m.Counter(name, help, sdk.Tag{Key: "direction", Value: "back"}),
		fore: m.Counter(name, help, sdk.Tag{Key: "direction", Value: "forward"}),
	}
	c.wall, c.mono = c.read()
	c.ahead = max(notBefore.Sub(c.wall), 0)
	return c
}

// Now returns the time of day, not before what it returned last.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.read()
	passed := mono - c.mono
	step := wall.Sub(c.wall) - passed
	c.wall, c.mono = wall, mono
	c.ahead = max(c.ahead-passed/catchUpShare, 0)
	switch limit := max(stepAtLeast, passed/stepShare); {
	case step <= -limit:
		c.ahead -= step
		c.back.Add(1)
		c.log.Warn("the clock was set back; time stamps go on and run slower until it has caught up, a restart takes the new time at once",
			"by", -step, "ahead", c.ahead)
	case step >= limit:
		c.ahead = max(c.ahead-step, 0)
		c.fore.Add(1)
		c.log.Info("the clock went forward, or the host was suspended", "by", step)
	}
	if now := wall.Add(c.ahead); now.After(c.told) {
		c.told = now
	}
	return c.told
}
