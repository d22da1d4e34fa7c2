package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// DropFault is the reason of metrics that an external processor could not process in time, where its
// on_fault says so.
const DropFault sdk.Reason = "plugin_fault"

// processor is an external processor. Batches go over its stream in the order in which they come; none
// waits for longer than the deadline, and none waits at all while the plugin is down or owes the answer to
// one before.
type processor struct {
	*life
	deadline time.Duration
	drop     bool
	invalid  *sdk.Number
}

// Open starts the plugin.
func (p *processor) Open(ctx context.Context, env *sdk.Env) error {
	p.invalid = env.Meter.InvalidValues()
	return p.life.Open(ctx, env)
}

// Process has the plugin rewrite b. When the plugin fails over it, b goes to its successor, if that comes
// before the deadline does. On a fault b stays as it is, or is dropped.
func (p *processor) Process(ctx context.Context, b *sdk.Batch) error {
	if b.Len() == 0 { // late samples are for the agent's own windows
		return nil
	}
	s, _, why := p.now()
	if s == nil {
		return p.fault(b, why)
	}
	ctx, cancel := context.WithTimeout(ctx, p.deadline)
	defer cancel()
	rows, err := s.process(ctx, b)
	for failures := 1; isLoss(s, err) && failures < maxStrikes; failures++ {
		next, none := p.await(ctx)
		if none != nil {
			break
		}
		s = next
		rows, err = s.process(ctx, b)
	}
	switch {
	case isLoss(s, err):
		return p.fault(b, fmt.Errorf("the plugin has failed over a batch: %w", err))
	case err != nil && rows == nil:
		return p.fault(b, err)
	case rows == nil:
		return p.fault(b, fmt.Errorf("%w: an answer without its batch", errWire))
	}
	if wrong := account(rows, b.Len()); wrong != nil {
		s.fail(wrong)
		return p.fault(b, wrong)
	}
	id := b.ID
	var before sdk.Tally
	before.Plus(b.Tally())
	b.Reset()
	b.ID = id
	b.Tally().Plus(&before)
	deliver(rows, b)
	p.leaveOutOdd(b)
	return err
}

// leaveOutOdd leaves out what the engine would not take from an input either.
func (p *processor) leaveOutOdd(b *sdk.Batch) {
	if n := b.LeaveOutOdd(); n > 0 {
		p.invalid.Add(float64(n))
	}
}

// isLoss reports whether a call has failed because the plugin has gone, or must be made anew.
func isLoss(s *session, err error) bool {
	if errors.Is(err, wire.ErrPanic) || errors.Is(err, errWire) {
		s.fail(err)
		return true
	}
	var lost *lostError
	return errors.As(err, &lost)
}

// fault lets b pass as it is, or drops it.
func (p *processor) fault(b *sdk.Batch, err error) error {
	if p.drop {
		dropAll(b)
	}
	return err
}

func dropAll(b *sdk.Batch) {
	for m := range b.All() {
		b.Drop(m, DropFault)
	}
}

// gate is a processor that nothing passes by, not even while its program cannot be started: it is missing, or
// not the one that is pinned.
type gate struct{ *processor }

// Bypass drops b.
func (gate) Bypass(b *sdk.Batch) { dropAll(b) }

func (l *life) processor(c *ProcessorConfig) sdk.Processor {
	p := &processor{life: l, deadline: c.Deadline, drop: c.OnFault == "drop"}
	if p.drop {
		return gate{p}
	}
	return p
}

// Flush lets a plugin add what it holds back.
func (p *processor) Flush(ctx context.Context, now time.Time, final bool, b *sdk.Batch) error {
	s, _, why := p.now()
	if s == nil {
		if final {
			return why
		}
		return nil // Process says so
	}
	if !s.answer.GetTraits().GetFlushes() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.deadline)
	defer cancel()
	rows, err := s.flush(ctx, now, final)
	err = s.accept(rows, b, err)
	p.leaveOutOdd(b)
	return err
}
