package nats

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// mailbox is the source that listens to what is published. The client's goroutines fill it, Read empties it. It
// is bounded: what comes while it is full is lost, and counted.
type mailbox struct {
	config  *Config
	nc      *nats.Conn // that listens; nil before the first next
	subs    []*nats.Subscription
	dropped *sdk.Number
	wake    chan struct{}

	mu      sync.Mutex
	waiting []message
	bytes   int
}

// messageOverhead is what a message takes beside its bytes, and headerOverhead what each of its headers does.
const messageOverhead, headerOverhead = 512, 128

func newMailbox(c *Config, f *figures) *mailbox {
	return &mailbox{config: c, dropped: f.dropped, wake: make(chan struct{}, 1)}
}

func (b *mailbox) next(ctx context.Context, nc *nats.Conn) ([]message, error) {
	if b.nc != nc {
		if err := b.listen(nc); err != nil {
			return nil, err
		}
	}
	for {
		b.mu.Lock()
		all := b.waiting
		b.waiting, b.bytes = nil, 0
		b.mu.Unlock()
		if len(all) > 0 {
			return all, nil
		}
		select {
		case <-b.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *mailbox) listen(nc *nats.Conn) error {
	b.close()
	for _, subject := range b.config.Subjects {
		sub, err := nc.QueueSubscribe(subject, b.config.QueueGroup, b.put)
		if err == nil { // the bound is the mailbox's own
			b.subs = append(b.subs, sub)
			err = sub.SetPendingLimits(-1, -1)
		}
		if err != nil {
			b.close()
			return err
		}
	}
	b.nc = nc
	return nil
}

// put runs on the client's goroutines.
func (b *mailbox) put(m *nats.Msg) {
	size := m.Size() + len(m.Header)*headerOverhead + messageOverhead
	b.mu.Lock()
	full := b.bytes+size > int(b.config.MaxPending)
	if !full {
		b.waiting = append(b.waiting, message{subject: m.Subject, header: m.Header, data: m.Data})
		b.bytes += size
	}
	b.mu.Unlock()
	if full {
		b.dropped.Add(1)
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *mailbox) close() {
	for _, sub := range b.subs {
		_ = sub.Unsubscribe() // the connection is closed anyway, or was
	}
	b.nc, b.subs = nil, nil
}
