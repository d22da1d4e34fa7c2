package ruletest

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/threshold"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// record stands last in the chain of processors and writes down what rules tell of themselves. It
// changes nothing.
type record struct {
	first  int64                    // time of the earliest row that came in
	series map[*sdk.Series]struct{} // of all rows
	events []string                 // the rules that read events
	states map[string]*state
	order  []*state // of first sight
}

// state is how a rule stands for one series, and one window of it.
type state struct {
	rule  string
	tags  []sdk.Tag
	told  []told
	spans []span // made of told by settle
}

type told struct {
	time   int64
	active bool
}

// span is a time in which a rule is active: [from, to).
type span struct{ from, to int64 }

// newRecord returns a record of rules, given with the measurement that each reads.
func newRecord(rules map[string]string) *record {
	r := &record{first: math.MaxInt64, series: make(map[*sdk.Series]struct{}), states: make(map[string]*state)}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if rules[name] == vocabulary.Event {
			r.events = append(r.events, name)
		}
	}
	return r
}

// Process reads a batch. A state that comes from a trace is not of these rules, and is passed over.
func (r *record) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.All() {
		s := m.Series()
		if m.Marks()&sdk.MarkMade == 0 {
			r.first = min(r.first, m.Time())
			if _, seen := r.series[s]; !seen && m.Name() == vocabulary.Event {
				r.event(b, m)
			}
		} else if active, ok := m.Number("active"); ok && m.Name() == vocabulary.Threshold {
			st := r.state(s)
			st.told = append(st.told, told{m.Time(), active != 0})
		}
		r.series[s] = struct{}{}
	}
	return nil
}

// event notes that the rules on events have been evaluated: they tell nothing of an event on which they do not fire.
func (r *record) event(b *sdk.Batch, m *sdk.Metric) {
	for _, rule := range r.events {
		tags := append(slices.Clone(m.Series().Tags()), sdk.Tag{Key: vocabulary.TagRule, Value: rule})
		if s := b.Series(vocabulary.Threshold, tags...); s != nil {
			st := r.state(s)
			st.told = append(st.told, told{m.Time(), false})
		}
	}
}

func (r *record) state(s *sdk.Series) *state {
	key := s.String()
	st := r.states[key]
	if st == nil {
		st = &state{rule: s.Tag(vocabulary.TagRule), tags: slices.Clone(s.Tags())}
		r.states[key] = st
		r.order = append(r.order, st)
	}
	return st
}

// settle makes spans of what was told, in order of time: that a rule has lapsed is told later than it happened.
func (r *record) settle() {
	for _, st := range r.order {
		slices.SortStableFunc(st.told, func(a, b told) int { return cmp.Compare(a.time, b.time) })
		active := false
		for _, t := range st.told {
			switch {
			case t.active && !active:
				st.spans = append(st.spans, span{t.time, math.MaxInt64})
			case !t.active && active:
				st.spans[len(st.spans)-1].to = t.time
			}
			active = t.active
		}
		st.spans = slices.DeleteFunc(st.spans, func(s span) bool { return s.from == s.to })
	}
}

// rules is a threshold processor at the end of whose data time goes on: rules lapse as they do in an
// agent whose GPU has fallen silent.
type rules struct{ *threshold.Threshold }

const (
	day     = 24 * time.Hour
	silence = 100 * 365 * day // longer than any max_gap, and than any window
)

// Flush is called at the end alone, as the samples are recorded ones.
func (r rules) Flush(ctx context.Context, now time.Time, final bool, b *sdk.Batch) error {
	for _, now := range []time.Time{now, now.Add(silence)} {
		if err := r.Threshold.Flush(ctx, now, false, b); err != nil {
			return err
		}
	}
	return r.Threshold.Flush(ctx, now.Add(silence), final, b)
}
