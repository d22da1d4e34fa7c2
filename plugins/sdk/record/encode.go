package record

import (
	"encoding/binary"
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// encoder is the scratch memory of one Append.
type encoder struct {
	body    []byte // what follows the strings
	strings dictionary[string]
	series  dictionary[*sdk.Series]
	notes   dictionary[*sdk.Annotations]
	shapes  dictionary[shape]
	rows    []*sdk.Metric
	entries []entry
	byShape [][]*sdk.Metric
}

// shape is what rows have in common whose values stand in the same columns.
type shape struct {
	schema *sdk.Schema
	mask   *sdk.Mask
}

// entry holds a row's entries in the columns of indices.
type entry struct{ shape, series, notes, origin int }

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// encode appends the payload for b and returns the number of rows in it.
func encode(dst []byte, b *sdk.Batch) ([]byte, int) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	defer e.reset()
	for m := range b.Rows() {
		e.take(m)
	}
	e.writeSeries()
	e.writeSchemas()
	e.writeRows()
	e.writeValues()

	dst = appendString(dst, b.ID.Agent)
	dst = binary.AppendUvarint(dst, b.ID.Epoch)
	dst = binary.AppendUvarint(dst, b.ID.Seq)
	dst = appendTally(dst, b.Tally())
	dst = binary.AppendUvarint(dst, uint64(len(e.strings.all)))
	for _, s := range e.strings.all {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	for _, s := range e.strings.all {
		dst = append(dst, s...)
	}
	return append(dst, e.body...), len(e.rows)
}

func appendTally(dst []byte, y *sdk.Tally) []byte {
	for _, n := range [...]uint64{y.Added, y.Absorbed, y.Filtered, y.Merged, y.Conflict, uint64(len(y.Drops))} {
		dst = binary.AppendUvarint(dst, n)
	}
	for _, d := range y.Drops {
		dst = binary.AppendUvarint(appendString(dst, string(d.Reason)), d.Count)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// take notes a row and numbers what it refers to.
func (e *encoder) take(m *sdk.Metric) {
	n := entry{
		shape:  e.shapes.number(shape{m.Schema(), m.Mask()}),
		series: e.series.number(m.Series()),
	}
	if a := m.Annotations(); a != nil {
		n.notes = e.notes.number(a) + 1
	}
	if o := m.Origin(); o != m.Series() {
		n.origin = e.series.number(o) + 1
	}
	if n.shape == len(e.byShape) {
		if cap(e.byShape) > len(e.byShape) {
			e.byShape = e.byShape[:n.shape+1]
		} else {
			e.byShape = append(e.byShape, nil)
		}
	}
	e.byShape[n.shape] = append(e.byShape[n.shape], m)
	e.rows, e.entries = append(e.rows, m), append(e.entries, n)
}

func (e *encoder) number(n int) { e.body = binary.AppendUvarint(e.body, uint64(n)) }

func (e *encoder) string(s string) { e.number(e.strings.number(s)) }

func (e *encoder) tags(tags []sdk.Tag) {
	e.number(len(tags))
	for i := range tags {
		e.string(tags[i].Key)
		e.string(tags[i].Value)
	}
}

func (e *encoder) writeSeries() {
	e.number(len(e.series.all))
	for _, s := range e.series.all {
		e.string(s.Name())
		e.tags(s.Tags())
	}
	e.number(len(e.notes.all))
	for _, a := range e.notes.all {
		e.tags(a.Tags())
	}
}

func (e *encoder) writeSchemas() {
	e.number(len(e.shapes.all))
	for _, s := range e.shapes.all {
		fields := s.schema.Fields()
		e.number(len(fields))
		for _, f := range fields {
			e.string(f.Name)
			e.string(string(f.Unit))
			e.body = append(e.body, byte(f.Type)|byte(f.Kind)<<4)
		}
		if s.mask == nil {
			e.body = append(e.body, 0)
			continue
		}
		e.body = append(e.body, 1)
		e.bits(len(fields), s.mask.Hides)
	}
}

func (e *encoder) writeRows() {
	e.runs(func(i int) int { return e.entries[i].shape })
	for i := range e.entries {
		e.number(e.entries[i].series)
	}
	before := int64(0)
	for _, m := range e.rows {
		e.body = binary.AppendVarint(e.body, m.Time()-before)
		before = m.Time()
	}
	e.runs(func(i int) int { return int(e.rows[i].Class()) | int(e.rows[i].Marks())<<2 })
	e.runs(func(i int) int { return e.entries[i].notes })
	e.runs(func(i int) int { return e.entries[i].origin })
}

// runs writes a column of which neighbours are often equal.
func (e *encoder) runs(at func(i int) int) {
	for i := 0; i < len(e.rows); {
		v, from := at(i), i
		for i++; i < len(e.rows) && at(i) == v; i++ {
		}
		e.number(i - from)
		e.number(v)
	}
}

func (e *encoder) writeValues() {
	for i, s := range e.shapes.all {
		for slot, f := range s.schema.Fields() {
			e.column(e.byShape[i], slot, f.Type)
		}
	}
}

func (e *encoder) column(rows []*sdk.Metric, slot int, t sdk.Type) {
	switch t {
	case sdk.Float:
		for _, m := range rows {
			e.body = binary.LittleEndian.AppendUint64(e.body, m.Bits()[slot])
		}
	case sdk.Bool:
		e.bits(len(rows), func(i int) bool { return rows[i].Bits()[slot] != 0 })
	case sdk.String:
		for _, m := range rows {
			e.string(m.Value(slot).Text())
		}
	default:
		before := int64(0)
		for _, m := range rows {
			v := int64(m.Bits()[slot])
			e.body = binary.AppendVarint(e.body, v-before)
			before = v
		}
	}
}

func (e *encoder) bits(n int, at func(i int) bool) {
	for i := 0; i < n; i += 8 {
		var packed byte
		for j := i; j < min(i+8, n); j++ {
			if at(j) {
				packed |= 1 << (j - i)
			}
		}
		e.body = append(e.body, packed)
	}
}

// reset empties the encoder, and lets go of what belongs to the batch.
func (e *encoder) reset() {
	e.body = e.body[:0]
	e.strings.reset()
	e.series.reset()
	e.notes.reset()
	e.shapes.reset()
	for i := range e.byShape {
		clear(e.byShape[i])
		e.byShape[i] = e.byShape[i][:0]
	}
	clear(e.rows)
	e.byShape, e.rows, e.entries = e.byShape[:0], e.rows[:0], e.entries[:0]
}

// dictionary numbers what it is given in order of first sight.
type dictionary[K comparable] struct {
	index map[K]int
	all   []K
}

func (d *dictionary[K]) number(k K) int {
	if n := len(d.all); n > 0 && d.all[n-1] == k {
		return n - 1
	}
	if i, ok := d.index[k]; ok {
		return i
	}
	if d.index == nil {
		d.index = make(map[K]int)
	}
	n := len(d.all)
	d.index[k] = n
	d.all = append(d.all, k)
	return n
}

func (d *dictionary[K]) reset() {
	clear(d.index)
	clear(d.all)
	d.all = d.all[:0]
}
