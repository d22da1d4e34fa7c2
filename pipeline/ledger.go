package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Ledger accounts for every metric that an agent has read or made. Taken while the agent runs, it is
// exact for each stage; at rest it is exact from end to end.
type Ledger struct {
	Stages  []StageFlow
	Outputs []OutputFlow
	links   []linkFlow

	stages, outputs int // how many of Stages and Outputs are at work; those behind were ended by reloads
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

// linkFlow is what passed between two stages.
type linkFlow struct {
	to      string
	out, in uint64
}

// StageFlow is the flow of one stage.
type StageFlow struct {
	Role string // "input", "processor", "merge"
	Name string
	Flow
}

// OutputFlow is what became of the metrics that reached an output:
// Offered + Recovered = Absorbed + Filtered + dropped + Delivered + DeadLettered + Queued.
type OutputFlow struct {
	Name         string
	Offered      uint64
	Recovered    uint64 // found in its queue on disk at the start
	Absorbed     uint64 // left out: a window has read them
	Filtered     uint64
	Delivered    uint64
	DeadLettered uint64
	Drops        []sdk.Drop
	Queued       uint64
	QueuedBytes  uint64

	OnDisk       bool   // the queue is on disk, and these are about that:
	Volatile     uint64 // of Queued, those that a crash would lose
	QueueFaults  uint64 // times that the disk refused
	CorruptFiles uint64 // put aside
}

// Dropped returns the sum over all reasons.
func (f *OutputFlow) Dropped() uint64 { return sumDrops(f.Drops) }

// droppedFor returns how many were dropped for a reason.
func (f *OutputFlow) droppedFor(reason sdk.Reason) uint64 {
	for _, d := range f.Drops {
		if d.Reason == reason {
			return d.Count
		}
	}
	return 0
}

// Check returns an error that names each stage and each connection whose sums do not hold. It is meant
// for an agent at rest; while one runs, metrics are on their way between stages.
func (l *Ledger) Check() error {
	var errs []error
	for i := range l.Stages {
		s := &l.Stages[i]
		if !s.Balanced() {
			errs = append(errs, fmt.Errorf("%s %s: %v", s.Role, s.Name, &s.Flow))
		}
	}
	for i := range l.Outputs {
		o := &l.Outputs[i]
		if o.Offered+o.Recovered != o.Absorbed+o.Filtered+o.Dropped()+o.Delivered+o.DeadLettered+o.Queued {
			errs = append(errs, fmt.Errorf("output %s: %+v", o.Name, *o))
		}
	}
	for _, k := range l.links {
		if k.in != k.out {
			errs = append(errs, fmt.Errorf("%s took %d of %d metrics handed to it", k.to, k.in, k.out))
		}
	}
	return errors.Join(errs...)
}

// String returns the ledger as one line. What merged into another metric is not counted as made, so
// that with one output read + made + recovered = absorbed + delivered + dropped + queued, plus filtered and
// dead_lettered where they are shown; recovered, too, is shown where there is any.
func (l *Ledger) String() string {
	var read, made, merged, recovered, absorbed, delivered, dead, dropped, filtered, queued uint64
	for i := range l.Stages {
		s := &l.Stages[i]
		if s.Role == roleInput {
			read += s.In
		}
		made += s.Made
		merged += s.Merged
		dropped += s.Dropped()
		filtered += s.Filtered
	}
	for i := range l.Outputs {
		o := &l.Outputs[i]
		recovered += o.Recovered
		absorbed += o.Absorbed
		delivered += o.Delivered
		dead += o.DeadLettered
		dropped += o.Dropped()
		filtered += o.Filtered
		queued += o.Queued
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ledger read=%d made=%d", read, made-merged)
	if recovered > 0 {
		fmt.Fprintf(&b, " recovered=%d", recovered)
	}
	fmt.Fprintf(&b, " absorbed=%d delivered=%d dropped=%d", absorbed, delivered, dropped)
	if filtered > 0 {
		fmt.Fprintf(&b, " filtered=%d", filtered)
	}
	if dead > 0 {
		fmt.Fprintf(&b, " dead_lettered=%d", dead)
	}
	balance := "ok"
	if l.Check() != nil {
		balance = "off"
	}
	fmt.Fprintf(&b, " queued=%d balance=%s", queued, balance)
	return b.String()
}

// addStage adds a flow to that of the same role and name: an instance that a reload has replaced and its
// successor are one line of the ledger.
func (l *Ledger) addStage(f StageFlow) {
	for i := range l.Stages {
		if l.Stages[i].Role == f.Role && l.Stages[i].Name == f.Name {
			l.Stages[i].Drops = slices.Clone(l.Stages[i].Drops)
			l.Stages[i].plus(&f.Flow)
			return
		}
	}
	l.Stages = append(l.Stages, f)
}

// addOutput does the same for outputs.
func (l *Ledger) addOutput(f OutputFlow) {
	for i := range l.Outputs {
		if o := &l.Outputs[i]; o.Name == f.Name {
			o.Offered += f.Offered
			o.Recovered += f.Recovered
			o.Absorbed += f.Absorbed
			o.Filtered += f.Filtered
			o.Delivered += f.Delivered
			o.DeadLettered += f.DeadLettered
			o.Drops = plusDrops(slices.Clone(o.Drops), f.Drops)
			o.Queued += f.Queued
			o.QueuedBytes += f.QueuedBytes
			o.OnDisk = o.OnDisk || f.OnDisk
			o.Volatile += f.Volatile
			o.QueueFaults += f.QueueFaults
			o.CorruptFiles += f.CorruptFiles
			return
		}
	}
	l.Outputs = append(l.Outputs, f)
}
