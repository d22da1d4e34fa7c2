package window

import (
	"math"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// close closes the windows of a series that end with a pane before pane `to`, oldest first. cut says
// that the series ends: its last samples hold no longer than to the newest one.
func (w *Windows[F, P]) close(b *sdk.Batch, r *row[F, P], to int64, cut bool) {
	s := &r.State
	s.line.join()
	for s.next < to {
		if p := w.skip(s, to); p > s.next {
			s.next = p
			continue
		}
		end := (s.next + 1) * w.grid.every
		until := end
		if cut {
			until = min(end, s.newest)
		}
		w.fold(r, s.next, until)
		w.emit(b, r, end, cut)
		s.next++
	}
	s.upto = s.next * w.grid.every
	s.due = s.upto + w.grid.every + w.grid.lateness
	if n := min(s.folded, s.line.search((s.next-(w.grid.panes-1))*w.grid.every)); n > 0 {
		s.folded -= n
		s.line.release(n)
	}
}

// skip returns the pane to go on with: the next one or, where the next windows have nothing in them, one
// from which on the panes matter to a window that has.
func (w *Windows[F, P]) skip(s *series[P], to int64) int64 {
	if s.live > s.next-w.grid.panes || s.before.OK && s.before.T+w.grid.maxGap > s.next*w.grid.every {
		return s.next
	}
	if s.folded < s.line.rows {
		to = min(to, w.grid.pane(s.line.time(s.folded)))
	}
	return max(s.next, to-(w.grid.panes-1))
}

// cut closes all windows of a series that have samples in them: the series has come to an end.
func (w *Windows[F, P]) cut(b *sdk.Batch, r *row[F, P]) {
	w.close(b, r, w.grid.pane(r.State.newest)+w.grid.panes, true)
	w.reset(r)
}

// Window is a window that closes, for [Statistics.Emit].
type Window[F, P any] struct {
	Start, End int64

	batch  *sdk.Batch
	row    *row[F, P]
	parts  []part[P]
	merged []part[P] // memory
	values []float64 // memory
	all    *Windows[F, P]
	seen   int
	metric *sdk.Metric
}

// Len returns the number of the series' fields; those that are not folded are among them.
func (w *Window[F, P]) Len() int { return len(w.parts) }

// Field returns what the statistics know of a field, and its state; nil for a field that is not folded.
func (w *Window[F, P]) Field(i int) (*F, *P) {
	if c := w.row.Cell(i); c.known != nil {
		return c.known, &w.parts[i].state
	}
	return nil, nil
}

// Find returns the index of a field that is folded, or -1.
func (w *Window[F, P]) Find(name string) int {
	for i := range w.parts {
		if w.row.Cell(i).known != nil && w.row.Field(i).Name == name {
			return i
		}
	}
	return -1
}

// Values returns a field's values in the window, in order of time: those that the series still keeps.
// The slice is valid until the next call; the caller may change it.
func (w *Window[F, P]) Values(i int) []float64 {
	s := &w.row.State
	w.values = w.values[:0]
	for k := s.line.search(w.Start); k < s.line.rows && s.line.time(k) < w.End; k++ {
		if s.line.has(k, i) {
			w.values = append(w.values, number(s.line.value(k, i), s.shapes[i].typ))
		}
	}
	return w.values
}

// Set sets a field of the window's result. A number that is not finite is left out.
func (w *Window[F, P]) Set(f sdk.Field, v sdk.Value) {
	if !v.Finite() {
		return
	}
	if w.metric == nil {
		w.metric = w.batch.Add(w.all.result(w.batch, w.row, w.seen), w.End)
		w.metric.SetOrigin(w.row.Series)
	}
	w.metric.Set(f, v)
}

// SetNumber is Set for a number that is to be converted to the field's type. Where rounding to a float64
// has taken an integer past the end of its type, the end is meant.
func (w *Window[F, P]) SetNumber(f sdk.Field, v float64) {
	switch {
	case f.Type == sdk.Int && v >= math.MaxInt64:
		w.Set(f, sdk.IntValue(math.MaxInt64))
	case f.Type == sdk.Uint && v >= math.MaxUint64:
		w.Set(f, sdk.UintValue(math.MaxUint64))
	default:
		w.Set(f, sdk.FloatValue(v))
	}
}

// How much of a window was seen, and the tag part that says so.
const (
	wholeWindow = 0
	head        = 1 // the series began in it, or came back
	tail        = 2 // it was cut by an end
)

var partTags = [...]string{head: "head", tail: "tail", head | tail: "both"}

// emit adds the result of the window that ends at end, whose panes have been folded.
func (w *Windows[F, P]) emit(b *sdk.Batch, r *row[F, P], end int64, cut bool) {
	out := &w.out
	out.Start, out.End, out.batch, out.row, out.metric = end-w.grid.period, end, b, r, nil
	out.all, out.seen = w, wholeWindow
	if cut && end > r.State.newest {
		out.seen = tail
	}
	out.parts = nil
	merging := false
	for p := r.State.next - (w.grid.panes - 1); p <= r.State.next; p++ {
		pn := w.filled(&r.State, p)
		if pn == nil {
			continue
		}
		if pn.begin != noTime && pn.begin > out.Start {
			out.seen |= head
		}
		if w.grid.panes == 1 {
			out.parts = pn.parts
			break
		}
		if !merging {
			merging = true
			out.merged = slices.Grow(out.merged[:0], r.Len())[:r.Len()]
			clear(out.merged)
			out.parts = out.merged
		}
		w.merge(pn.parts)
	}
	if out.parts == nil {
		return
	}
	w.stats.Emit(out)
	for c := range out.parts {
		if out.parts[c].has {
			out.Set(r.Field(c), out.parts[c].last)
		}
	}
}

// filled returns pane p if there is anything in it.
func (w *Windows[F, P]) filled(s *series[P], p int64) *pane[P] {
	pn := &s.panes[w.slot(p)]
	if pn.index != p || !pn.filled {
		return nil
	}
	return pn
}

func (w *Windows[F, P]) merge(parts []part[P]) {
	for c := range parts {
		into, from := &w.out.merged[c], &parts[c]
		if w.out.row.Cell(c).known != nil {
			w.stats.Merge(&into.state, &from.state)
		}
		if from.has {
			into.last, into.has = from.last, true
		}
	}
}

// result returns the series of a result; nil when the catalog is full.
func (w *Windows[F, P]) result(b *sdk.Batch, r *row[F, P], seen int) *sdk.Series {
	s := r.State.results[seen]
	if s == nil || s.Left() {
		tags := []sdk.Tag{{Key: "window", Value: w.grid.label}}
		if seen != wholeWindow {
			tags = append(tags, sdk.Tag{Key: "part", Value: partTags[seen]})
		}
		s = b.Catalog().With(r.Series, tags...)
		r.State.results[seen] = s
	}
	return s
}

// slot returns where pane p stands in a series' ring of panes.
func (w *Windows[F, P]) slot(p int64) int {
	n := w.grid.panes
	return int((p%n + n) % n)
}
