package queue

import (
	"context"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// front is what both kinds of queue do for those who push and those who take.
type front struct {
	mu    sync.Mutex
	acked []func(error) // to be called with nil once mu is free
	wake  chan struct{} // a batch may be ready
	room  chan struct{} // closed when room was made; nil while nobody waits
}

func newFront() front { return front{wake: make(chan struct{}, 1)} }

// unlock lets go of mu and answers the acks that came due under it: an Ack is foreign code.
func (f *front) unlock() {
	acked := f.acked
	f.acked = nil
	f.mu.Unlock()
	for _, ack := range acked {
		ack(nil)
	}
}

// signal tells the one who takes that there may be something to take.
func (f *front) signal() { poke(f.wake) }

// poke leaves a token in a channel with room for one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next waits for a batch that take returns, an error of its own, or the end of ctx. Without a batch, take says
// how long to wait until it may have one; 0 is until something changes.
func (f *front) next(ctx context.Context, take func() (*sdk.Batch, time.Duration, error)) (*sdk.Batch, error) {
	for {
		b, wait, err := take()
		if b != nil || err != nil {
			return b, err
		}
		var late <-chan time.Time
		if wait > 0 {
			late = time.After(wait)
		}
		select {
		case <-f.wake:
		case <-late:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// waitRoom waits until hasRoom, which is called under mu, or ctx ends.
func (f *front) waitRoom(ctx context.Context, hasRoom func() bool) {
	f.mu.Lock()
	if hasRoom() {
		f.mu.Unlock()
		return
	}
	if f.room == nil {
		f.room = make(chan struct{})
	}
	room := f.room
	f.mu.Unlock()
	select {
	case <-room:
	case <-ctx.Done():
	}
}

// roomMade wakes those who wait for room. mu is held.
func (f *front) roomMade() {
	if f.room != nil {
		close(f.room)
		f.room = nil
	}
}
