package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// input runs one input on a goroutine of its own.
type input struct {
	instance
	plan   Input
	polled bool
	finite bool
	live   bool // it reads on whether or not there is room
	stage  stage
	filter *filter
	tagger tagger
	once   int // reads that are left until it ends; 0 for no such bound

	out     chan<- delivery
	abandon chan struct{} // closed when the input is left behind
	hung    atomic.Bool   // it is to be left behind; tell says so
	tell    func()
	credit  func(context.Context) // waits until every queue behind has room, or the context ends
	batches *pool

	fault atomic.Pointer[error] // with which it ended for good

	gathers  *sdk.Number
	overruns *sdk.Number
	invalid  *sdk.Number
	seconds  *sdk.Number
	last     *sdk.Number
}

// run reads until ctx ends or the input does. It returns the error with which the input ended for good,
// if any.
func (in *input) run(ctx context.Context) error {
	defer in.close()
	if !clock.Sleep(ctx, in.delay()) {
		return nil
	}
	for {
		if err := in.reopen(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		var err error
		switch p := in.impl.(type) {
		case sdk.Gatherer:
			err = in.poll(ctx, p)
		case sdk.Reader:
			err = in.follow(ctx, p)
		}
		switch {
		case errors.Is(err, sdk.ErrEnd) || ctx.Err() != nil:
			in.condition.end()
			return nil
		case errors.Is(err, errNothing):
			in.condition.end()
			return err
		case errors.Is(err, sdk.ErrPermanent):
			in.log.Error("input ended for good", "err", err)
			return err
		}
	}
}

func (in *input) delay() time.Duration {
	if in.plan.Jitter <= 0 {
		return 0
	}
	return rand.N(in.plan.Jitter)
}

// reopen opens the input, and tries again until it is open or ctx ends.
func (in *input) reopen(ctx context.Context) error {
	for {
		err := in.start(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, sdk.ErrPermanent) || in.once > 0:
			in.log.Error("input cannot start", "err", err)
			return err
		case !errors.Is(err, errNotDue):
			in.errs.Add(1)
			in.log.Error("input cannot start; it will be tried again", "err", err)
		}
		clock.Sleep(ctx, time.Until(in.due))
	}
}

func (in *input) start(ctx context.Context) error {
	defer in.overdue()()
	return in.open(ctx, in.plan.Timeout)
}

// poll calls Gather at each tick of a clock that does not drift: tick n is at start + n intervals. It
// returns when ctx ends, after a panic, and with an error that ends the input.
func (in *input) poll(ctx context.Context, g sdk.Gatherer) error {
	start := time.Now()
	for tick := time.Duration(0); ; {
		if !clock.Sleep(ctx, time.Until(start.Add(tick*in.plan.Interval))) {
			return nil
		}
		b := in.batches.get()
		began := time.Now()
		err := in.bounded(ctx, in.plan.Timeout, "gather", func(ctx context.Context) error {
			defer in.overdue()()
			return g.Gather(ctx, b)
		})
		took := time.Since(began)
		in.gathers.Add(1)
		in.seconds.Add(took.Seconds())
		in.last.Set(took.Seconds())
		in.dropAfterPanic(b, err)
		in.send(b, nil, false)
		if _, err = in.judge(ctx, err); err != nil {
			return err
		}
		next := time.Since(start)/in.plan.Interval + 1
		if missed := next - tick - 1; missed > 0 {
			in.overruns.Add(float64(missed))
		}
		tick = next
	}
}

// follow calls Read as soon as there is room, or at once where the input is live. It returns as poll does.
func (in *input) follow(ctx context.Context, r sdk.Reader) error {
	wait := in.patience()
	if wait > 0 && !in.live {
		in.log.Info("the input waits for what comes; it ends once it has read, or when nothing comes for so long", "reads", in.once, "wait", wait)
	}
	for {
		if ctx.Err() != nil {
			return sdk.ErrEnd
		}
		b := in.batches.get()
		ack, idle, err := in.turn(ctx, wait, r, b)
		in.gathers.Add(1)
		in.dropAfterPanic(b, err)
		rows := b.Len()
		in.send(b, newAcks(in.guarded(ack)), !in.live)
		if idle {
			return in.idled(wait)
		}
		again, err := in.judge(ctx, err)
		if err != nil {
			return err
		}
		if again && rows == 0 {
			clock.Sleep(ctx, in.pause.next())
		}
	}
}

// guarded returns an Ack that does not panic: outputs and queues call it, and the plugin's panic must not end theirs.
func (in *input) guarded(ack sdk.Ack) sdk.Ack {
	if ack == nil {
		return nil
	}
	return func(err error) {
		defer func() {
			if v := recover(); v != nil {
				in.panics.Add(1)
				in.log.Error("plugin panicked in an Ack", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			}
		}()
		ack(err)
	}
}

// dropAfterPanic drops what an input had read when it panicked: nobody knows which of it is whole.
func (in *input) dropAfterPanic(b *sdk.Batch, err error) {
	if errors.Is(err, errPanic) {
		for m := range b.All() {
			b.Drop(m, sdk.DropPanic)
		}
	}
}

// judge sorts what Gather or Read returned: an error that ends the loop around it is returned, others
// are logged and call for another try.
func (in *input) judge(ctx context.Context, err error) (again bool, end error) {
	in.report(err == nil || errors.Is(err, sdk.ErrNoData))
	if in.once > 0 {
		if in.once--; in.once == 0 {
			end = sdk.ErrEnd
		}
	}
	switch {
	case err == nil:
		in.pause.reset()
		return false, end
	case errors.Is(err, sdk.ErrNoData), ctx.Err() != nil:
		return false, end
	case errors.Is(err, sdk.ErrEnd), errors.Is(err, errPanic), errors.Is(err, sdk.ErrPermanent):
		return false, err
	}
	in.errs.Add(1)
	if end != nil && in.stage.load().In == 0 {
		in.log.Error("reading failed; the input ends, and nothing was read", "err", err)
		return false, fmt.Errorf("%w: %w", errNothing, err)
	}
	in.log.Error("reading failed; the input goes on", "err", err)
	return true, end
}

// send takes what was read into the ledger and hands it on. It waits while the chain is busy.
func (in *input) send(b *sdk.Batch, a *acks, held bool) {
	b.SortByTime()
	if n := b.LeaveOutOdd(); n > 0 {
		in.invalid.Add(float64(n))
	}
	in.filter.apply(b)
	in.tagger.apply(b)
	if b.Len() == 0 {
		in.stage.publish(0, 0, b)
		a.release(nil)
		in.batches.put(b)
		return
	}
	select {
	case <-in.abandon: // it took too long, and nobody waits for it any more
		a.release(errShutdown)
		return
	default:
	}
	n := b.Len()
	in.stage.publish(0, n, b)
	select {
	case in.out <- delivery{batch: b, from: in, held: held, acks: a}:
	case <-in.abandon:
		in.stage.retract(n)
		a.release(errShutdown)
	}
}

var errShutdown = errors.New("the agent ended")

// tagger adds the agent's and the input's tags to metrics that lack them. It belongs to one goroutine.
type tagger struct {
	tags       []sdk.Tag
	known      map[*sdk.Series]*sdk.Series
	generation uint64
}

func (t *tagger) apply(b *sdk.Batch) {
	if len(t.tags) == 0 {
		return
	}
	c := b.Catalog()
	if g := c.Generation(); g != t.generation || t.known == nil {
		t.generation, t.known = g, make(map[*sdk.Series]*sdk.Series)
	}
	for m := range b.All() {
		s, origin := m.Series(), m.Origin()
		b.Move(m, t.tagged(c, s))
		if origin != s {
			// A result goes on belonging to the samples that it was made from, which get the same tags.
			if tagged := t.tagged(c, origin); tagged != nil {
				m.SetOrigin(tagged)
			}
		}
	}
}

// tagged returns s with the tags, or nil where the catalog is full.
func (t *tagger) tagged(c *sdk.Catalog, s *sdk.Series) *sdk.Series {
	tagged := t.known[s]
	if tagged == nil {
		if tagged = c.With(s, t.tags...); tagged != nil {
			t.known[s], t.known[tagged] = tagged, tagged
		}
	}
	return tagged
}
