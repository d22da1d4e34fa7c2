package isolate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// A Resumer is an isolated input that can go on where an earlier child stopped. What a mark holds is its own
// affair; it must be small.
type Resumer interface {
	// Mark appends to dst where a child that replaces this one is to go on, so that it tells nothing of what
	// has been returned so far again, and nothing less. It is called after each call, from its goroutine.
	Mark(dst []byte) []byte

	// Resume is called before Open, in a child that replaces another, with the mark behind the last rows that
	// the agent has from it. The program may have been replaced as well: a mark that makes no sense is none.
	Resume(mark []byte)
}

// worker runs the plugin in the child, as the engine runs an input.
type worker struct {
	order  *order
	plugin any
	env    *sdk.Env
	out    *outbox

	figures tracker
	process process
	mark    []byte
	start   time.Time
	calling atomic.Int64 // when the plugin's call began, in ns after start; 0 while there is none
}

func newWorker(o *order, plugin any, out *outbox, env *sdk.Env) *worker {
	return &worker{
		order: o, plugin: plugin, env: env, out: out,
		figures: tracker{meter: env.Meter}, process: newProcess(env.Meter), start: time.Now(),
	}
}

// call calls f with the input's timeout, and turns a panic into an error.
func (w *worker) call(ctx context.Context, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, w.order.Timeout)
	defer cancel()
	w.calling.Store(max(int64(time.Since(w.start)), 1))
	defer w.calling.Store(0)
	defer func() {
		if v := recover(); v != nil {
			w.env.Meter.Counter("gpuline_panics_total", "Panics of a plugin that were caught.").Add(1)
			w.env.Log.Error("plugin panicked; it will be restarted", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, v)
		}
	}()
	return f(ctx)
}

// poll calls Gather at each tick of a clock that does not drift, until something ends the plugin.
func (w *worker) poll(ctx context.Context, g sdk.Gatherer) error {
	overruns := w.env.Meter.Counter("gpuline_gather_overruns_total", "Ticks skipped because the gather before was not finished.")
	b, start, interval := sdk.NewBatch(w.env.Catalog), time.Now(), w.order.Interval
	gather := func(ctx context.Context) error { return g.Gather(ctx, b) }
	timer := time.NewTimer(0)
	defer timer.Stop()
	for tick := time.Duration(0); ; {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return sdk.ErrEnd
		}
		err := w.call(ctx, gather)
		next := time.Since(start)/interval + 1
		if missed := next - tick - 1; missed > 0 {
			overruns.Add(float64(missed))
		}
		tick = next
		until := time.Until(start.Add(tick * interval))
		if end := w.judge(b, err, until); end != nil {
			return end
		}
		timer.Reset(until)
	}
}

// follow calls Read again and again, until something ends the plugin. After an error without rows it waits
// for a moment.
func (w *worker) follow(ctx context.Context, r sdk.Reader) error {
	b := sdk.NewBatch(w.env.Catalog)
	var ack sdk.Ack
	read := func(ctx context.Context) (err error) {
		ack, err = r.Read(ctx, b)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil // nothing came
		}
		return err
	}
	for ctx.Err() == nil {
		ack = nil
		err := w.call(ctx, read)
		if ack != nil {
			ack(errAck)
			return errAck
		}
		rows := b.Len()
		if end := w.judge(b, err, 0); end != nil {
			return end
		}
		if err != nil && rows == 0 && !errors.Is(err, sdk.ErrNoData) {
			clock.Sleep(ctx, w.order.Coalesce)
		}
	}
	return sdk.ErrEnd
}

var errAck = sdk.Permanent(errors.New("an input that wants to know what became of its rows cannot run in a child process"))

// judge sends what a call has read, and returns the error if it ends the plugin.
func (w *worker) judge(b *sdk.Batch, err error, next time.Duration) error {
	if errors.Is(err, sdk.ErrNoData) {
		err = nil
	}
	if r, ok := w.plugin.(Resumer); ok {
		w.mark = r.Mark(w.mark[:0])
	}
	f := classify(err)
	if f.last() {
		w.out.put(b, w.mark, fault{}, next)
		return err
	}
	w.out.put(b, w.mark, f, next)
	return nil
}
