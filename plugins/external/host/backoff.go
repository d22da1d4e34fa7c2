package host

import (
	"math/rand/v2"
	"time"
)

// timing holds durations that tests shorten.
type timing struct {
	first    time.Duration // the longest first pause, doubled each time
	longest  time.Duration
	healthy  time.Duration // after so long the next pause is the first again
	crashes  int           // so many
	within   time.Duration // in so long open the circuit
	probe    time.Duration // between starts while it is open
	ping     time.Duration // between questions for a sign of life
	look     time.Duration // between looks at memory
	settling time.Duration // how long acks are waited for after an end
}

var defaultTiming = timing{
	first: 500 * time.Millisecond, longest: time.Minute, healthy: 5 * time.Minute,
	crashes: 5, within: 10 * time.Minute, probe: 5 * time.Minute,
	ping: time.Second, look: 250 * time.Millisecond, settling: 10 * time.Second,
}

// breaker says how long to wait before a plugin is started again.
type breaker struct {
	timing  *timing
	pause   time.Duration
	crashes []time.Time // within the time that counts
	open    bool        // until a process is healthy
}

// crashed notes a crash of a process that has lived for so long, and returns the pause before the next
// start, and whether the circuit is open: then there are only probes.
func (b *breaker) crashed(now time.Time, lived time.Duration) (pause time.Duration, open bool) {
	if lived >= b.timing.healthy {
		b.pause, b.crashes, b.open = 0, nil, false
	}
	kept := b.crashes[:0]
	for _, at := range b.crashes {
		if now.Sub(at) < b.timing.within {
			kept = append(kept, at)
		}
	}
	b.crashes = append(kept, now)
	if b.open = b.open || len(b.crashes) >= b.timing.crashes; b.open {
		return b.timing.probe, true
	}
	b.pause = min(max(2*b.pause, b.timing.first), b.timing.longest)
	return rand.N(b.pause) + 1, false
}
