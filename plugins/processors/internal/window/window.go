package window

import (
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Statistics computes the results of windows. F is what it needs to know of a field, P what it keeps of
// a field and a pane; the zero P is an empty pane. The goroutine of [Windows] calls it.
type Statistics[F, P any] interface {
	// Field is called for each gauge and counter, and what it returns is shared by all series that have the
	// field. It returns nil for a field that it does not fold; of such a counter windows still carry the last
	// value along.
	Field(f sdk.Field) *F

	// Fold adds a run of the field f to p. The runs of a pane come in order and without gaps between
	// them. A run without samples comes where the sample before it holds, or f is a counter.
	Fold(f *F, p *P, r *Run)

	// Merge adds a later pane of the same field to p.
	Merge(p, later *P)

	// Emit sets the results of a window.
	Emit(w *Window[F, P])
}

// Windows is the state of a windowing processor: the open windows of all its series.
type Windows[F, P any] struct {
	grid  grid
	stats Statistics[F, P]
	keep  int // rows of a series older than its watermark
	table sdk.Table[series[P], cell[F]]
	known map[sdk.Field]*F
	piece piece
	out   Window[F, P]
	clock[F, P]

	forgotten uint64
}

type row[F, P any] = sdk.TableRow[series[P], cell[F]]

// series is the state of one series.
type series[P any] struct {
	open   bool  // has samples that no result stands for yet
	newest int64 // time of the newest sample
	due    int64 // a sample as new as this closes a window

	line   line
	shapes []shape // of the cells
	plan   plan    // of the last sample's schema
	texts  int     // cells of text
	folded int     // so many rows of the line are in panes
	upto   int64   // the time up to which panes have been folded, or can be no more
	before Sample  // the last row folded; its V means nothing

	panes []pane[P] // pane p at p mod len
	next  int64     // the windows that end with panes before this one have closed
	live  int64     // the newest pane with anything in it
	whole int64     // from this pane on, the line has all rows; older panes cannot be folded anew

	seen    time.Time // when the last sample came, by the wall clock, to 100 ms
	touched bool      // a sample came since the last flush
	results [4]*sdk.Series
}

// cell is the state of one field of a series.
type cell[F any] struct {
	before Sample // the last one folded
	known  *F     // nil: the field is not folded
	text   string // the last one staged
}

// A series that has flood times as many rows as it may keep behind its watermark lets older ones go that are
// newer than that.
const flood = 16

// Rows that a series keeps behind its watermark unless a processor asks for more.
const defaultKeep = 4096

// A time beyond this is none that a GPU was read at; sums of two do not overflow.
const horizon = 1 << 62

// New returns the windows that c describes, empty. keep is the number of samples that a series keeps
// though they are older than its watermark, 0 for as many as late samples usually need; see
// [Window.Values]. The caller has validated c.
func New[F, P any](c *Config, stats Statistics[F, P], keep int) *Windows[F, P] {
	return &Windows[F, P]{grid: c.grid(), stats: stats, known: make(map[sdk.Field]*F), keep: max(keep, defaultKeep)}
}

// Process reads the samples of b and adds the results of the windows that they close. A sample that has
// a finite number, gauge or counter, is read and absorbed, unless it is late, for these windows, whatever it was
// for others before, or of a process: those come and go, and each would have a series of windows to itself.
func (w *Windows[F, P]) Process(b *sdk.Batch) {
	w.cutLeft(b)
	for m := range b.AllSamples() {
		if m.Name() != vocabulary.Process {
			w.observe(b, m)
		}
	}
}

// Forgotten returns how many samples were let go, so far, before their last window closed: [Window.Values]
// lacks them.
func (w *Windows[F, P]) Forgotten() uint64 { return w.forgotten }

func (w *Windows[F, P]) observe(b *sdk.Batch, m *sdk.Metric) {
	r, _ := w.table.Row(m)
	s, t := &r.State, m.Time()
	if t < -horizon || t > horizon || !w.stage(r, m) {
		return
	}
	if !s.open {
		w.start(s, t)
	}
	into := t < s.upto // it belongs between samples that have been folded
	if into && w.late(s, t) || w.far(s, t) {
		if !w.grid.keepLate {
			b.Drop(m, sdk.DropLate)
		}
		return
	}
	b.Absorb(m)
	w.touch(r)
	s.line.commit()
	if into {
		w.refold(r)
	}
	s.newest = max(s.newest, t)
	if s.newest >= s.due {
		w.close(b, r, w.grid.pane(s.newest-w.grid.lateness), false)
	}
	if s.line.len() >= w.keep+pieceRows {
		w.settle(r)
	}
}

// start begins the windows of a series with its first sample.
func (w *Windows[F, P]) start(s *series[P], t int64) {
	s.open, s.newest, s.due = true, t, t
	s.next = w.grid.pane(t-w.grid.lateness) - (w.grid.panes - 1)
	s.whole, s.live = s.next, s.next-w.grid.panes
	s.upto = s.next * w.grid.every
	s.panes = make([]pane[P], w.grid.panes)
	for i := range s.panes {
		s.panes[i].index = noPane
	}
}

// late reports whether a sample comes too late to be put between those that have been folded.
func (w *Windows[F, P]) late(s *series[P], t int64) bool {
	p := w.grid.pane(t)
	return p >= s.next || p < s.whole || p+w.grid.panes <= s.next
}

// far reports whether a sample belongs further back than a series keeps samples for others to be put between:
// to move all that came since out of the way would take longer than to read it. In a flood that stands ahead of
// the pane in progress there is no room for any that does not move time on.
func (w *Windows[F, P]) far(s *series[P], t int64) bool {
	n := s.line.len()
	if n > w.keep && s.line.newer(t, w.keep) {
		return true
	}
	if n < flood*w.keep || t > s.newest {
		return false
	}
	s.line.join()
	return s.line.time(0) >= (s.next+1)*w.grid.every
}

// reset forgets the samples of a series; what comes next is a new start.
func (w *Windows[F, P]) reset(r *row[F, P]) {
	s := &r.State
	s.open, s.folded, s.before = false, 0, Sample{}
	s.line, s.panes = line{}, nil
	for i := range r.Len() {
		r.Cell(i).before = Sample{}
	}
}
