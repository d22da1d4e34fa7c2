package isolate

import (
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Hasten shortens the pauses of an input.
func Hasten(in *Input) {
	in.timing.coalesce = 50 * time.Millisecond
	in.timing.beat = 20 * time.Millisecond
	in.timing.pause, in.timing.longest = 10*time.Millisecond, 40*time.Millisecond
	in.timing.end = time.Second
}

// HastenFresh makes a child old enough for a fresh one at once.
func HastenFresh(in *Input) { in.timing.fresh = 0 }

// SetPause sets the pause before the first replacement.
func SetPause(in *Input, d time.Duration) { in.timing.pause, in.timing.longest = d, d }

// SetRemind sets the time between messages about a call that hangs.
func SetRemind(in *Input, d time.Duration) { in.timing.remind = d }

// Abandoned counts the children that an input, which is closed, has left behind.
func Abandoned(in *Input) int { return len(in.left) }

var _ sdk.Reader = (*Input)(nil)
