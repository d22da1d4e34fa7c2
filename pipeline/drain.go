package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// drain waits until all is delivered, and gives up when the grace is over. After the end of ctx, the grace is the
// operator's: what inputs took of it to end is gone, but half of it is always left. Where the inputs ended by
// themselves, the grace begins anew whenever something was delivered within it. unasked reports that drain gave up
// though ctx has not ended.
func (p *Pipeline) drain(ctx context.Context, finished <-chan struct{}, stopOutputs func()) (unasked bool) {
	grace := p.grace()
	stopping := ctx.Done()
	if ctx.Err() != nil {
		stopping = nil
		if !p.asked.IsZero() {
			grace = max(grace-time.Since(p.asked), grace/2)
		}
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
			p.giveUp(finished)
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

// giveUp waits a moment for outputs that heed their context, and drops what the others have in memory.
func (p *Pipeline) giveUp(finished <-chan struct{}) {
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
