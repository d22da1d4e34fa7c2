package pipeline

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// output is one output with its queue. The goroutine of the chain before it calls take; a goroutine of
// its own delivers.
type output struct {
	instance
	plan   Output
	queue  *queue.Memory
	filter *filter
	picked []*sdk.Metric // take's
	scaled *sdk.Batch    // take's: copies with fewer fields, for a filter on fields

	own      *chain // of the processors under it; nil without
	entrance sink   // own's, or the output itself
	stop     context.CancelFunc
	ended    atomic.Bool // it takes nothing any more, ever
	fault    error       // with which it could not start; valid once ended is set

	mu       sync.Mutex // guards the counts of take
	absorbed uint64
	filtered uint64

	writes  *sdk.Number
	errs    *sdk.Number
	stuck   *sdk.Number
	seconds *sdk.Number
}

// take is the output's entrance: it leaves out what a window has read and what a filter stops, and
// queues the rest.
func (o *output) take(b *sdk.Batch, held bool, a *acks) {
	var absorbed, filtered uint64
	o.picked = o.picked[:0]
	for m := range b.All() {
		switch {
		case m.Absorbed() && !o.plan.Samples:
			absorbed++
		case o.filter != nil && !o.filter.passes(m):
			filtered++
		default:
			o.picked = append(o.picked, m)
		}
	}
	if o.filter != nil && !o.filter.fields.empty() {
		filtered += o.project()
	}
	from := queue.Source{Held: held}
	if o.plan.Required {
		from.Ack = a.hold()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.absorbed += absorbed
	o.filtered += filtered
	o.queue.Push(o.picked, from)
}

// project replaces the rows that were picked by copies without the fields that the filter hides, and
// returns how many had no other.
func (o *output) project() (filtered uint64) {
	o.scaled.Reset()
	kept := o.picked[:0]
	for _, m := range o.picked {
		mask := o.filter.mask(m.Schema())
		if mask != nil {
			m = o.scaled.Copy(m)
			if !m.Project(mask) {
				filtered++
				continue
			}
		}
		kept = append(kept, m)
	}
	o.picked = kept
	return filtered
}

func (o *output) end() { o.queue.Close() }

// account returns the output's part of the ledger. The counts of one instant belong together.
func (o *output) account() OutputFlow {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.queue.Stats()
	return OutputFlow{
		Name:         o.name,
		Offered:      o.absorbed + o.filtered + s.Pushed,
		Absorbed:     o.absorbed,
		Filtered:     o.filtered,
		Delivered:    s.Delivered,
		DeadLettered: s.DeadLettered,
		Drops:        s.Drops,
		Queued:       s.Rows,
		QueuedBytes:  s.Bytes,
	}
}

// run delivers until the queue is closed and empty, or ctx ends. What is left then is dropped. Where the
// output ends before, told is called, and what arrives is dropped.
func (o *output) run(ctx context.Context, told func()) {
	defer o.close()
	for {
		if o.ended.Load() {
			told()
			o.refuse(ctx)
			break
		}
		if err := o.reopen(ctx); err != nil {
			if ctx.Err() != nil {
				break
			}
			o.fault = err
			o.ended.Store(true)
			continue
		}
		b, err := o.queue.Next(ctx)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || !o.deliver(ctx, b) {
			break
		}
	}
	o.queue.Abandon(sdk.DropShutdown, errShutdown)
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
		sleep(ctx, time.Until(o.due))
	}
}

// refuse drops what arrives for an output that takes nothing, now or ever, so that no input waits for it.
func (o *output) refuse(ctx context.Context) {
	for {
		b, err := o.queue.Next(ctx)
		if err != nil {
			return
		}
		o.queue.Done(dropped(b, sdk.DropRejected))
	}
}

// deliver writes b until it is delivered or refused for good. It reports false when ctx ended before.
func (o *output) deliver(ctx context.Context, b *sdk.Batch) bool {
	for {
		if err := o.reopen(ctx); err != nil {
			return false
		}
		began := time.Now()
		o.condition.begin()
		err := o.write(ctx, b)
		o.writes.Add(1)
		o.seconds.Add(time.Since(began).Seconds())
		var partial *sdk.PartialError
		o.report(err == nil || errors.As(err, &partial))
		if err == nil {
			o.pause.reset()
			o.queue.Done(queue.Outcome{Delivered: uint64(b.Len())})
			return true
		}
		o.errs.Add(1)
		switch {
		case partial != nil:
			o.pause.reset()
			o.log.Warn("some metrics were rejected", "err", err)
			o.queue.Done(divided(b, partial))
			return true
		case errors.Is(err, errPanic):
			o.queue.Done(dropped(b, sdk.DropPanic))
			return true
		case errors.Is(err, sdk.ErrEnd):
			o.log.Warn("output ended for good; what is meant for it is dropped", "err", err)
			o.ended.Store(true)
			o.queue.Done(dropped(b, sdk.DropRejected))
			return true
		case errors.Is(err, sdk.ErrPermanent):
			o.log.Error("batch was rejected", "err", err, "metrics", b.Len())
			o.queue.Done(dropped(b, sdk.DropRejected))
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		pause := o.pause.next()
		var retry *sdk.RetryError
		if errors.As(err, &retry) {
			pause = retry.After
		}
		o.log.Error("write failed; it will be tried again", "err", err)
		if !sleep(ctx, pause) {
			return false
		}
	}
}

func (o *output) write(ctx context.Context, b *sdk.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, o.plan.Timeout)
	defer cancel()
	alarm := time.AfterFunc(o.plan.Timeout+o.plan.Timeout/4, func() {
		o.stuck.Add(1)
		o.log.Error("write is stuck", "timeout", o.plan.Timeout)
	})
	defer alarm.Stop()
	return o.protect(func() error { return o.impl.(sdk.Output).Write(ctx, b) })
}

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
