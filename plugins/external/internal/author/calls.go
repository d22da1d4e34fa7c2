package author

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// A host that cuts a batch into more messages than this is not one.
const maxParts = 4096

// take takes a call over; of a batch in parts it waits for the last.
func (i *instance) take(m any) error {
	var c call
	switch m := m.(type) {
	case *proto.HostMessage_Gather:
		p, ok := i.impl.(sdk.Gatherer)
		if !ok {
			return wrongCall("gather")
		}
		c = call{number: m.Gather.GetCall(), timeout: time.Duration(m.Gather.GetTimeout()), do: p.Gather, answers: true}
	case *proto.HostMessage_Flush:
		p, ok := i.impl.(sdk.Flusher)
		if !ok {
			return wrongCall("flush")
		}
		f := m.Flush
		c = call{number: f.GetCall(), timeout: time.Duration(f.GetTimeout()), answers: true}
		c.do = func(ctx context.Context, b *sdk.Batch) error {
			return p.Flush(ctx, time.Unix(0, f.GetNow()), f.GetFinal(), b)
		}
	case *proto.HostMessage_Process:
		p, ok := i.impl.(sdk.Processor)
		if !ok {
			return wrongCall("process")
		}
		c = call{number: m.Process.GetCall(), timeout: time.Duration(m.Process.GetTimeout()), do: p.Process, answers: true}
		if whole, err := i.part(m.Process.GetBatch(), m.Process.GetMore()); err != nil || !whole {
			return err
		}
	case *proto.HostMessage_Write:
		p, ok := i.impl.(sdk.Output)
		if !ok {
			return wrongCall("write")
		}
		c = call{number: m.Write.GetCall(), timeout: time.Duration(m.Write.GetTimeout()), do: p.Write}
		if whole, err := i.part(m.Write.GetBatch(), m.Write.GetMore()); err != nil || !whole {
			return err
		}
	default:
		return nil // of a newer host, which knows that we may ignore it
	}
	c.rows, i.parts = i.parts, nil
	select {
	case i.calls <- c:
		return nil
	default:
		return status.Error(codes.FailedPrecondition, "calls overlap")
	}
}

func wrongCall(name string) error {
	return status.Errorf(codes.FailedPrecondition, "the plugin takes no %s", name)
}

func (i *instance) part(p *proto.Batch, more bool) (whole bool, err error) {
	rows, err := i.decoder.Decode(p)
	if err == nil && len(i.parts) >= maxParts {
		err = fmt.Errorf("%w: more than %d messages for a batch", wire.ErrMalformed, maxParts)
	}
	if err != nil {
		return false, status.Error(codes.InvalidArgument, err.Error())
	}
	i.parts = append(i.parts, rows)
	return !more, nil
}

// answer makes a call, and replies.
func (i *instance) answer(ctx context.Context, c call) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if c.timeout > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, c.timeout)
		defer end()
	}
	i.mu.Lock()
	i.current, i.cancel = c.number, cancel
	i.mu.Unlock()
	b := i.batch
	b.Reset()
	for _, rows := range c.rows {
		rows.Deliver(b)
	}
	err := i.protect(func() error { return c.do(ctx, b) })
	i.mu.Lock()
	i.current, i.cancel = 0, nil
	i.mu.Unlock()
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", wire.ErrCancelled, err)
	}
	reply := func(part *proto.Batch, more bool, err *proto.Error) *proto.PluginMessage {
		return &proto.PluginMessage{Body: &proto.PluginMessage_Reply{Reply: &proto.Reply{
			Call: c.number, Batch: part, More: more, Error: err,
		}}}
	}
	if !c.answers || errors.Is(err, wire.ErrPanic) {
		_ = i.send(reply(nil, false, wire.FromError(err))) // a stream that is broken ends the goroutine that receives
		return
	}
	_ = i.sendBatch(b, err, reply)
}

func (i *instance) cancelCall(number uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cancel != nil && i.current == number {
		i.cancel()
	}
}
