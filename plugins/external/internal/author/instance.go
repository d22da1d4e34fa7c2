package author

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// instance is one plugin at work. A goroutine receives what the host says, and answers pings; another calls
// the plugin, one call after another; an input that reads has its calls on a third.
type instance struct {
	service *Service
	impl    any
	env     *sdk.Env

	sending sync.Mutex
	stream  proto.Plugin_RunServer
	encoder *wire.Encoder

	decoder *wire.Decoder
	parts   []*wire.Rows // of a batch that has not arrived as a whole
	calls   chan call
	batch   *sdk.Batch // of the goroutine that calls the plugin

	mu      sync.Mutex
	current uint64 // the call that lasts
	cancel  context.CancelFunc

	reader  *reader
	figures figures
	swept   time.Time
}

// call is a call that the host has made.
type call struct {
	number  uint64
	timeout time.Duration
	rows    []*wire.Rows
	do      func(ctx context.Context, b *sdk.Batch) error
	answers bool // the batch goes back
}

func newInstance(stream proto.Plugin_RunServer, s *Service, o *proto.Open) *instance {
	catalog := sdk.NewCatalog(sdk.Limits{})
	catalog.Sweep(time.Now())
	i := &instance{
		service: s, stream: stream, calls: make(chan call, 2), swept: time.Now(),
		decoder: wire.NewDecoder(catalog, wire.Protocol),
		encoder: wire.NewEncoder(wire.LimitsOf(o.GetLimits())),
		batch:   sdk.NewBatch(catalog),
	}
	i.env = &sdk.Env{
		Log: s.Log(levels[o.GetLogLevel()]), Host: o.GetHost(), Now: time.Now, Catalog: catalog,
		Meter: sdk.NewMeter(), Interval: time.Duration(o.GetInterval()), Timeout: time.Duration(o.GetCallTimeout()),
	}
	return i
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// run opens the plugin, does what the host says, and closes it.
func (i *instance) run(o *proto.Open) error {
	if err := i.open(o); err != nil {
		return i.send(&proto.PluginMessage{Body: &proto.PluginMessage_Opened{Opened: &proto.Opened{Error: wire.FromError(err)}}})
	}
	err := i.send(&proto.PluginMessage{Body: &proto.PluginMessage_Opened{Opened: &proto.Opened{
		Traits: traitsOf(i.impl), Limits: wire.Protocol.AsProto(),
	}}})
	var working sync.WaitGroup
	ctx, stop := context.WithCancel(i.stream.Context())
	working.Go(func() {
		for c := range i.calls {
			i.answer(ctx, c)
		}
	})
	if r, ok := i.impl.(sdk.Reader); ok {
		i.reader = newReader(i, r)
		working.Go(func() { i.reader.run(ctx) })
	}
	if err == nil {
		err = i.receive()
	}
	stop()
	close(i.calls)
	if i.reader != nil {
		i.reader.stop()
	}
	working.Wait()
	if i.reader != nil {
		i.reader.acks.abandon()
	}
	closing := i.close()
	if err != nil {
		return err
	}
	return i.send(&proto.PluginMessage{Body: &proto.PluginMessage_Closed{Closed: &proto.Closed{Error: wire.FromError(closing)}}})
}

func (i *instance) open(o *proto.Open) error {
	impl, faults := i.service.build(o.GetRole(), o.GetPlugin(), o.GetConfig())
	if len(faults) > 0 {
		return sdk.Permanent(fmt.Errorf("configuration: %w", faults[0]))
	}
	i.impl = impl
	opener, ok := impl.(sdk.Opener)
	if !ok {
		return nil
	}
	ctx := i.stream.Context()
	if o.GetTimeout() > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(o.GetTimeout()))
		defer cancel()
	}
	return i.protect(func() error { return opener.Open(ctx, i.env) })
}

func (i *instance) close() error {
	c, ok := i.impl.(io.Closer)
	if !ok {
		return nil
	}
	return i.protect(c.Close)
}

// protect calls f and turns a panic into an error: the host makes the instance anew.
func (i *instance) protect(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			i.env.Log.Error("plugin panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", wire.ErrPanic, v)
		}
	}()
	return f()
}

func (i *instance) send(m *proto.PluginMessage) error {
	i.sending.Lock()
	defer i.sending.Unlock()
	return i.stream.Send(m)
}

// sendBatch sends b in as many messages as it takes; wrap makes one of each part, the last with err.
func (i *instance) sendBatch(b *sdk.Batch, err error, wrap func(part *proto.Batch, more bool, err *proto.Error) *proto.PluginMessage) error {
	i.sending.Lock()
	defer i.sending.Unlock()
	parts, failed := i.encoder.Messages(b)
	if failed != nil {
		i.dropUnfit(b)
		if parts, failed = i.encoder.Messages(b); failed != nil {
			return failed
		}
	}
	for n, part := range parts {
		more, last := n < len(parts)-1, (*proto.Error)(nil)
		if !more {
			last = wire.FromError(err)
		}
		if err := i.stream.Send(wrap(part, more, last)); err != nil {
			return err
		}
	}
	return nil
}

// dropUnfit drops the rows that are too large for the protocol.
func (i *instance) dropUnfit(b *sdk.Batch) {
	for m := range b.Rows() {
		if !i.encoder.Fits(m) {
			i.env.Log.Error("a metric is too large for the plugin protocol; it is dropped", "metric", wire.Clean(m.Name()), "fields", m.Len())
			b.Drop(m, sdk.DropInvalid)
		}
	}
}

// receive does what the host says until it says close. An error means that the host has gone, or breaks
// the protocol.
func (i *instance) receive() error {
	for {
		m, err := i.stream.Recv()
		if err != nil {
			return err
		}
		switch m := m.GetBody().(type) {
		case *proto.HostMessage_Close:
			return nil
		case *proto.HostMessage_Ping:
			err = i.pong(m.Ping.GetNumber())
		case *proto.HostMessage_Cancel:
			i.cancelCall(m.Cancel.GetCall())
		case *proto.HostMessage_Credit, *proto.HostMessage_Ack, *proto.HostMessage_Stop:
			if i.reader == nil {
				return status.Error(codes.FailedPrecondition, "the plugin does not read")
			}
			i.reader.told(m)
		default:
			err = i.take(m)
		}
		if err != nil {
			return err
		}
	}
}

// pong gives a sign of life, and lets series go that nobody uses.
func (i *instance) pong(number uint64) error {
	if now := time.Now(); now.Sub(i.swept) >= time.Minute {
		i.swept = now
		i.env.Catalog.Sweep(now)
	}
	return i.send(&proto.PluginMessage{Body: &proto.PluginMessage_Pong{Pong: &proto.Pong{
		Number: number, Figures: i.figures.changed(i.env.Meter),
	}}})
}
