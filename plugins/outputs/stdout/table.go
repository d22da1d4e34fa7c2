package stdout

import (
	"bytes"
	"iter"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// table draws a board now and then: in place on a terminal, as blocks of lines elsewhere.
type table struct {
	board   *board
	screen  screen
	refresh time.Duration // 0: as suits the screen
	now     func() time.Time
	totals  func() iter.Seq[sdk.Total]
	served  func() []string

	drawn   time.Time // last
	width   int       // then
	pending bool      // results came that were not drawn
	since   time.Time // when the first of them came
	dirty   bool      // anything came that was not drawn
	blocks  int       // written
	headed  int       // the block that was the last with a heading
	columns []column  // under it
	events  uint64    // the last one written

	costAt time.Time
	cpu    float64 // the agent's, at costAt, in seconds
}

const (
	terminalRefresh = 250 * time.Millisecond
	blockRefresh    = 10 * time.Second       // where nothing but samples come
	windowRefresh   = time.Second            // where results come
	gathering       = 300 * time.Millisecond // results of one window may come in several batches
	headingEvery    = 20                     // blocks, while the columns stay as they are
)

func newTable(refresh time.Duration, s screen) *table {
	return &table{board: newBoard(), screen: s, refresh: refresh, now: time.Now}
}

func (t *table) open(env *sdk.Env) {
	t.now, t.totals, t.served, t.board.host = env.Now, env.Totals, env.Served, env.Host
}

func (t *table) take(b *sdk.Batch) {
	if b.Len() == 0 {
		return
	}
	now := t.now()
	t.board.take(b, now)
	t.dirty = true
	if t.board.results && !t.pending {
		t.pending, t.since = true, now
	}
}

// due appends a drawing to dst if it is time for one.
func (t *table) due(dst []byte) []byte {
	now := t.now()
	if !t.dirty || !t.ripe(now) {
		return dst
	}
	return t.draw(dst, now)
}

func (t *table) ripe(now time.Time) bool {
	age := now.Sub(t.drawn)
	switch {
	case t.screen.terminal:
		return age >= max(t.refresh, terminalRefresh)
	case t.refresh > 0:
		return age >= t.refresh
	case t.pending:
		return age >= windowRefresh && (t.board.complete() || now.Sub(t.since) >= gathering)
	}
	return age >= blockRefresh && !t.board.windowed()
}

// end appends what is to stay on the screen.
func (t *table) end(dst []byte) []byte {
	if t.dirty {
		dst = t.draw(dst, t.now())
	}
	if t.screen.terminal && !t.drawn.IsZero() {
		dst = append(dst, '\n')
	}
	return dst
}

const (
	home      = "\x1b[H"
	clearAll  = "\x1b[2J"
	clearLine = "\x1b[K"
	clearDown = "\x1b[J"
)

func (t *table) draw(dst []byte, now time.Time) []byte {
	t.account(now)
	width, height := t.screen.measure()
	resized := width != t.width
	t.drawn, t.width, t.pending, t.dirty = now, width, false, false
	if !t.screen.terminal {
		v := view{width: width, brief: !t.heading(layOut(t.board, width)), after: t.events}
		t.blocks++
		t.events = t.board.heard
		dst = append(dst, render(t.board, v, now)...)
		return append(dst, '\n')
	}
	// The last column stays free: at the edge a terminal would clear what it has just written.
	text := render(t.board, view{width: max(width-1, 1), height: height - 1, colour: t.screen.colour}, now)
	dst = append(dst, home...)
	if resized {
		dst = append(dst, clearAll...)
	}
	for line := range bytes.Lines(text) {
		dst = append(append(append(dst, bytes.TrimSuffix(line, []byte("\n"))...), clearLine...), '\n')
	}
	return append(dst, clearDown...)
}

// heading reports whether the next block needs one: for the first time, for columns that stand elsewhere than
// under the last one, and now and then for somebody who looks in later.
func (t *table) heading(columns []column) bool {
	same := slices.EqualFunc(t.columns, columns, func(a, b column) bool {
		return a.group == b.group && a.title == b.title && a.start == b.start
	})
	if same && t.blocks > 0 && t.blocks-t.headed < headingEvery {
		return false
	}
	t.columns, t.headed = columns, t.blocks
	return true
}

// account finds out what the agent itself costs, its child processes included, by its own figures, and what
// it serves.
func (t *table) account(now time.Time) {
	if t.served != nil {
		t.board.served = t.served()
	}
	if t.totals == nil {
		return
	}
	elapsed := now.Sub(t.costAt)
	if !t.costAt.IsZero() && elapsed < time.Second {
		return
	}
	cpu, resident := absent, absent
	for total := range t.totals() {
		switch total.Name {
		case "gpuline_cpu_seconds_total", "gpuline_child_cpu_seconds_total":
			cpu = plus(cpu, total.Value)
		case "gpuline_resident_bytes", "gpuline_child_resident_bytes":
			resident = plus(resident, total.Value)
		}
	}
	if !t.costAt.IsZero() && has(cpu) {
		t.board.cpu = (cpu - t.cpu) / elapsed.Seconds()
	}
	t.cpu, t.costAt, t.board.resident = cpu, now, resident
}

// plus adds to a sum that may be absent.
func plus(sum, v float64) float64 {
	if !has(sum) {
		return v
	}
	return sum + v
}
