package queue

import (
	"context"
	"sync"
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
