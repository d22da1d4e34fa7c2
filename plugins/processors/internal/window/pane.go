package window

import (
	"math"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// pane is a stretch of a series as long as windows are apart.
type pane[P any] struct {
	index  int64
	filled bool   // has samples, or something held into it
	begin  int64  // when the series began, or came back from a silence, in the pane; noTime if it did not
	before Sample // the last row before the pane
	parts  []part[P]
}

// part is one field of a pane.
type part[P any] struct {
	state P
	last  sdk.Value // of what travels
	has   bool      // there is a last
	in    Sample    // the last sample before the pane; kept where panes may be folded anew
}

const (
	noPane = math.MinInt64
	noTime = math.MinInt64
)

// pieceRows bounds the rows that are folded at once: a piece stays in the processor's first cache while
// its columns are read one by one, and sums of pieces round less than one long sum.
const pieceRows = 128

// pane returns pane p of the series, empty if it is new.
func (w *Windows[F, P]) pane(r *row[F, P], p int64) *pane[P] {
	s := &r.State
	pn := &s.panes[w.slot(p)]
	if pn.index != p {
		clear(pn.parts)
		*pn = pane[P]{index: p, begin: noTime, before: s.before, parts: pn.parts}
		s.upto = p * w.grid.every
		pn.grow(r.Len())
		if w.grid.panes > 1 {
			for c := range pn.parts {
				pn.parts[c].in = r.Cell(c).before
			}
		}
	}
	pn.grow(r.Len())
	return pn
}

func (pn *pane[P]) grow(cells int) {
	if n := cells - len(pn.parts); n > 0 {
		pn.parts = append(pn.parts, make([]part[P], n)...)
	}
}

// fold completes pane p: it adds the rows before end that are in no pane yet, and what holds until then.
func (w *Windows[F, P]) fold(r *row[F, P], p, until int64) {
	s := &r.State
	pn := w.pane(r, p)
	if until < s.upto {
		return
	}
	to := max(s.folded, s.line.search((p+1)*w.grid.every))
	for to-s.folded > pieceRows {
		w.foldPiece(r, pn, pieceRows, s.line.time(s.folded+pieceRows-1), false)
	}
	w.foldPiece(r, pn, to-s.folded, until, true)
}

// refold folds the panes of open windows anew, after a sample has come into one of them.
func (w *Windows[F, P]) refold(r *row[F, P]) {
	s := &r.State
	s.line.join()
	first := max(s.whole, s.next-(w.grid.panes-1))
	oldest := w.pane(r, first)
	s.before = oldest.before
	for c := range r.Len() {
		r.Cell(c).before = Sample{}
		if c < len(oldest.parts) {
			r.Cell(c).before = oldest.parts[c].in
		}
	}
	s.folded = s.line.search(first * w.grid.every)
	for p := first; p < s.next; p++ {
		s.panes[w.slot(p)].index = noPane
		w.fold(r, p, (p+1)*w.grid.every)
	}
}

// settle folds rows of the pane in progress, or lets rows go that have been folded, where a series has
// more than it may keep. Rows newer than the watermark stay, unless there are so many that only a fault or a
// foe can have sent them.
func (w *Windows[F, P]) settle(r *row[F, P]) {
	s := &r.State
	s.line.join()
	last := s.line.time(pieceRows - 1)
	if last > s.newest-w.grid.lateness && (s.line.rows < flood*w.keep || last >= (s.next+1)*w.grid.every) {
		return
	}
	n := min(s.folded, pieceRows)
	if n == 0 {
		n, s.whole = pieceRows, s.next
		w.foldPiece(r, w.pane(r, s.next), n, last, false)
	} else {
		s.whole = w.grid.pane(s.line.time(n-1)) + 1
	}
	w.forgotten += uint64(n)
	s.folded -= n
	s.line.release(n)
}

// piece is the memory for folding a piece.
type piece struct {
	run    Run      // what a statistic is shown
	shared Run      // the timeline of whole rows, which most fields share
	all    []uint64 // the cells that every row has
	alike  bool     // every row has the same cells
	value  [pieceRows]float64
	time   [2][pieceRows]int64
	hold   [2][pieceRows]float64
}

// foldPiece adds the next n rows of the line to the pane, and what they and the rows before them hold
// until the given time; last says that nothing more will come before it.
func (w *Windows[F, P]) foldPiece(r *row[F, P], pn *pane[P], n int, until int64, last bool) {
	s, x := &r.State, &w.piece
	x.shared = Run{From: s.upto, Until: until, Before: s.before, MaxGap: w.grid.maxGap}
	x.readTimes(&s.line, s.folded, n)
	x.shared.measure(x.hold[0][:])
	x.shared.carry()
	if n > 0 || x.shared.Carry > 0 {
		pn.filled, s.live = true, max(s.live, pn.index)
		w.markBegin(pn)
		for c := range r.Len() {
			w.foldCell(r, pn, c, n, last)
		}
	}
	if n > 0 {
		s.before = Sample{T: x.shared.T[n-1], OK: true}
	}
	s.folded += n
	s.upto = until
}

// markBegin notes whether the series begins in the piece, or comes back after a silence.
func (w *Windows[F, P]) markBegin(pn *pane[P]) {
	run := &w.piece.shared
	if len(run.T) == 0 {
		return
	}
	if !run.Before.OK || run.T[0]-run.Before.T > w.grid.lull {
		pn.begin = run.T[0]
	}
	if run.Gap <= w.grid.lull {
		return
	}
	for i, t := range run.T[1:] {
		if t-run.T[i] > w.grid.lull {
			pn.begin = t
		}
	}
}

func (w *Windows[F, P]) foldCell(r *row[F, P], pn *pane[P], c, n int, last bool) {
	s, cell, p := &r.State, r.Cell(c), &pn.parts[c]
	shape := s.shapes[c]
	if shape.role != gauge {
		for i := s.folded + n - 1; i >= s.folded; i-- {
			if s.line.has(i, c) {
				p.last, p.has = s.valueOf(i, c), true
				break
			}
		}
	}
	if cell.known == nil {
		return
	}
	run := w.piece.column(&s.line, s.folded, n, c, shape.typ, cell.before)
	if shape.role == counter && last {
		run.After = s.after(c, s.folded+n, w.grid.maxGap, run)
	}
	if len(run.T) > 0 || run.Carry > 0 || run.After.OK {
		w.stats.Fold(cell.known, &p.state, run)
	}
	if k := len(run.T); k > 0 {
		cell.before = Sample{T: run.T[k-1], V: run.V[k-1], OK: true}
	}
}

// after returns the first reading of cell c in row i or later, if it is near enough to the last one
// before to say anything about the time between.
func (s *series[P]) after(c, i int, maxGap int64, run *Run) Sample {
	last := run.Before
	if k := len(run.T); k > 0 {
		last = Sample{T: run.T[k-1], OK: true}
	}
	for ; last.OK && i < s.line.rows && s.line.time(i)-last.T <= maxGap; i++ {
		if s.line.has(i, c) {
			return Sample{T: s.line.time(i), V: number(s.line.value(i, c), s.shapes[c].typ), OK: true}
		}
	}
	return Sample{}
}
