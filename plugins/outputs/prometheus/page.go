package prometheus

import (
	"bytes"
	"math"
	"strconv"
	"sync/atomic"
)

// page is a consistent copy of the values, and the text made of it. It is used again once nobody reads it.
type page struct {
	format  format
	number  uint64 // pages are numbered in the order in which they are begun
	version uint64 // of the snapshot
	at      int64  // when it was begun
	readers atomic.Int32

	parts  []part
	values []float64
	text   []byte

	packed   bytes.Buffer // the text packed by gzip, once somebody asks for it
	isPacked bool
}

// part is a family on a page; its values follow those of the part before.
type part struct {
	head    string
	name    string
	labels  []string // of each line
	counter bool
}

// copyFrom copies what the store holds now. The caller holds the store's lock; labels are shared, since
// they never change.
func (pg *page) copyFrom(s *store, f format, now int64) {
	pg.format, pg.at, pg.isPacked = f, now, false
	s.sweep(now)
	for _, h := range s.holds {
		h.show(now, s.hold)
	}
	pg.parts, pg.values = pg.parts[:0], pg.values[:0]
	for _, family := range s.families {
		pg.parts = append(pg.parts, part{s.head(family, f), family.name, family.labels, family.kind == counter})
		pg.values = append(pg.values, family.values...)
	}
}

// render writes the copy as text.
func (pg *page) render() {
	text := pg.text[:0]
	values := pg.values
	for _, p := range pg.parts {
		text = append(text, p.head...)
		skipNaN := p.counter && pg.format == openMetrics // which has no such counters
		for i, labels := range p.labels {
			if skipNaN && math.IsNaN(values[i]) {
				continue
			}
			text = append(append(text, p.name...), labels...)
			text = append(appendNumber(text, values[i]), '\n')
		}
		values = values[len(p.labels):]
	}
	pg.text = text
}

// appendNumber writes whole numbers and times without an exponent: the page is read by people, too.
func appendNumber(dst []byte, v float64) []byte {
	switch {
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.AppendInt(dst, int64(v), 10)
	case math.IsInf(v, 1):
		return append(dst, "+Inf"...)
	case math.Abs(v) >= 1e-6 && math.Abs(v) < 1e15:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
