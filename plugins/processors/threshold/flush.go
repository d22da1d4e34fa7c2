package threshold

import (
	"context"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// clock knows when each subject was last heard of, by the wall clock. It costs nothing per flush but for
// the subjects that told something since the last one.
type clock struct {
	touched    []*subject
	check      time.Time // no subject is silent before
	generation uint64    // of the catalog when subjects were last swept
}

func (c *clock) touch(s *subject) {
	if !s.touched {
		s.touched = true
		c.touched = append(c.touched, s)
	}
}

// Flush resets the rules of subjects that have been silent for max_gap. At the end it adds nothing: the
// state of a rule is not over because nobody looks any more.
func (p *Threshold) Flush(_ context.Context, now time.Time, final bool, b *sdk.Batch) error {
	if final {
		return nil
	}
	p.enter(b)
	c := &p.clock
	for _, s := range c.touched {
		s.seen, s.touched = now, false
	}
	clear(c.touched)
	c.touched = c.touched[:0]
	if now.Before(c.check) {
		return nil
	}
	c.check = now.Add(time.Duration(p.maxGap))
	for _, s := range p.order {
		if s.seen.IsZero() {
			continue
		}
		if silent := s.seen.Add(time.Duration(s.gap)); !now.Before(silent) {
			p.end(b, s)
			s.forget()
			s.seen = time.Time{}
		} else if silent.Before(c.check) {
			c.check = silent
		}
	}
	return nil
}

// end resets the rules of a subject of which nothing more is heard.
func (p *Threshold) end(b *sdk.Batch, s *subject) {
	for i := range s.states {
		st := &s.states[i]
		if s.lapse(st, horizon) {
			p.changed(b, s, st, st.expires, s.lapsedMessage(st))
		}
	}
}

// sweep lets the subjects go whose series left the catalog.
func (p *Threshold) sweep(b *sdk.Batch) {
	g := p.catalog.Generation()
	if g == p.clock.generation {
		return
	}
	p.clock.generation = g
	p.order = slices.DeleteFunc(p.order, func(s *subject) bool {
		if !s.series.Left() {
			return false
		}
		p.end(b, s)
		s.gone = true
		delete(p.subjects, s.identity)
		return true
	})
}
