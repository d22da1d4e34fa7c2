package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// session is the life of one stream. Two goroutines serve it: one sends, one receives. It never waits for
// whoever uses it, and is over once the stream is.
type session struct {
	peer    *peer
	began   time.Time
	cancel  context.CancelFunc
	out     *outbox
	encoder *wire.Encoder // of whoever calls
	decoder *wire.Decoder // of the goroutine that receives
	figures func([]*proto.Figure)
	serving sync.WaitGroup

	opened chan struct{} // closed when the plugin has answered to open
	answer *proto.Opened // valid once opened is closed
	over   chan struct{} // closed when the stream has ended

	mu      sync.Mutex
	cause   error // why it is over
	call    *outgoing
	calls   uint64
	unacked map[uint64]bool
	settled chan struct{} // closed when unacked is empty, once somebody waits for it

	reads  chan arrival // batches of an input that reads
	parts  []*wire.Rows // of a batch that has not arrived as a whole
	bytes  int          // of them
	heard  atomic.Int64 // when the last message came, in ns after began
	pings  uint64       // of whoever pings
	closed *proto.Closed
}

// outgoing is a call that the plugin has not answered.
type outgoing struct {
	number uint64
	until  time.Time // when it counts as hanging
	rows   []*wire.Rows
	err    error
	done   chan struct{}
	parts  int
	bytes  int // of rows
}

// arrival is a batch that an input has sent.
type arrival struct {
	number uint64
	rows   []*wire.Rows
	ack    bool
	err    error
}

// window is how many batches of an input that reads are on their way at most.
const window = 4

// A plugin that cuts a batch into more messages breaks the protocol.
const maxParts = 1024

var errTooMuch = fmt.Errorf("%w: a batch of more than %d MiB", errWire, wire.MaxBatch>>20)

// start opens a stream and an instance in it. It takes no longer than ctx.
func start(ctx context.Context, p *peer, o *proto.Open, c *sdk.Catalog, figures func([]*proto.Figure)) (*session, error) {
	streamCtx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, cancel)
	stream, err := p.client.Run(streamCtx)
	if err != nil {
		stop()
		cancel()
		return nil, fmt.Errorf("open a stream to the plugin: %w", err)
	}
	s := &session{
		peer: p, began: time.Now(), cancel: cancel, out: newOutbox(), figures: figures,
		decoder: wire.NewDecoder(c, wire.Protocol),
		opened:  make(chan struct{}), over: make(chan struct{}), reads: make(chan arrival, window),
		unacked: make(map[uint64]bool),
	}
	s.serving.Go(func() { s.out.run(stream.Send) })
	s.serving.Go(func() { s.receive(stream) })
	s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Open{Open: o}})
	select {
	case <-s.opened:
	case <-s.over:
	}
	if !stop() && ctx.Err() != nil {
		s.end(0)
		return nil, fmt.Errorf("the plugin has not opened in time: %w", ctx.Err())
	}
	select {
	case <-s.opened:
	default:
		err := s.why()
		s.end(0)
		return nil, err
	}
	if err := wire.ToError(s.answer.GetError()); err != nil {
		s.end(0)
		return nil, fmt.Errorf("the plugin cannot open: %w", err)
	}
	s.encoder = wire.NewEncoder(wire.LimitsOf(s.answer.GetLimits()))
	return s, nil
}

// receive takes what the plugin says, until the stream ends.
func (s *session) receive(stream proto.Plugin_RunClient) {
	for {
		m, err := stream.Recv()
		if err == nil {
			s.heard.Store(int64(time.Since(s.began)))
			err = s.take(m)
		}
		if err != nil {
			s.finish(err)
			return
		}
	}
}

// finish ends the session; the first cause counts.
func (s *session) finish(err error) {
	s.cancel()
	s.out.close()
	cause := s.plain(err)
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	close(s.over)
}

// plain says what the end of a stream means.
func (s *session) plain(err error) error {
	if s.closed != nil {
		return errClosed
	}
	if s.peer.exited != nil && status.Code(err) != codes.InvalidArgument && !errors.Is(err, errWire) {
		select { // it is about to be known
		case <-s.peer.exited:
			return s.peer.ended()
		case <-time.After(50 * time.Millisecond):
		}
	}
	if st, ok := status.FromError(err); ok {
		return fmt.Errorf("the stream of the plugin has ended: %s", st.Message())
	}
	return err
}

// fail ends the session for a reason that the stream does not know.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = err
	}
	s.mu.Unlock()
	s.cancel()
}

// why says why the session is over.
func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

func (s *session) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// take takes one message. An error ends the session.
func (s *session) take(m *proto.PluginMessage) error {
	select {
	case <-s.opened:
	default:
		if m.GetOpened() == nil {
			return fmt.Errorf("%w: its first message is not opened", errWire)
		}
		s.answer = m.GetOpened()
		close(s.opened)
		return nil
	}
	switch m := m.GetBody().(type) {
	case *proto.PluginMessage_Pong:
		s.figures(m.Pong.GetFigures())
	case *proto.PluginMessage_Reply:
		return s.takeReply(m.Reply)
	case *proto.PluginMessage_Read:
		return s.takeRead(m.Read)
	case *proto.PluginMessage_Closed:
		s.closed = m.Closed
	}
	return nil
}

func (s *session) takeReply(r *proto.Reply) error {
	var rows *wire.Rows
	if r.GetBatch() != nil {
		var err error
		if rows, err = s.decoder.Decode(r.GetBatch()); err != nil {
			return fmt.Errorf("%w: %w", errWire, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.call
	if c == nil || c.number != r.GetCall() {
		return fmt.Errorf("%w: a reply to a call %d that nobody has made", errWire, r.GetCall())
	}
	if c.parts++; c.parts > maxParts {
		return fmt.Errorf("%w: a reply in more than %d messages", errWire, maxParts)
	}
	if rows != nil {
		c.rows = append(c.rows, rows)
		if c.bytes += rows.Bytes(); c.bytes > wire.MaxBatch {
			return errTooMuch
		}
	}
	if r.GetMore() {
		return nil
	}
	c.err = wire.ToError(r.GetError())
	s.call = nil
	close(c.done)
	return nil
}

func (s *session) takeRead(r *proto.Read) error {
	if r.GetBatch() != nil {
		rows, err := s.decoder.Decode(r.GetBatch())
		if err != nil {
			return fmt.Errorf("%w: %w", errWire, err)
		}
		if s.parts = append(s.parts, rows); len(s.parts) > maxParts {
			return fmt.Errorf("%w: a batch in more than %d messages", errWire, maxParts)
		}
		if s.bytes += rows.Bytes(); s.bytes > wire.MaxBatch {
			return errTooMuch
		}
	}
	if r.GetMore() {
		return nil
	}
	a := arrival{number: r.GetNumber(), rows: s.parts, ack: r.GetAck(), err: wire.ToError(r.GetError())}
	s.parts, s.bytes = nil, 0
	if a.ack {
		s.mu.Lock()
		if len(s.unacked) >= maxUnacked {
			s.mu.Unlock()
			return fmt.Errorf("%w: more than %d batches wait for an ack", errWire, maxUnacked)
		}
		s.unacked[a.number] = true
		s.mu.Unlock()
	}
	select {
	case s.reads <- a:
		return nil
	default:
		return fmt.Errorf("%w: it sends without credit", errWire)
	}
}

// maxUnacked is how many batches may wait for an ack: what waits in the queues of outputs.
const maxUnacked = 1 << 16

// hanging says what hangs, or nil: a call whose time is long over, or no sign of life.
func (s *session) hanging(now time.Time, limit time.Duration) error {
	if silent := now.Sub(s.began) - time.Duration(s.heard.Load()); silent > limit {
		return fmt.Errorf("the plugin has given no sign of life for %v", silent.Round(time.Millisecond))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call != nil && now.After(s.call.until) {
		return errors.New("a call of the plugin hangs: it has not returned long after its time was over")
	}
	return nil
}

// ping asks for a sign of life.
func (s *session) ping() {
	s.pings++
	s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Ping{Ping: &proto.Ping{Number: s.pings}}})
}

// end ends the stream: the plugin gets grace to close. It does not end the peer.
func (s *session) end(grace time.Duration) {
	if grace > 0 && !s.isOver() {
		s.out.put(&proto.HostMessage{Body: &proto.HostMessage_Close{Close: &proto.Close{}}})
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-s.over:
		case <-t.C:
		}
	}
	s.cancel()
	<-s.over
	s.out.close()
	s.serving.Wait()
}
