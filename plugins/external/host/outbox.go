package host

import (
	"sync"

	"github.com/gpuline/gpuline/plugins/external/proto"
)

// outbox holds messages until the stream takes them, so that nobody who has something to say waits for a
// plugin that does not listen. What it holds is bounded by the protocol: one call, acks for as many batches
// as there was credit for, and a ping.
type outbox struct {
	mu     sync.Mutex
	queue  []*proto.HostMessage
	closed bool
	filled chan struct{} // holds one when there is something to send, or the end
}

func newOutbox() *outbox { return &outbox{filled: make(chan struct{}, 1)} }

// put queues messages, all or, after the end, none.
func (o *outbox) put(messages ...*proto.HostMessage) {
	o.mu.Lock()
	if !o.closed {
		o.queue = append(o.queue, messages...)
	}
	o.mu.Unlock()
	o.rouse()
}

func (o *outbox) rouse() {
	select {
	case o.filled <- struct{}{}:
	default:
	}
}

// close drops what is queued and ends the sending.
func (o *outbox) close() {
	o.mu.Lock()
	o.queue, o.closed = nil, true
	o.mu.Unlock()
	o.rouse()
}

// waiting returns the number of messages that wait.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue)
}

// run sends until the end, or until send fails.
func (o *outbox) run(send func(*proto.HostMessage) error) {
	for range o.filled {
		o.mu.Lock()
		messages, closed := o.queue, o.closed
		o.queue = nil
		o.mu.Unlock()
		for _, m := range messages {
			if send(m) != nil {
				return
			}
		}
		if closed {
			return
		}
	}
}
