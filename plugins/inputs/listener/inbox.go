package listener

import (
	"context"
	"slices"
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// inbox holds what was received and not yet read, in the order of its arrival. Any goroutine may put
// something into it; Read takes.
type inbox struct {
	memory *memory
	wake   chan struct{} // there may be something

	mu      sync.Mutex
	waiting []*request
	drops   sdk.Tally // of datagrams, since they were last taken
	closed  bool
}

// Why datagrams are dropped before they are read.
const (
	dropInputFull sdk.Reason = "input_full" // there was no room for it
	dropTooLarge  sdk.Reason = "too_large"  // it is larger than the buffer to receive it, and was cut
)

func newInbox(m *memory) *inbox { return &inbox{memory: m, wake: make(chan struct{}, 1)} }

// put adds a request. It reports false where the inbox is closed.
func (b *inbox) put(r *request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.waiting = append(b.waiting, r)
	b.signal()
	return true
}

// withdraw removes a request that nobody has taken, and reports whether it did.
func (b *inbox) withdraw(r *request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, r)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	return true
}

// putDatagram adds a datagram, with the precision that like has, or counts it as dropped. The caller keeps
// data; datagrams that wait share a buffer.
func (b *inbox) putDatagram(data []byte, now int64, like *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	r := b.room(len(data), like)
	if r == nil {
		b.drops.AddDrops(dropInputFull, uint64(lines(data)))
		return
	}
	r.data = append(r.data, data...)
	r.marks = append(r.marks, mark{end: len(r.data), now: now})
	b.signal()
}

// room returns the request that takes a datagram of n bytes, or nil.
func (b *inbox) room(n int, like *request) *request {
	if i := len(b.waiting) - 1; i >= 0 {
		if r := b.waiting[i]; r.marks != nil && cap(r.data)-len(r.data) >= n {
			return r
		}
	}
	buf := b.memory.borrow(b.memory.limit / 2)
	if buf == nil {
		return nil
	}
	r := &request{data: buf, precision: like.precision, marks: make([]mark, 0, 16)}
	b.waiting = append(b.waiting, r)
	return r
}

// drop counts lines that were dropped before they could be put.
func (b *inbox) drop(why sdk.Reason, lines int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drops.AddDrops(why, uint64(lines))
	b.signal()
}

// next returns the oldest request, or nil.
func (b *inbox) next() *request {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return nil
	}
	r := b.waiting[0]
	b.waiting = slices.Delete(b.waiting, 0, 1)
	return r
}

// putBack puts a request first that next has returned.
func (b *inbox) putBack(r *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = slices.Insert(b.waiting, 0, r)
}

// takeSilent returns the requests that wait and that nobody will send again.
func (b *inbox) takeSilent() []*request {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken []*request
	b.waiting = slices.DeleteFunc(b.waiting, func(r *request) bool {
		if r.silent() {
			taken = append(taken, r)
		}
		return r.silent()
	})
	return taken
}

// wait waits until there is something to take, or ctx ends.
func (b *inbox) wait(ctx context.Context) {
	for {
		b.mu.Lock()
		ready := len(b.waiting) > 0 || len(b.drops.Drops) > 0
		b.mu.Unlock()
		if ready {
			return
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
	}
}

// takeDrops adds the datagrams' lines that were dropped to t: they were read, and dropped.
func (b *inbox) takeDrops(t *sdk.Tally) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Added += b.drops.Dropped()
	t.Plus(&b.drops)
	b.drops.Reset()
}

// close answers what waits, and takes nothing more. It returns how many lines of datagrams are lost by it.
func (b *inbox) close() (lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, r := range b.waiting {
		if r.marks != nil {
			lost += lines(r.data)
		}
		r.release(errEnding)
	}
	b.waiting = nil
	return lost
}

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
