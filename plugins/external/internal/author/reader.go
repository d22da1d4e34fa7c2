package author

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// reader calls an input's Read for as long as the host gives credit.
type reader struct {
	instance *instance
	impl     sdk.Reader
	acks     acks

	mu      sync.Mutex
	credit  uint64
	stopped bool
	cancel  context.CancelFunc
	wake    chan struct{} // holds one when credit has come, or the end
}

// The pauses after a Read that fails, as the engine makes them.
const (
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second
)

func newReader(i *instance, impl sdk.Reader) *reader {
	return &reader{instance: i, impl: impl, wake: make(chan struct{}, 1), cancel: func() {}}
}

// told takes a message of the host.
func (r *reader) told(m any) {
	switch m := m.(type) {
	case *proto.HostMessage_Credit:
		r.mu.Lock()
		r.credit += uint64(m.Credit.GetBatches())
		r.mu.Unlock()
		r.rouse()
	case *proto.HostMessage_Ack:
		r.acks.call(m.Ack.GetNumber(), wire.ToError(m.Ack.GetError()))
	case *proto.HostMessage_Stop:
		r.stop()
	}
}

func (r *reader) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// stop ends the reading; a Read that lasts is cancelled.
func (r *reader) stop() {
	r.mu.Lock()
	r.stopped = true
	r.cancel()
	r.mu.Unlock()
	r.rouse()
}

// allowed waits for credit, and takes one. It reports false at the end.
func (r *reader) allowed(ctx context.Context) bool {
	for {
		r.mu.Lock()
		stopped, ok := r.stopped, r.credit > 0
		if ok && !stopped {
			r.credit--
		}
		r.mu.Unlock()
		if stopped || ctx.Err() != nil {
			return false
		}
		if ok {
			return true
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return false
		}
	}
}

func (r *reader) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	if r.cancel = cancel; r.stopped {
		cancel()
	}
	r.mu.Unlock()
	b := sdk.NewBatch(r.instance.env.Catalog)
	pause := time.Duration(0)
	for number := uint64(1); r.allowed(ctx); number++ {
		b.Reset()
		var ack sdk.Ack
		err := r.instance.protect(func() (err error) {
			ack, err = r.impl.Read(ctx, b)
			return err
		})
		if ctx.Err() != nil && b.Len() == 0 && b.Tally().Added == 0 {
			if ack != nil {
				ack(ctx.Err())
			}
			return
		}
		if ack != nil {
			r.acks.put(number, ack)
		}
		if r.send(number, b, ack != nil, err) != nil {
			return
		}
		switch {
		case err == nil:
			pause = 0
		case errors.Is(err, sdk.ErrNoData):
		case errors.Is(err, sdk.ErrEnd), errors.Is(err, sdk.ErrPermanent), errors.Is(err, wire.ErrPanic):
			return
		default:
			pause = min(max(2*pause, firstPause), maxPause)
			if !clock.Sleep(ctx, pause) {
				return
			}
		}
	}
}

func (r *reader) send(number uint64, b *sdk.Batch, ack bool, err error) error {
	return r.instance.sendBatch(b, err, func(part *proto.Batch, more bool, err *proto.Error) *proto.PluginMessage {
		return &proto.PluginMessage{Body: &proto.PluginMessage_Read{Read: &proto.Read{
			Number: number, Batch: part, More: more, Ack: ack, Error: err,
		}}}
	})
}

// acks are those that the host has not called yet.
type acks struct {
	mu      sync.Mutex
	waiting map[uint64]sdk.Ack
}

func (a *acks) put(number uint64, ack sdk.Ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = make(map[uint64]sdk.Ack)
	}
	a.waiting[number] = ack
}

func (a *acks) call(number uint64, err error) {
	a.mu.Lock()
	ack := a.waiting[number]
	delete(a.waiting, number)
	a.mu.Unlock()
	if ack != nil {
		ack(err)
	}
}

// errGone is what an Ack is told when its host has gone without an answer.
var errGone = errors.New("the agent ended before the batch was delivered")

func (a *acks) abandon() {
	a.mu.Lock()
	waiting := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	for _, ack := range waiting {
		ack(errGone)
	}
}
