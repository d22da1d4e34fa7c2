package nats

import (
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
)

// tracker counts batches of agents that are missing or incomplete, and messages that came twice.
//
// An agent's queue numbers its batches 1, 2, 3, … within an epoch, and sends one only when the one before is
// confirmed. So they come in order, and a gap in the numbers tells what is missing. A batch that comes again, since a
// hub gave it back, was seen before or is older than all that the tracker remembers. It counts only what it can be sure
// of: where other hubs take a part of the messages there are gaps in the consumer's own numbers, and the tracker
// starts anew.
type tracker struct {
	figures *figures
	agents  map[string]*agent
	last    uint64 // delivery, by the consumer's number
}

// agent is what is known of one agent's queue.
type agent struct {
	epochs [2]uint64 // known, the newer first: two outputs of one agent have one each
	queues [2]sequence
}

// sequence is a queue's.
type sequence struct {
	high   uint64 // the greatest batch seen; 0 for none
	recent []batch
}

// batch is one that came lately.
type batch struct {
	seq   uint64
	parts int
	seen  map[int]struct{}
}

const (
	maxAgents   = 1 << 16
	recentCount = 16 // batches in which a duplicate is recognised
)

func newTracker(f *figures) *tracker {
	return &tracker{figures: f, agents: make(map[string]*agent)}
}

// see takes a message in. meta is nil for one that no stream has kept.
func (t *tracker) see(h nats.Header, meta *jetstream.MsgMetadata) {
	again := false
	if meta != nil {
		if meta.Sequence.Consumer != t.last+1 {
			clear(t.agents)
		}
		t.last = meta.Sequence.Consumer
		again = meta.NumDelivered > 1
	}
	p, ok := natsclient.PartOf(h)
	if !ok {
		return
	}
	t.queue(p).see(p, again, t.figures)
}

// queue returns the state of the queue that p came from.
func (t *tracker) queue(p natsclient.Part) *sequence {
	a := t.agents[p.ID.Agent]
	if a == nil {
		if len(t.agents) >= maxAgents {
			clear(t.agents)
		}
		a = new(agent)
		t.agents[p.ID.Agent] = a
	}
	for i, epoch := range a.epochs {
		if epoch == p.ID.Epoch && a.queues[i].known() {
			return &a.queues[i]
		}
	}
	a.epochs[1], a.queues[1] = a.epochs[0], a.queues[0]
	a.epochs[0], a.queues[0] = p.ID.Epoch, sequence{}
	return &a.queues[0]
}

func (s *sequence) known() bool { return s.high > 0 }

func (s *sequence) see(p natsclient.Part, again bool, f *figures) {
	switch seq := p.ID.Seq; {
	case !s.known(): // what came before nobody knows
		s.high = seq
	case seq > s.high:
		f.missingBatches.Add(float64(seq - s.high - 1))
		if last := s.find(s.high); last != nil {
			f.missingParts.Add(float64(max(last.parts-len(last.seen), 0)))
		}
		s.high = seq
	}
	b := s.find(p.ID.Seq)
	if b == nil {
		if p.ID.Seq < s.high { // older than what is known
			return
		}
		if len(s.recent) == recentCount {
			copy(s.recent, s.recent[1:])
			s.recent = s.recent[:recentCount-1]
		}
		s.recent = append(s.recent, batch{seq: p.ID.Seq, seen: make(map[int]struct{})})
		b = &s.recent[len(s.recent)-1]
	}
	switch {
	case again && b.parts > 0 && p.Parts != b.parts: // of a cut that does not count any more, or was counted
		return
	case p.Parts < b.parts: // an agent that was started anew has cut it into fewer
		clear(b.seen)
	}
	b.parts = p.Parts
	if _, twice := b.seen[p.Part]; twice && !again {
		f.duplicates.Add(1)
	}
	b.seen[p.Part] = struct{}{}
}

func (s *sequence) find(seq uint64) *batch {
	for i := range s.recent {
		if s.recent[i].seq == seq {
			return &s.recent[i]
		}
	}
	return nil
}
