package host

import (
	"context"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const (
	// hangGrace is how long a call that was given up may take to return, at least, before its plugin counts as hanging.
	hangGrace = 5 * time.Second
	// cancelGrace is how long do waits for the answer to a call that it has cancelled.
	cancelGrace = 100 * time.Millisecond
)

// do makes a call and returns the rows of its answer; none when the answer has not come by the end of ctx. messages
// makes what is sent to the plugin, for the number that the call gets.
func (s *session) do(ctx context.Context, messages func(number uint64, timeout int64) ([]*proto.HostMessage, error)) ([]*wire.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	timeout := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), time.Millisecond)
	}
	s.mu.Lock()
	if s.call != nil {
		s.mu.Unlock()
		return nil, errBusy
	}
	s.calls++
	c := &outgoing{number: s.calls, until: time.Now().Add(timeout + max(timeout, hangGrace)), done: make(chan struct{})}
	s.call = c
	s.mu.Unlock()
	list, err := messages(c.number, int64(timeout))
	if err != nil {
		s.mu.Lock()
		s.call = nil
		s.mu.Unlock()
		return nil, err
	}
	s.out.put(list...)
	select {
	case <-c.done:
		return c.rows, c.err
	case <-s.over:
		return s.interrupted(c)
	case <-ctx.Done():
	}
	s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Cancel{Cancel: &proto.Cancel{Call: c.number}}})
	t := time.NewTimer(cancelGrace)
	defer t.Stop()
	select {
	case <-c.done:
		return c.rows, c.err
	case <-s.over:
		return s.interrupted(c)
	case <-t.C:
		return nil, ctx.Err()
	}
}

// interrupted returns what became of a call that was on its way when the session ended: the answer, where that came
// before, or a [lostError].
func (s *session) interrupted(c *outgoing) ([]*wire.Rows, error) {
	select {
	case <-c.done:
		return c.rows, c.err
	default:
		return nil, &lostError{s.why()}
	}
}

// lostError says that the plugin has gone during a call.
type lostError struct{ cause error }

func (e *lostError) Error() string { return e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// cut cuts b into messages.
func (s *session) cut(b *sdk.Batch, wrap func(part *proto.Batch, more bool) *proto.HostMessage) ([]*proto.HostMessage, error) {
	parts, err := s.encoder.Messages(b)
	if err != nil {
		return nil, err
	}
	list := make([]*proto.HostMessage, len(parts))
	for i, part := range parts {
		list[i] = wrap(part, i < len(parts)-1)
	}
	return list, nil
}

func (s *session) gather(ctx context.Context) ([]*wire.Rows, error) {
	return s.do(ctx, func(number uint64, timeout int64) ([]*proto.HostMessage, error) {
		return []*proto.HostMessage{{Body: &proto.HostMessage_Gather{Gather: &proto.Gather{Call: number, Timeout: timeout}}}}, nil
	})
}

func (s *session) flush(ctx context.Context, now time.Time, final bool) ([]*wire.Rows, error) {
	return s.do(ctx, func(number uint64, timeout int64) ([]*proto.HostMessage, error) {
		return []*proto.HostMessage{{Body: &proto.HostMessage_Flush{Flush: &proto.Flush{
			Call: number, Timeout: timeout, Now: now.UnixNano(), Final: final,
		}}}}, nil
	})
}

func (s *session) process(ctx context.Context, b *sdk.Batch) ([]*wire.Rows, error) {
	return s.do(ctx, func(number uint64, timeout int64) ([]*proto.HostMessage, error) {
		return s.cut(b, func(part *proto.Batch, more bool) *proto.HostMessage {
			part.Tally = nil // what the plugin counts comes back, and nothing else
			return &proto.HostMessage{Body: &proto.HostMessage_Process{Process: &proto.Process{
				Call: number, Timeout: timeout, Batch: part, More: more,
			}}}
		})
	})
}

func (s *session) write(ctx context.Context, b *sdk.Batch) error {
	_, err := s.do(ctx, func(number uint64, timeout int64) ([]*proto.HostMessage, error) {
		return s.cut(b, func(part *proto.Batch, more bool) *proto.HostMessage {
			return &proto.HostMessage{Body: &proto.HostMessage_Write{Write: &proto.Write{
				Call: number, Timeout: timeout, Batch: part, More: more,
			}}}
		})
	})
	return err
}

// grant lets an input send so many batches more.
func (s *session) grant(batches uint32) {
	s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Credit{Credit: &proto.Credit{Batches: batches}}})
}

// ack tells an input what became of a batch.
func (s *session) ack(number uint64, err error) {
	s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Ack{Ack: &proto.Ack{Number: number, Error: wire.FromError(err)}}})
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unacked, number)
	if len(s.unacked) == 0 && s.settled != nil {
		close(s.settled)
		s.settled = nil
	}
}

// stop asks an input to read no more. The channel is closed once the input has been told of all that it has read.
func (s *session) stop() <-chan struct{} {
	s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Stop{Stop: &proto.Stop{}}})
	settled := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unacked) == 0 {
		close(settled)
		return settled
	}
	s.settled = settled
	return settled
}

// discard tells an input that batches which it has sent, and nobody has read, must be read again.
func (s *session) discard() {
	for {
		select {
		case a := <-s.reads:
			if a.ack {
				s.ack(a.number, errClosed)
			}
		default:
			return
		}
	}
}

// linger waits until the input has been told of all that it has read, for so long at most.
func (s *session) linger(settled <-chan struct{}, patience time.Duration) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case <-settled:
			return
		case a := <-s.reads: // that was on its way when we asked for no more
			if a.ack {
				s.ack(a.number, errClosed)
			}
		case <-s.over:
			return
		case <-late.C:
			return
		}
	}
}

// account checks that an answer accounts for its rows: in went to the plugin.
func account(list []*wire.Rows, in int) error {
	var y sdk.Tally
	rows := 0
	for _, r := range list {
		y.Plus(&r.Tally)
		rows += r.Len()
	}
	if uint64(in)+y.Added != uint64(rows)+y.Dropped()+y.Merged+y.Filtered {
		return &accountError{in, rows, y}
	}
	return nil
}

// deliver adds an answer to b.
func deliver(list []*wire.Rows, b *sdk.Batch) {
	for _, r := range list {
		r.Deliver(b)
	}
	b.Unlimit() // what a plugin says of filters is not for us
}
