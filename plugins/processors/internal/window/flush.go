package window

import (
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// clock knows when each series was last heard of, by the wall clock. It costs nothing per flush but for
// the series that got samples since the last one.
type clock[F, P any] struct {
	touched    []*row[F, P] // series with samples since the last flush
	check      time.Time    // no series is silent before
	generation uint64       // of the catalog when the table was last searched for series that left
}

func (w *Windows[F, P]) touch(r *row[F, P]) {
	if !r.State.touched {
		r.State.touched = true
		w.touched = append(w.touched, r)
	}
}

// Flush closes the windows of series that have been silent for too long and, when final is set, of all.
// These windows were not seen whole, and say so.
func (w *Windows[F, P]) Flush(now time.Time, final bool, b *sdk.Batch) {
	for _, r := range w.touched {
		r.State.seen, r.State.touched = now, false
	}
	clear(w.touched)
	w.touched = w.touched[:0]
	w.cutLeft(b)
	if !final && now.Before(w.check) {
		return
	}
	w.check = now.Add(w.grid.silence)
	for r := range w.table.All() {
		if !r.State.open {
			continue
		}
		if silent := r.State.seen.Add(w.grid.silence); final || !now.Before(silent) {
			w.cut(b, r)
		} else if silent.Before(w.check) {
			w.check = silent
		}
	}
}

// cutLeft closes the windows of series that have left the catalog, before the table lets go of them:
// with windows longer than the catalog's patience a series can leave before it counts as silent.
func (w *Windows[F, P]) cutLeft(b *sdk.Batch) {
	g := b.Catalog().Generation()
	if g == w.generation {
		return
	}
	w.generation = g
	for r := range w.table.All() {
		if r.State.open && r.Series.Left() {
			w.cut(b, r)
		}
	}
}
