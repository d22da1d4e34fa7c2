package pipeline

import (
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// pool keeps empty batches, with the memory that they have grown to.
type pool struct {
	catalog *sdk.Catalog
	mu      sync.Mutex
	free    []*sdk.Batch
}

// The pool keeps no more batches than are on their way at once in a busy agent.
const pooled = 8

func (p *pool) get() *sdk.Batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return sdk.NewBatch(p.catalog)
}

func (p *pool) put(b *sdk.Batch) {
	b.Reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < pooled {
		p.free = append(p.free, b)
	}
}
