package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// processor is a processor in its place in a chain, and the goroutine of that chain owns it.
type processor struct {
	instance
	stage  stage
	filter *filter
}

// processorTimeout bounds Open; a chain that waits moves no metric.
const processorTimeout = 5 * time.Second

// process passes a batch through the processor. While the processor cannot be opened, batches pass it
// by unchanged, unless it says otherwise.
func (p *processor) process(ctx context.Context, b *sdk.Batch) {
	in := b.Len()
	if b.Void() {
		return
	}
	if p.ready(ctx) {
		p.filter.limit(b)
		p.report(p.call(b, func() error { return p.impl.(sdk.Processor).Process(ctx, b) }))
		p.filter.unlimit(b)
	} else {
		p.bypass(b)
	}
	p.stage.publish(in, b.Len(), b)
}

// bypass asks a processor that is not open what becomes of a batch.
func (p *processor) bypass(b *sdk.Batch) {
	if g, ok := p.impl.(sdk.Bypasser); ok {
		p.filter.limit(b)
		g.Bypass(b)
		p.filter.unlimit(b)
	}
}

// flush lets the processor add what it holds back to the end of b.
func (p *processor) flush(ctx context.Context, now time.Time, final bool, b *sdk.Batch) {
	before := b.Len()
	if !p.ready(ctx) {
		return
	}
	f, ok := p.impl.(sdk.Flusher)
	if !ok {
		return
	}
	p.call(b, func() error { return f.Flush(ctx, now, final, b) })
	if tally := b.Tally(); tally.Added > 0 || len(tally.Drops) > 0 {
		p.stage.publish(0, b.Len()-before, b)
	}
}

// meanwhile says what becomes of metrics.
func (p *processor) meanwhile() string {
	if _, ok := p.impl.(sdk.Bypasser); ok {
		return "; metrics do not pass it by"
	}
	return "; metrics pass it by"
}

func (p *processor) ready(ctx context.Context) bool {
	err := p.open(ctx, processorTimeout)
	if err != nil && !errors.Is(err, errNotDue) {
		p.errs.Add(1)
		p.log.Error("processor cannot start"+p.meanwhile(), "err", err)
	}
	return err == nil
}

// call calls the plugin, and reports whether it did what it should. A panic drops the batch.
func (p *processor) call(b *sdk.Batch, f func() error) (ok bool) {
	err := p.protect(f)
	switch {
	case err == nil:
		p.pause.reset()
	case errors.Is(err, errPanic):
		b.Unlimit()
		for m := range b.All() {
			b.Drop(m, sdk.DropPanic)
		}
	default:
		p.errs.Add(1)
		p.log.Error("processor failed", "err", err)
	}
	return err == nil
}
