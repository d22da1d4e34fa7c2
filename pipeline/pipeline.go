package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// Pipeline is an agent at work: inputs, each on a goroutine of its own, send batches to one chain of
// processors on another; the chain copies what leaves it into a queue for each output, and each output
// delivers on a goroutine of its own.
//
//	input  input  input      read
//	    \    |    /          a channel: back pressure
//	   average > peak        one goroutine, no locks
//	     |         |         copies
//	  queue      queue       bounded
//	     |         |
//	  output     output      deliver, and try again
type Pipeline struct {
	log     *slog.Logger
	started time.Time
	clock   *clock.Clock
	meter   *sdk.Meter // of what belongs to no plugin
	catalog *sdk.Catalog
	batches *pool
	server  *server
	chain   *chain
	abandon chan struct{} // closed when an input does not end in time
	quitter chan struct{} // an output has ended on its own

	changes chan change   // from Reload to read
	over    chan struct{} // closed when read has ended

	working    sync.WaitGroup // chains
	delivering sync.WaitGroup // outputs

	mu      sync.Mutex
	graph   *graph
	retired Ledger    // of parts that reloads have ended
	leaving []*output // that reloads have ended, and that still deliver
	ending  []*chain  // of such outputs, that still work
}

// New makes the agent that the plan describes. It opens nothing and starts nothing.
func New(plan Plan, log *slog.Logger) (*Pipeline, error) {
	p := &Pipeline{
		log:     log,
		started: time.Now(),
		meter:   sdk.NewMeter(sdk.Tag{Key: "plugin", Value: "agent"}),
		catalog: sdk.NewCatalog(sdk.Limits{}),
		abandon: make(chan struct{}),
		quitter: make(chan struct{}, 1),
		changes: make(chan change),
		over:    make(chan struct{}),
	}
	p.clock = clock.New(quieted(log, slog.LevelDebug, "agent.clock"), p.meter, time.Time{})
	p.batches = &pool{catalog: p.catalog}
	p.chain = newChain(p.batches)
	p.chain.abandon, p.chain.swaps = p.abandon, make(chan swap)
	if plan.Agent.HTTP != "" {
		p.server = newServer(&plan.Agent, p.settled, log)
		p.server.handlers[healthPath] = http.HandlerFunc(p.healthy)
		p.server.handlers[readyPath] = http.HandlerFunc(p.ready)
	}
	p.catalog.Sweep(p.started)
	g, err := p.assemble(plan, nil)
	if err != nil {
		return nil, err
	}
	p.graph, p.chain.wiring = g, g.wiring
	g.tick(p.chain)
	return p, nil
}

// Run works until all inputs or all outputs have ended, or ctx is done. It returns the errors that ended an
// input for good, kept an output from starting, or left a required output without what the inputs had read when
// they ended.
//
// The end, in one sentence: inputs stop, their channel is closed, windows are flushed as partial, queues
// drain until the grace ends, outputs are closed.
func (p *Pipeline) Run(ctx context.Context) error {
	var serving sync.WaitGroup
	serverCtx, stopServer := context.WithCancel(context.Background())
	outputCtx, stopOutputs := context.WithCancel(context.Background())
	defer stopServer()
	defer stopOutputs()
	if p.server != nil && p.graph.plan.Agent.Gathers == 0 {
		serving.Go(func() { p.server.run(serverCtx) })
	}
	for _, o := range p.graph.outputs {
		p.deliver(outputCtx, o)
	}
	p.working.Go(func() { p.chain.run(outputCtx) })

	err := p.read(ctx, outputCtx)

	finished := make(chan struct{})
	go func() {
		defer close(finished)
		p.working.Wait()
		p.delivering.Wait()
	}()
	unasked := p.drain(ctx, finished, stopOutputs)
	stopServer()
	serving.Wait()
	_, errs := p.endedOutputs()
	if unasked {
		errs = append(errs, p.undelivered()...)
	}
	return errors.Join(append(errs, err)...)
}

// deliver starts an output and its own chain. ctx ends with the agent's grace.
func (p *Pipeline) deliver(ctx context.Context, o *output) {
	bounded, stop := context.WithCancel(ctx)
	taking, retire := context.WithCancel(bounded)
	o.stop, o.retire = stop, retire
	if disk, ok := o.intake.queue.(*queue.Disk); ok {
		disk.Start()
	}
	p.delivering.Go(func() {
		defer stop()
		defer retire()
		defer close(o.done)
		o.run(bounded, taking, p.quit)
		p.left(o)
	})
	if o.own != nil {
		p.working.Go(func() {
			o.own.run(ctx)
			p.retire(o.own)
		})
	}
}

// quit tells read that an output has ended on its own.
func (p *Pipeline) quit() {
	select {
	case p.quitter <- struct{}{}:
	default:
	}
}

// endedOutputs reports whether every output has ended, and returns the errors of those that could not start.
func (p *Pipeline) endedOutputs() (all bool, errs []error) {
	all = true
	for _, o := range p.now().outputs {
		switch {
		case !o.ended.Load():
			all = false
		case o.fault != nil:
			errs = append(errs, o.fault)
		}
	}
	return all, errs
}

// read runs the inputs until all have ended or, once ctx has, for half of the grace: then those that
// are stuck are left behind. In between it takes changes.
func (p *Pipeline) read(ctx, outputCtx context.Context) error {
	defer close(p.over)
	inputs := newCrew()
	for _, in := range p.graph.inputs {
		inputs.start(ctx, in)
	}
	sweep := time.NewTicker(time.Minute)
	defer sweep.Stop()
	var late <-chan time.Time
	stopping := ctx.Done()
	for {
		if inputs.lasting() == 0 {
			inputs.stop()
		}
		if len(inputs.running) == 0 {
			close(p.chain.in)
			return p.inputFaults()
		}
		select {
		case in := <-inputs.ended:
			inputs.note(in)
		case <-stopping:
			stopping = nil
			inputs.stop()
			late = time.After(p.patience())
		case <-p.quitter:
			if all, _ := p.endedOutputs(); all && stopping != nil {
				stopping = nil
				inputs.stop()
				late = time.After(p.patience())
			}
		case <-late:
			p.log.Error("an input does not end; it is left behind")
			inputs.leave()
			close(p.abandon)
			return errors.New("an input did not end in time")
		case c := <-p.changes:
			if stopping == nil {
				c.done <- errEnding
				continue
			}
			p.apply(ctx, outputCtx, inputs, c.next)
			c.done <- nil
		case now := <-sweep.C:
			p.catalog.Sweep(now)
			p.clock.Now() // a step is found where no input asks for the time, too
		}
	}
}

// inputFaults returns the errors with which inputs ended for good.
func (p *Pipeline) inputFaults() error {
	var errs []error
	for _, in := range p.now().inputs {
		if fault := in.fault.Load(); fault != nil {
			errs = append(errs, *fault)
		}
	}
	return errors.Join(errs...)
}

// drain waits until all is delivered. Once ctx has ended the grace bounds the wait; before, it goes on
// for as long as something is delivered now and then. It reports whether it gave up without ctx's end.
func (p *Pipeline) drain(ctx context.Context, finished <-chan struct{}, stopOutputs func()) (unasked bool) {
	grace := p.grace()
	stopping := ctx.Done()
	if ctx.Err() != nil {
		stopping, grace = nil, grace/2
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	before := p.delivered()
	for {
		select {
		case <-finished:
			return false
		case <-stopping:
			stopping = nil
			late.Reset(grace)
		case <-late.C:
			if now := p.delivered(); stopping != nil && now > before {
				before = now
				late.Reset(grace)
				continue
			}
			stopOutputs()
			p.leave(finished)
			return stopping != nil
		}
	}
}

// undelivered says what was dropped because a required output was not there in time, an error an output.
func (p *Pipeline) undelivered() (errs []error) {
	for _, o := range p.now().outputs {
		end := o.account()
		n := end.droppedFor(sdk.DropShutdown)
		if n == 0 || !o.plan.Required {
			continue
		}
		o.log.Error("the inputs have ended, and the output has not taken all within [agent] shutdown_grace; what was left is dropped: "+
			"mend what failed and run it again, or give the output a queue on disk", "metrics", n, "shutdown_grace", p.grace())
		errs = append(errs, fmt.Errorf("%s: %d metrics were dropped", o.name, n))
	}
	return errs
}

// leave waits a moment for outputs that heed their context, and gives up the queues in memory of the others.
func (p *Pipeline) leave(finished <-chan struct{}) {
	select {
	case <-finished:
		return
	case <-time.After(time.Second):
	}
	p.log.Error("an output does not end; what waits for it in memory is dropped")
	for _, o := range p.outputs() {
		o.intake.queue.End(sdk.DropShutdown, errShutdown)
	}
}

func (p *Pipeline) delivered() (n uint64) {
	l := p.Ledger()
	for i := range l.Outputs {
		n += l.Outputs[i].Delivered + l.Outputs[i].DeadLettered
	}
	return n
}

func (p *Pipeline) grace() time.Duration { return p.now().plan.Agent.ShutdownGrace }

// patience is how long inputs get to end: half of the grace, but at least a second, since an operator who wants
// no grace means it for what is queued.
func (p *Pipeline) patience() time.Duration { return max(p.grace()/2, time.Second) }

// now returns the graph at work.
func (p *Pipeline) now() *graph {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.graph
}

// outputs returns the outputs at work and those that only deliver what they still have.
func (p *Pipeline) outputs() []*output {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat(p.graph.outputs, p.leaving)
}

// credit waits until every queue has room: an input that can wait loses nothing.
func (p *Pipeline) credit(ctx context.Context) {
	for _, o := range p.now().outputs {
		o.intake.queue.WaitRoom(ctx)
	}
}

// meters returns the meters of the plugins at work, and of those that only deliver what they still have.
func (p *Pipeline) meters() []*sdk.Meter {
	p.mu.Lock()
	defer p.mu.Unlock()
	byName := make(map[string]*sdk.Meter)
	for _, c := range p.ending {
		for at := range c.all() {
			byName[at.name] = at.env.Meter
		}
	}
	for _, o := range p.leaving {
		byName[o.name] = o.env.Meter
	}
	for _, at := range p.graph.parts {
		byName[at.base().name] = at.base().env.Meter
	}
	meters := []*sdk.Meter{p.meter}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		meters = append(meters, byName[name])
	}
	return meters
}

// Ledger returns the account of all metrics so far. It may be called from any goroutine.
func (p *Pipeline) Ledger() Ledger {
	p.mu.Lock()
	g, leaving, ending := p.graph, slices.Clone(p.leaving), slices.Clone(p.ending)
	past := Ledger{Stages: slices.Clone(p.retired.Stages), Outputs: slices.Clone(p.retired.Outputs)}
	p.mu.Unlock()
	var l Ledger
	for _, s := range g.stages {
		l.addStage(s.line())
	}
	for _, c := range ending {
		for _, s := range c.stages() {
			l.addStage(s.line())
		}
	}
	l.stages = len(l.Stages)
	for _, s := range past.Stages {
		l.addStage(s)
	}
	for _, o := range slices.Concat(g.outputs, leaving) {
		l.addOutput(o.account())
	}
	l.outputs = len(l.Outputs)
	for _, o := range past.Outputs {
		l.addOutput(o)
	}
	for _, k := range g.links {
		l.links = append(l.links, k.state())
	}
	return l
}

func (p *Pipeline) selfInput(interval time.Duration) Input {
	return Input{
		Plugin: Plugin{
			Name: selfName, Fingerprint: selfName,
			New: func() (any, error) { return &self{totals: p.Totals, now: p.clock.Now}, nil },
		},
		Interval: interval,
		Timeout:  interval,
	}
}
