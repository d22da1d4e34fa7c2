package pipeline

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// chain passes batches through processors, in order, and hands each to its sinks. All of it runs on one
// goroutine, so processors need no lock. The main chain of an agent ends at its outputs; an output with
// processors of its own has a chain between.
type chain struct {
	wiring
	in      chan delivery
	abandon <-chan struct{} // closed when in will not be, because an input was left behind
	swaps   chan swap       // nil for an output's own chain
	merge   stage
	batches *pool
	ticking atomic.Bool  // wiring.live, or that of the chain before
	busy    atomic.Int64 // since when it works on a batch, in Unix ns; 0 while it waits
}

func newChain(batches *pool) *chain {
	return &chain{
		in:      make(chan delivery),
		batches: batches,
		merge:   stage{role: roleMerge, name: "results"},
	}
}

// wiring is what a chain is made of, and what a reload changes.
type wiring struct {
	prefixes   map[*input][]*processor // under an input
	order      []*input                // that have any, as in the plan
	processors []*processor
	sinks      []sink
	live       bool // an input reads what happens now, so processors are flushed now and then
}

// swap asks a chain to go on with another wiring. adopt is called between the last batch of the old and
// the first of the new; done is closed after it.
type swap struct {
	next  wiring
	adopt func()
	done  chan struct{}
}

// delivery is a batch on its way, owned by whoever received it last.
type delivery struct {
	batch *sdk.Batch
	from  *input
	held  bool // its input waits for room, so no queue drops it
	acks  *acks
}

// sink takes what leaves a chain. It must not keep b, and must not change it.
type sink interface {
	take(b *sdk.Batch, held bool, a *acks)
	end() // nothing more will come
}

// flushInterval is how often processors that hold something back are asked for it.
const flushInterval = 100 * time.Millisecond

// run works until in is closed or abandon is, and then flushes. ctx ends with the agent's grace.
func (c *chain) run(ctx context.Context) {
	tick := time.NewTicker(flushInterval)
	defer tick.Stop()
	c.pace(tick)
	for {
		select {
		case d, ok := <-c.in:
			if !ok {
				c.end(ctx)
				return
			}
			c.pass(ctx, d)
		case now := <-tick.C:
			if c.ticking.Load() {
				c.flush(ctx, flushing{now: now})
			}
		case s := <-c.swaps:
			c.exchange(ctx, s)
			c.pace(tick)
		case <-c.abandon:
			c.end(ctx)
			return
		}
	}
}

// pace stops the tick while there is no processor to ask: waking up is most of what an idle agent costs.
func (c *chain) pace(tick *time.Ticker) {
	if len(c.processors) == 0 && len(c.order) == 0 {
		tick.Stop()
		return
	}
	tick.Reset(flushInterval)
}

func (c *chain) pass(ctx context.Context, d delivery) {
	c.busy.Store(time.Now().UnixNano())
	defer c.busy.Store(0)
	d.batch.Enter()
	if d.from != nil {
		d.from.stage.take(d.batch.Len())
		for _, p := range c.prefixes[d.from] {
			p.process(ctx, d.batch)
		}
	}
	for _, p := range c.processors {
		p.process(ctx, d.batch)
	}
	c.finish(d)
}

// flushing says what processors are asked for.
type flushing struct {
	now   time.Time
	final bool
	stay  map[*processor]bool // these are not asked
}

// flush asks the processors for what they hold back. It passes the processors that follow.
func (c *chain) flush(ctx context.Context, f flushing) {
	c.busy.Store(f.now.UnixNano())
	defer c.busy.Store(0)
	held := !c.ticking.Load() // then every input waits for room, and queues must not drop what comes of them
	for _, in := range c.order {
		b := c.batches.get()
		flushThrough(ctx, c.prefixes[in], f, b)
		for _, p := range c.processors {
			p.process(ctx, b)
		}
		c.finish(delivery{batch: b, held: held})
	}
	b := c.batches.get()
	flushThrough(ctx, c.processors, f, b)
	c.finish(delivery{batch: b, held: held})
}

func flushThrough(ctx context.Context, processors []*processor, f flushing, b *sdk.Batch) {
	for _, p := range processors {
		p.process(ctx, b)
		if !f.stay[p] {
			p.flush(ctx, f.now, f.final, b)
		}
	}
}

// finish merges results, hands the batch to all sinks and takes it back.
func (c *chain) finish(d delivery) {
	if in := d.batch.Len(); in > 0 {
		d.batch.MergeResults()
		c.merge.publish(in, d.batch.Len(), d.batch)
		for _, s := range c.sinks {
			s.take(d.batch, d.held, d.acks)
		}
	}
	d.acks.release(nil)
	c.batches.put(d.batch)
}

func (c *chain) end(ctx context.Context) {
	c.flush(ctx, flushing{now: time.Now(), final: true})
	for p := range c.all() {
		p.close()
	}
	for _, s := range c.sinks {
		s.end()
	}
}

// exchange goes on with another wiring. Processors that are in both keep their state; the others are
// flushed, as at an end, and what they held goes the old way.
func (c *chain) exchange(ctx context.Context, s swap) {
	stay := make(map[*processor]bool)
	for p := range s.next.all() {
		stay[p] = true
	}
	c.flush(ctx, flushing{now: time.Now(), final: true, stay: stay})
	for p := range c.all() {
		if !stay[p] {
			p.close()
		}
	}
	before := c.sinks
	c.wiring = s.next
	s.adopt()
	for _, old := range before {
		if !slices.Contains(s.next.sinks, old) {
			old.end()
		}
	}
	close(s.done)
}

// all loops over the processors of the chain.
func (w *wiring) all() iter.Seq[*processor] {
	return func(yield func(*processor) bool) {
		for _, in := range w.order {
			for _, p := range w.prefixes[in] {
				if !yield(p) {
					return
				}
			}
		}
		for _, p := range w.processors {
			if !yield(p) {
				return
			}
		}
	}
}

// stages returns the stages of an output's own chain.
func (c *chain) stages() []*stage {
	var list []*stage
	for p := range c.all() {
		list = append(list, &p.stage)
	}
	return append(list, &c.merge)
}

// branch is the sink before an output's own chain: it copies each batch, so that the chain may change
// its own.
type branch struct {
	chain *chain
}

func (s *branch) take(b *sdk.Batch, held bool, a *acks) {
	c := s.chain.batches.get()
	for m := range b.All() {
		c.Copy(m)
	}
	c.Tally().Reset()
	a.hold()
	s.chain.in <- delivery{batch: c, held: held, acks: a}
}

func (s *branch) end() { close(s.chain.in) }
