package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// change is a graph that is to take over.
type change struct {
	next *graph
	done chan error
}

var errEnding = errors.New("the agent is ending")

// Reload goes on with another plan. Everything of it is made and checked first: with an error the agent
// works on as before. Instances that the plan has left as they were keep their state, their connections
// and their queues, unless they have failed for good: these are made anew. Others end as at the end of the
// agent, and what they held is delivered. A queue on disk goes on under whatever output has its folder then.
//
// The plan takes over between two batches, so no metric is lost or counted twice. The address of the
// agent's server changes too; only whether there is one does not, nor the form of messages. Reload may be
// called from any goroutine while Run runs, by one at a time.
func (p *Pipeline) Reload(plan Plan) error {
	old := p.now()
	plan.Agent.Gathers = old.plan.Agent.Gathers
	if (plan.Agent.HTTP == "") != (p.server == nil) {
		p.log.Warn("whether the agent has a server changes with its next start: see [agent] http")
	}
	if plan.Agent.LogFormat != old.plan.Agent.LogFormat {
		p.log.Warn("the form of messages changes with the agent's next start: see [agent] log_format")
	}
	next, err := p.assemble(plan, old)
	if err != nil {
		return err
	}
	c := change{next: next, done: make(chan error, 1)}
	select {
	case p.changes <- c:
		return <-c.done
	case <-p.over:
		return errEnding
	}
}

// apply ends the inputs that are not in next, starts its new outputs, has the chain go over to it, and
// starts its new inputs.
func (p *Pipeline) apply(ctx, outputCtx context.Context, inputs *crew, next *graph) {
	old := p.now()
	p.endInputs(inputs, func(in *input) bool { return !slices.Contains(next.inputs, in) })
	for _, o := range next.outputs {
		if !slices.Contains(old.outputs, o) {
			p.deliver(outputCtx, o)
		}
	}
	s := swap{next: next.wiring, adopt: func() { p.adopt(next) }, done: make(chan struct{})}
	select {
	case p.chain.swaps <- s:
		<-s.done
	case <-ctx.Done(): // the chain is stuck, and the agent is to end
		for _, o := range next.outputs {
			if !slices.Contains(old.outputs, o) {
				o.entrance.end()
			}
		}
		return
	}
	for _, in := range next.inputs {
		if !slices.Contains(old.inputs, in) {
			inputs.start(ctx, in)
		}
	}
	if p.server != nil && next.plan.Agent.HTTP != "" {
		p.server.change(&next.plan.Agent)
	}
	p.log.Info("configuration reloaded", "inputs", len(next.inputs), "outputs", len(next.outputs))
}

// endInputs asks inputs to end and waits until they have; one that is stuck is left behind after half of
// the grace.
func (p *Pipeline) endInputs(inputs *crew, leaves func(*input) bool) {
	waiting := 0
	for in, stop := range inputs.running {
		if leaves(in) {
			stop()
			waiting++
		}
	}
	late := time.After(p.patience())
	for waiting > 0 {
		select {
		case in := <-inputs.ended:
			if _, running := inputs.running[in]; running && leaves(in) {
				waiting--
			}
			inputs.note(in)
		case <-late:
			inputs.leave(leaves)
			return
		}
	}
}

// adopt makes next the graph at work. The chain calls it, between two batches.
func (p *Pipeline) adopt(next *graph) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.graph
	next.settle(old)
	p.graph = next
	next.tick(p.chain)
	var works []*stage // on, until its chain has ended
	for _, o := range old.outputs {
		if o.own != nil && !slices.Contains(next.outputs, o) {
			p.ending = append(p.ending, o.own)
			works = append(works, o.own.stages()...)
		}
	}
	for _, s := range old.stages {
		if !slices.Contains(next.stages, s) && !slices.Contains(works, s) {
			p.retired.addStage(s.line())
		}
	}
	for _, o := range next.outputs {
		if before := o.intake.handOver(o); before != o {
			before.retire()
			o.intake.queue.(*queue.Disk).SetLimits(o.limits())
		}
	}
	for _, o := range old.outputs {
		if !slices.Contains(next.outputs, o) {
			p.dismiss(o)
			time.AfterFunc(old.plan.Agent.ShutdownGrace, o.stop)
		}
	}
}

// chainEnded puts the stages of an output's own chain into the ledger of the past, where a reload has ended the output.
func (p *Pipeline) chainEnded(c *chain) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.ending, c)
	if i < 0 {
		return
	}
	p.ending = slices.Delete(p.ending, i, i+1)
	for _, s := range c.stages() {
		p.retired.addStage(s.line())
	}
}

// dismiss keeps the account of an output that a reload has ended: in the ledger of the past or, while the output still
// delivers, among those that are leaving. Where another output has taken over the queue, the account is that one's.
// mu is held.
func (p *Pipeline) dismiss(o *output) {
	if !o.intake.owns(o) {
		return
	}
	select {
	case <-o.done: // it has ended on its own, before
		p.retired.addOutput(o.account())
	default:
		p.leaving = append(p.leaving, o)
	}
}

// outputEnded ends the queue of an output whose goroutine ends, unless another output has taken over that queue. Of an
// output that a reload has ended, it puts the account into the ledger of the past.
func (p *Pipeline) outputEnded(o *output) {
	if !o.intake.owns(o) {
		return
	}
	o.intake.queue.End(sdk.DropShutdown, errShutdown)
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.leaving, o)
	if i < 0 {
		return
	}
	p.leaving = slices.Delete(p.leaving, i, i+1)
	last := o.account()
	p.retired.addOutput(last)
	if n := last.droppedFor(sdk.DropShutdown); n > 0 {
		o.log.Warn("what waited for an output that a reload has ended was dropped at its end", "metrics", n)
	}
}
