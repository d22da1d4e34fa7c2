package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// gatherer is an external input that is polled.
type gatherer struct {
	*life
	finite bool
}

// Finite reports whether the input reads recorded data.
func (g *gatherer) Finite() bool { return g.finite }

// Gather asks the plugin for its samples. While the plugin is down it returns an error at once.
func (g *gatherer) Gather(ctx context.Context, b *sdk.Batch) error {
	s, _, why := g.now()
	if s == nil {
		return why
	}
	rows, err := s.gather(ctx)
	return s.accept(rows, b, err)
}

// accept takes over the answer to a call that took no rows along, and returns the call's error. A plugin that
// panicked, or that has lost count, is made anew.
func (s *session) accept(rows []*wire.Rows, b *sdk.Batch, err error) error {
	if errors.Is(err, wire.ErrPanic) {
		s.fail(err)
		return err
	}
	if wrong := account(rows, 0); wrong != nil {
		s.fail(wrong)
		return wrong
	}
	deliver(rows, b)
	return err
}

// reader is an external input that sends when it has something.
type reader struct {
	*life
	finite bool

	session *session // whose batches Read takes
	last    error    // with which the plugin has ended
}

// Open starts the plugin.
func (r *reader) Open(ctx context.Context, env *sdk.Env) error {
	r.session, r.last = nil, nil
	return r.life.Open(ctx, env)
}

// Finite reports whether the input reads recorded data.
func (r *reader) Finite() bool { return r.finite }

// Read waits for the next batch. When the plugin has failed it says so once, and then waits for its
// successor; batches that the failed one has sent are delivered, unless it awaits an ack: then its successor
// reads them again.
func (r *reader) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if r.last != nil {
		return nil, r.last
	}
	if r.session == nil {
		s, err := r.await(ctx)
		if err != nil {
			return nil, err
		}
		r.session = s
		s.grant(window)
	}
	s := r.session
	select {
	case a := <-s.reads:
		return r.read(s, a, b)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.over:
	}
	for len(s.reads) > 0 {
		if a := <-s.reads; !a.ack {
			return r.read(s, a, b)
		}
	}
	r.session = nil
	return nil, fmt.Errorf("%w: %w", errDown, s.why())
}

func (r *reader) read(s *session, a arrival, b *sdk.Batch) (sdk.Ack, error) {
	s.grant(1)
	err := s.accept(a.rows, b, a.err)
	if errors.Is(err, sdk.ErrEnd) || errors.Is(err, sdk.ErrPermanent) {
		r.last = err
	}
	if !a.ack {
		return nil, err
	}
	return func(err error) { s.ack(a.number, err) }, err
}

// late is an external input of which nothing was known when it was made, since its program could not be
// asked. Opened, it is what the program says; one that is polled it polls itself.
type late struct {
	*life
	reader *reader // nil for one that is polled
	start  time.Time
	tick   time.Duration
}

// Open opens the input once its program can be asked.
func (i *late) Open(ctx context.Context, env *sdk.Env) error {
	if err := i.life.Open(ctx, env); err != nil {
		return err
	}
	i.reader, i.start, i.tick = nil, time.Now(), 0
	if i.traits.GetReads() {
		i.reader = &reader{life: i.life}
	}
	return nil
}

// Read reads, or waits for the next tick and gathers.
func (i *late) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if i.reader != nil {
		return i.reader.Read(ctx, b)
	}
	interval := i.env.Interval
	if interval <= 0 {
		interval = time.Second
	}
	if !clock.Sleep(ctx, time.Until(i.start.Add(i.tick*interval))) {
		return nil, ctx.Err()
	}
	g := gatherer{life: i.life}
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(i.env.Timeout, defaultTimeout))
	defer cancel()
	err := g.Gather(bounded, b)
	i.tick = time.Since(i.start)/interval + 1
	return nil, err
}

// defaultTimeout bounds a call where the engine names no timeout.
const defaultTimeout = 5 * time.Second
