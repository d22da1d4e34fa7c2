package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// output is one output with its queue. The goroutine of the chain before it calls take; a goroutine of
// its own delivers.
type output struct {
	instance
	plan   Output
	intake *intake
	filter *filter
	picked []*sdk.Metric // take's
	scaled *sdk.Batch    // take's: copies with fewer fields, for a filter on fields

	own      *chain // of the processors under it; nil without
	entrance sink   // own's, or the output itself
	offered  uint64 // rows that take was given; intake.mu guards it

	ended atomic.Bool // it takes nothing any more, ever
	fault error       // with which it could not start; valid once ended is set

	after   <-chan struct{}    // closed when the output whose queue it takes over has ended; nil where there is none
	last    chan struct{}      // closed when nothing more comes
	pressed bool               // rest has seen last closed; the goroutine that delivers owns it
	stop    context.CancelFunc // ends it at once, a Write too
	retire  context.CancelFunc // ends it after the Write that it is at
	done    chan struct{}      // closed when it has ended

	writes  *sdk.Number
	seconds *sdk.Number
}

// take is the output's entrance: it leaves out what a window has read and what a filter stops, and
// queues the rest.
func (o *output) take(b *sdk.Batch, held bool, a *acks) {
	var absorbed, filtered uint64
	o.picked = o.picked[:0]
	if o.filter != nil {
		o.filter.sweep(b.Catalog())
	}
	for m := range b.All() {
		switch {
		case m.Absorbed() && !o.plan.Samples && !m.Unread():
			absorbed++
		case o.filter != nil && !o.filter.passes(m):
			filtered++
		default:
			o.picked = append(o.picked, m)
		}
	}
	filtered += o.project()
	from := queue.Source{Held: held}
	if o.plan.Required {
		from.Ack = a.hold()
	}
	in := o.intake
	in.mu.Lock()
	defer in.mu.Unlock()
	in.absorbed += absorbed
	in.filtered += filtered
	o.offered += absorbed + filtered + uint64(len(o.picked))
	in.queue.Push(o.picked, from)
}

// project replaces rows that were picked by copies without the fields that windows have read or the filter
// hides, and returns how many had no other.
func (o *output) project() (filtered uint64) {
	o.scaled.Reset()
	kept := o.picked[:0]
	for _, m := range o.picked {
		if m.Absorbed() && !o.plan.Samples {
			m = o.scaled.Copy(m)
			m.KeepUnread()
		}
		if o.filter != nil {
			if mask := o.filter.mask(m.Schema()); mask != nil {
				m = o.scaled.Copy(m)
				if !m.Project(mask) {
					filtered++
					continue
				}
			}
		}
		kept = append(kept, m)
	}
	o.picked = kept
	return filtered
}

func (o *output) end() {
	close(o.last)
	if o.intake.owns(o) {
		o.intake.queue.Close()
	}
}

// account returns the output's part of the ledger. The counts of one instant belong together.
func (o *output) account() OutputFlow {
	in := o.intake
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.queue.Stats()
	return OutputFlow{
		Name:         o.name,
		Offered:      in.absorbed + in.filtered + s.Pushed,
		Recovered:    s.Recovered,
		Absorbed:     in.absorbed,
		Filtered:     in.filtered,
		Delivered:    s.Delivered,
		DeadLettered: s.DeadLettered,
		Drops:        s.Drops,
		Queued:       s.Rows,
		QueuedBytes:  s.Bytes,
		OnDisk:       in.path != "",
		Volatile:     s.Volatile,
		QueueFaults:  s.Faults,
		CorruptFiles: s.Corrupt,
	}
}

// run delivers until the queue is closed and empty. It ends at once with ctx. It ends with taking, too, which is
// derived from ctx, but first finishes the Write that it is at: it only takes no other batch, and tries nothing again.
// An output that ends on its own calls told, and drops what arrives from then on.
func (o *output) run(ctx, taking context.Context, told func()) {
	if o.after != nil {
		select {
		case <-o.after:
		case <-ctx.Done():
			return
		}
	}
	defer o.close()
	for taking.Err() == nil {
		if o.ended.Load() {
			told()
			o.refuse(taking)
			return
		}
		if err := o.reopen(taking); err != nil {
			if taking.Err() != nil {
				return
			}
			o.fault = err
			o.ended.Store(true)
			continue
		}
		b, err := o.intake.queue.Next(taking)
		if err != nil || !o.deliver(ctx, taking, b) {
			return
		}
	}
}

// reopen opens the output, and tries again until it is open or ctx ends. An error is final.
func (o *output) reopen(ctx context.Context) error {
	for {
		err := o.open(ctx, o.plan.Timeout)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, sdk.ErrPermanent):
			o.log.Error("output cannot start; what is meant for it is dropped", "err", err)
			return err
		case !errors.Is(err, errNotDue):
			o.errs.Add(1)
			o.log.Error("output cannot start; it will be tried again", "err", err)
		}
		o.rest(ctx, time.Until(o.due))
	}
}

// rest waits between two tries, and reports false when ctx ended first. When nothing more comes, only the grace is
// left, and a pause can be longer than that: so from this moment, once, the next try is made at once, and the pauses
// after it begin short again. Pauses that the far end asks for are not cut: deliver waits for those without rest.
func (o *output) rest(ctx context.Context, pause time.Duration) bool {
	last := o.last
	if o.pressed {
		last = nil
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-last:
		o.pressed, o.due = true, time.Time{}
		o.pause.reset()
		return true
	case <-ctx.Done():
		return false
	}
}

// refuse drops what arrives for an output that takes nothing, now or ever, so that no input waits for it.
// What is on disk stays there: a start with another configuration may deliver it.
func (o *output) refuse(ctx context.Context) {
	if o.intake.path != "" {
		o.intake.queue.End(sdk.DropRejected, errEnded)
		return
	}
	for {
		b, err := o.intake.queue.Next(ctx)
		if err != nil {
			return
		}
		o.intake.queue.Done(dropped(b, sdk.DropRejected))
	}
}

// deliver writes b until it is delivered or refused for good. It reports false when taking ended before.
func (o *output) deliver(ctx, taking context.Context, b *sdk.Batch) bool {
	q := o.intake.queue
	for {
		if err := o.reopen(taking); err != nil {
			return false
		}
		if q.Expired() {
			q.Done(dropped(b, queue.DropExpired))
			return true
		}
		began := time.Now()
		o.condition.begin()
		err := o.bounded(ctx, o.plan.Timeout, "write", func(ctx context.Context) error { return o.impl.(sdk.Output).Write(ctx, b) })
		o.writes.Add(1)
		o.seconds.Add(time.Since(began).Seconds())
		if outcome, settled := o.settle(b, err); settled {
			q.Done(outcome)
			return true
		}
		if taking.Err() != nil {
			return false
		}
		o.log.Error("write failed; it will be tried again", "err", err)
		wait, pause := o.rest, o.pause.after(err)
		if retry, ok := errors.AsType[*sdk.RetryError](err); ok {
			wait, pause = clock.Sleep, retry.After
		}
		if !wait(taking, pause) {
			return false
		}
	}
}

// settle says what became of b by the answer to a Write, unless b is to be written again.
func (o *output) settle(b *sdk.Batch, err error) (outcome queue.Outcome, settled bool) {
	partial, isPartial := errors.AsType[*sdk.PartialError](err)
	o.report(err == nil || isPartial)
	if err == nil {
		o.pause.reset()
		return queue.Outcome{Delivered: uint64(b.Len())}, true
	}
	o.errs.Add(1)
	switch {
	case isPartial:
		o.pause.reset()
		o.log.Warn("some metrics were rejected", "err", err)
		return divided(b, partial), true
	case errors.Is(err, errPanic):
		return dropped(b, sdk.DropPanic), true
	case errors.Is(err, sdk.ErrEnd):
		o.log.Warn("output ended for good; what is meant for it is dropped", "err", err)
		o.ended.Store(true)
		return dropped(b, sdk.DropRejected), true
	case errors.Is(err, sdk.ErrPermanent):
		o.log.Error("batch was rejected", "err", err, "metrics", b.Len())
		return dropped(b, sdk.DropRejected), true
	}
	return queue.Outcome{}, false
}

var errEnded = errors.New("the output has ended")

func dropped(b *sdk.Batch, r sdk.Reason) queue.Outcome {
	return queue.Outcome{Drops: []sdk.Drop{{Reason: r, Count: uint64(b.Len())}}}
}

// divided counts the rows that e names, each once, as refused, and the rest as delivered.
func divided(b *sdk.Batch, e *sdk.PartialError) queue.Outcome {
	rows := slices.Clone(e.Rejected)
	slices.Sort(rows)
	rows = slices.Compact(rows)
	rows = slices.DeleteFunc(rows, func(i int) bool { return i < 0 || i >= b.Len() })
	n := uint64(len(rows))
	out := queue.Outcome{Delivered: uint64(b.Len()) - n}
	if e.DeadLettered {
		out.DeadLettered = n
		return out
	}
	out.Drops = []sdk.Drop{{Reason: sdk.DropRejected, Count: n}}
	return out
}
