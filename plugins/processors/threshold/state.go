package threshold

import (
	"math"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// state is what a rule knows of a subject.
type state struct {
	rule    *rule
	active  bool
	pending bool  // the condition of an inactive one has become true
	since   int64 // of a pending one: when that was
	live    bool  // it has been evaluated, and no gap came since
	expires int64 // of a live one: when the oldest value that it read becomes too old
	clock   int64 // of a live one: the newest instant that it was evaluated at

	changes []int64 // when active changed, oldest first; the newest few
	stated  int64   // when the state was last told, or noTime
	series  *sdk.Series
}

const (
	noTime = math.MinInt64

	// Times beyond this are none that a GPU was read at; sums of two do not overflow.
	horizon = 1 << 62

	// A rule remembers so many changes for results that come after them.
	maxChanges = 256
)

// change is what a row did to a rule.
type change uint8

const (
	nothing   change = iota
	evaluated        // and left as it is
	fired
	cleared
)

// lapse resets a rule whose values are too old at the time now. It reports whether the rule was active.
func (s *subject) lapse(st *state, now int64) bool {
	if !st.live || now <= st.expires {
		return false
	}
	st.live, st.pending = false, false
	if !st.active {
		return false
	}
	s.flip(st, st.expires)
	return true
}

// step evaluates a rule after a row at t has been taken. stack is memory.
func (s *subject) step(st *state, t int64, stack []float64) change {
	oldest, fresh, fields := t, false, false
	for _, i := range st.rule.cells {
		c := &s.cells[i]
		switch {
		case c.constant:
			continue
		case !c.has || c.time > t:
			return nothing
		}
		fields = true
		fresh = fresh || c.row == s.rows
		oldest = min(oldest, c.time)
	}
	if fields && !fresh || st.live && t < st.clock || t-oldest > s.gap || s.result && oldest != t {
		return nothing
	}
	program, inverted := &st.rule.when, false
	if st.active {
		if st.rule.clear.code == nil {
			inverted = true
		} else {
			program = &st.rule.clear
		}
	}
	verdict := program.run(s.cells, stack)
	if verdict == undefined {
		return nothing
	}
	st.live, st.clock, st.expires = true, t, oldest+s.gap
	if (verdict == yes) == inverted {
		st.pending = false
		return evaluated
	}
	if st.active {
		st.pending = false
		s.flip(st, t)
		return cleared
	}
	if !st.pending {
		st.pending, st.since = true, t
	}
	if t-st.since < st.rule.hold {
		return evaluated
	}
	s.flip(st, t)
	return fired
}

// flip changes whether the rule is active.
func (s *subject) flip(st *state, t int64) {
	st.active = !st.active
	if len(st.changes) == maxChanges {
		st.changes = slices.Delete(st.changes, 0, maxChanges/2)
	}
	st.changes = append(st.changes, t)
	s.changed = max(s.changed, t)
	s.active.put(st.rule.index, st.active)
}

// activeAt reports whether the rule was active at t.
func (st *state) activeAt(t int64) bool {
	active := st.active
	for i := len(st.changes) - 1; i >= 0 && st.changes[i] > t; i-- {
		active = !active
	}
	return active
}
