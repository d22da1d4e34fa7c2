package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// front is what both kinds of queue have in common: how those who push and those who take wait, and the counts of
// rows.
type front struct {
	mu     sync.Mutex
	limits Limits
	closed bool          // for pushing
	acked  []func(error) // to be called with nil once mu is free
	wake   chan struct{} // a batch may be ready
	room   chan struct{} // closed when room was made; nil while nobody waits

	pushed       uint64
	delivered    uint64
	deadLettered uint64
	drops        sdk.Tally // of which only Drops counts
}

func newFront(limits Limits) front { return front{limits: limits, wake: make(chan struct{}, 1)} }

// Close implements [Queue].
func (f *front) Close() {
	f.mu.Lock()
	f.closed = true
	f.roomMade()
	f.mu.Unlock()
	f.signal()
}

// refuse drops rows that were pushed and cannot be taken, and answers their ack with err. mu is held, and let go.
func (f *front) refuse(rows int, r sdk.Reason, ack func(error), err error) {
	f.drops.AddDrops(r, uint64(rows))
	f.unlock()
	if ack != nil {
		ack(err)
	}
}

// account counts what became of a batch. mu is held.
func (f *front) account(o Outcome) {
	f.delivered += o.Delivered
	f.deadLettered += o.DeadLettered
	for _, d := range o.Drops {
		f.drops.AddDrops(d.Reason, d.Count)
	}
}

// counts returns the totals that both kinds of queue have. mu is held.
func (f *front) counts() Stats {
	return Stats{Pushed: f.pushed, Delivered: f.delivered, DeadLettered: f.deadLettered, Drops: slices.Clone(f.drops.Drops)}
}

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
