package pipeline

import (
	"context"
	"errors"
	"log/slog"
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
	abandon chan struct{} // closed in place of the chain's channel when an input was left behind
	quitter chan struct{} // holds a token when an output has ended on its own
	hangs   chan struct{} // holds a token when an input is to be left behind

	changes chan change   // from Reload to read
	over    chan struct{} // closed when read has ended
	asked   time.Time     // when Run's context ended while inputs were at work; else zero

	working    sync.WaitGroup // chains
	delivering sync.WaitGroup // outputs

	mu      sync.Mutex
	graph   *graph
	retired Ledger    // of parts that reloads have ended
	leaving []*output // ended by reloads, and not done with what they still have
	ending  []*chain  // those outputs' own chains, as long as they work
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
		hangs:   make(chan struct{}, 1),
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
		p.server.handlers[inputsPath] = http.HandlerFunc(p.reading)
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
		p.outputEnded(o)
	})
	if o.own != nil {
		p.working.Go(func() {
			o.own.run(ctx)
			p.chainEnded(o.own)
		})
	}
}

// quit tells read that an output has ended on its own.
func (p *Pipeline) quit() { put(p.quitter) }

// put puts a token into a channel that has room for one.
func put(tokens chan<- struct{}) {
	select {
	case tokens <- struct{}{}:
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
	losses := newLosses(p.log)
	var late <-chan time.Time
	stopping := ctx.Done()
	for {
		if inputs.lasting() == 0 {
			inputs.stop()
		}
		if len(inputs.running) == 0 {
			if inputs.left { // one may be back, and about to send
				close(p.abandon)
			} else {
				close(p.chain.in)
			}
			return p.inputFaults()
		}
		select {
		case in := <-inputs.ended:
			inputs.note(in)
		case <-p.hangs:
			inputs.leave(func(in *input) bool { return in.hung.Load() })
		case <-stopping:
			stopping = nil
			p.asked = time.Now()
			inputs.stop()
			late = time.After(p.patience())
		case <-p.quitter:
			if all, _ := p.endedOutputs(); all && stopping != nil {
				stopping = nil
				inputs.stop()
				late = time.After(p.patience())
			}
		case <-late:
			inputs.leave(func(*input) bool { return true })
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
			ledger := p.Ledger()
			losses.look(&ledger)
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
