package host

import (
	"context"
	"sync"
)

// lingering are the sessions that outlive their inputs, to hand over the last acks. They belong to the process: the
// input is closed, and whoever ends the process waits for them, with [Settle].
var lingering sessions

type sessions struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when there is none left, once somebody waits for that
}

// run calls f on a goroutine of its own.
func (l *sessions) run(f func()) {
	l.mu.Lock()
	l.n++
	l.mu.Unlock()
	go func() {
		f()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.n--; l.n == 0 && l.none != nil {
			close(l.none)
			l.none = nil
		}
	}()
}

// empty returns a channel that is closed when none is left.
func (l *sessions) empty() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == 0 {
		none := make(chan struct{})
		close(none)
		return none
	}
	if l.none == nil {
		l.none = make(chan struct{})
	}
	return l.none
}

// Settle waits until external inputs that have been closed know what has become of their batches, and their
// processes have ended. An agent that ends without it takes the last acks with it, so that its inputs read
// again what has been delivered. It takes no longer than ctx.
func Settle(ctx context.Context) {
	select {
	case <-lingering.empty():
	case <-ctx.Done():
	}
}
