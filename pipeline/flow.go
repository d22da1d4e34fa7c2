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

// stage is a Flow with one owner, who changes flow and publishes it, and any number of readers.
type stage struct {
	role  string // roleInput, roleProcessor or roleMerge
	name  string // as in logs
	flow  sdk.Tally
	in    uint64
	out   uint64
	made  bool // what the tally calls added was made here, not read
	mu    sync.Mutex
	state Flow
	taken uint64 // of an input: what of Out the chain has received
}

// publish makes the counts of t and the numbers of rows in and out visible.
func (s *stage) publish(in, out int, b *sdk.Batch) {
	b.TakeTally(&s.flow)
	s.in += uint64(in)
	s.out += uint64(out)
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.state
	f.In, f.Made = s.in, s.flow.Added
	if !s.made {
		f.In, f.Made = s.flow.Added, 0
	}
	f.Out, f.Merged, f.Filtered = s.out, s.flow.Merged, s.flow.Filtered
	f.Absorbed, f.Conflict = s.flow.Absorbed, s.flow.Conflict
	f.Drops = append(f.Drops[:0], s.flow.Drops...)
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
	return s.state.Out
}

// line returns the stage's line of the ledger.
func (s *stage) line() StageFlow { return StageFlow{Role: s.role, Name: s.name, Flow: s.load()} }

func (s *stage) load() Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.state
	f.Drops = slices.Clone(f.Drops)
	return f
}

// retract takes n rows back that were published as handed on: they are dropped because the agent ends.
func (s *stage) retract(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out -= uint64(n)
	s.flow.AddDrops(sdk.DropShutdown, uint64(n))
	s.state.Out = s.out
	s.state.Drops = append(s.state.Drops[:0], s.flow.Drops...)
}
