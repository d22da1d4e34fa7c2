package pipeline

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Flow counts the metrics that passed a stage. In + Made = Out + Merged + Filtered + dropped,
// always: a stage publishes its flow as one value, at the end of a batch.
type Flow struct {
	In       uint64 // taken over from the stage before; of an input, read
	Made     uint64 // by a processor
	Out      uint64 // handed on
	Merged   uint64 // became part of another
	Filtered uint64 // left out because a filter of the plan says so
	Drops    []sdk.Drop
	Absorbed uint64 // marked as read by a window; counted again in each output that leaves them out
	Conflict uint64 // fields that two merged metrics gave different values
}

// Dropped returns the sum over all reasons.
func (f *Flow) Dropped() uint64 { return sumDrops(f.Drops) }

// Balanced reports whether the sums hold.
func (f *Flow) Balanced() bool {
	return f.In+f.Made == f.Out+f.Merged+f.Filtered+f.Dropped()
}

func (f *Flow) String() string {
	return fmt.Sprintf("in=%d made=%d out=%d merged=%d filtered=%d dropped=%d",
		f.In, f.Made, f.Out, f.Merged, f.Filtered, f.Dropped())
}

// The roles of stages.
const (
	roleInput     = "input"
	roleProcessor = "processor"
	roleMerge     = "merge"
)

// plus adds the counts of g.
func (f *Flow) plus(g *Flow) {
	f.In += g.In
	f.Made += g.Made
	f.Out += g.Out
	f.Merged += g.Merged
	f.Filtered += g.Filtered
	f.Absorbed += g.Absorbed
	f.Conflict += g.Conflict
	f.Drops = plusDrops(f.Drops, g.Drops)
}

func sumDrops(drops []sdk.Drop) uint64 {
	sum := sdk.Tally{Drops: drops}
	return sum.Dropped()
}

func plusDrops(drops, more []sdk.Drop) []sdk.Drop {
	sum := sdk.Tally{Drops: drops}
	for _, d := range more {
		sum.AddDrops(d.Reason, d.Count)
	}
	return sum.Drops
}

// stage counts what passes one part of a pipeline. The goroutine that runs the part publishes once a batch, so
// that whoever reads sees sums that hold.
type stage struct {
	role string // roleInput, roleProcessor or roleMerge
	name string // as in logs

	mu    sync.Mutex
	tally sdk.Tally // Added is what an input has read, and what others have made
	in    uint64
	out   uint64
	taken uint64 // of an input: how much of out the chain has received
}

// publish adds the tally of a batch, and its number of rows before and behind the stage.
func (s *stage) publish(in, out int, b *sdk.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.TakeTally(&s.tally)
	s.in += uint64(in)
	s.out += uint64(out)
}

// take counts n rows that the chain has received from an input.
func (s *stage) take(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken += uint64(n)
}

// passed returns how many rows the stage after this one has received.
func (s *stage) passed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.role == roleInput {
		return s.taken
	}
	return s.out
}

// line returns the stage's line of the ledger.
func (s *stage) line() StageFlow { return StageFlow{Role: s.role, Name: s.name, Flow: s.load()} }

func (s *stage) load() Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Flow{
		In: s.in, Made: s.tally.Added, Out: s.out,
		Merged: s.tally.Merged, Filtered: s.tally.Filtered, Drops: slices.Clone(s.tally.Drops),
		Absorbed: s.tally.Absorbed, Conflict: s.tally.Conflict,
	}
	if s.role == roleInput {
		f.In, f.Made = s.tally.Added, 0
	}
	return f
}

// retract takes n rows back that were published as handed on: they are dropped because the agent ends.
func (s *stage) retract(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out -= uint64(n)
	s.tally.AddDrops(sdk.DropShutdown, uint64(n))
}
