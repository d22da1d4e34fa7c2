package pipeline

import (
	"sync"

	"github.com/gpuline/gpuline/pipeline/queue"
)

// intake is what has reached an output, with the queue that holds it. A queue on disk belongs to its
// folder: where a reload replaces the output, the one that follows takes over the intake with all that it
// has counted.
type intake struct {
	queue queue.Queue
	path  string // of a queue on disk

	mu       sync.Mutex
	owner    *output
	absorbed uint64
	filtered uint64
}

// handOver makes o the owner, and returns who was.
func (i *intake) handOver(o *output) (before *output) {
	i.mu.Lock()
	defer i.mu.Unlock()
	before, i.owner = i.owner, o
	return before
}

func (i *intake) owns(o *output) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.owner == o
}

// intake gives an output its intake: that of the folder that the plan names, where old has it, or a new
// one.
func (a *assembly) intake(o *output) {
	p, planned := a.pipeline, &o.plan.Queue
	if planned.Disk == "" {
		o.intake = &intake{owner: o, queue: queue.NewMemory(p.catalog, o.limits(), a.graph.host)}
		return
	}
	path := queue.Canonical(planned.Disk)
	if a.old != nil {
		for _, before := range a.old.outputs {
			if before.intake.path == path && !before.ended.Load() {
				o.intake, o.after = before.intake, before.done
				return
			}
		}
	}
	o.intake = &intake{owner: o, path: path, queue: queue.NewDisk(p.catalog, path, o.limits(), a.graph.host, o.log)}
}

// limits returns the bounds of the output's queue.
func (o *output) limits() queue.Limits {
	return queue.Limits{
		MaxBytes:      int(o.plan.Queue.MaxBytes),
		MaxAge:        o.plan.Queue.MaxAge,
		BatchSize:     o.plan.BatchSize,
		FlushInterval: o.plan.FlushInterval,
		FlushPhase:    phase(o.env.Host, o.name, o.plan.FlushInterval),
		KeepOldest:    o.plan.Queue.WhenFull == DropNewest || o.plan.Queue.WhenFull == Block,
	}
}
