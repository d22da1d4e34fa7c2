package natsclient

import (
	"math/rand/v2"
	"time"
)

// The bounds of a pause, before chance takes a part of it.
const (
	shortPause = 500 * time.Millisecond
	longPause  = 10 * time.Second
)

// Pause returns how long to rest before the next try of what has failed for so long, be it to connect or to
// publish: at most an eighth of that time. So what was away for a moment is found within a second of its return,
// and servers that a whole fleet was without for minutes do not meet it at once: TLS handshakes alone would keep
// them down.
func Pause(outage time.Duration) time.Duration { return pause(outage, rand.Float64()) }

// pause takes up to a half off by chance, in [0, 1), so that a fleet does not come in step.
func pause(outage time.Duration, chance float64) time.Duration {
	most := min(max(outage/8, shortPause), longPause)
	return most - time.Duration(chance*float64(most/2))
}
