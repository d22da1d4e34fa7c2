package record

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// decoder is the scratch memory of one Decode. It reads all of a payload before it touches the batch.
type decoder struct {
	source
	strings []string
	series  []*sdk.Series // nil for one that does not fit into the catalog
	notes   []*sdk.Annotations
	shapes  []shape
	counts  []int // rows of each shape
	rows    []row
	values  []uint64 // columns, one behind the other
	columns []int    // where in values the columns of each shape start
	tags    []sdk.Tag
	tally   sdk.Tally
	id      sdk.BatchID
	names   names
	text    string // of all strings of the frame before
}

// row is what the columns of rows say of one row.
type row struct {
	shape, series, notes, origin uint32
	state                        uint32
	time                         int64
}

// No row is described by fewer bytes: its series and its time.
const leastRow = 2

// A decoder at rest keeps so much of the frame before.
const longestKept = 64 << 10

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// decode reads a payload of so many rows into b, or says what is wrong with it.
func decode(payload []byte, rows int, b *sdk.Batch) error {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	defer d.reset()
	d.source = source{rest: payload}
	if rows > len(payload)/leastRow {
		return fmt.Errorf("%w: %d rows in %d bytes", ErrCorrupt, rows, len(payload))
	}
	d.readHead()
	d.readStrings()
	d.readSeries(b.Catalog())
	d.readSchemas(b.Catalog())
	d.readRows(rows)
	d.readValues()
	if d.err == nil && len(d.rest) > 0 {
		d.fail("bytes left over")
	}
	if d.err != nil {
		return d.err
	}
	d.deliver(b)
	return nil
}

func (d *decoder) readHead() {
	d.id = sdk.BatchID{Agent: d.string(), Epoch: d.number(), Seq: d.number()}
	d.tally.Added = d.number()
	d.tally.Absorbed = d.number()
	d.tally.Filtered = d.number()
	d.tally.Merged = d.number()
	d.tally.Conflict = d.number()
	for range d.count(2) {
		reason := sdk.Reason(d.string())
		d.tally.AddDrops(reason, d.number())
	}
}

func (d *decoder) readStrings() {
	n := d.count(1)
	lengths := d.rest
	total := 0
	for range n {
		total += d.index(len(d.rest) + 1)
		if total > len(d.rest) {
			d.fail("a string is longer than what is left")
			return
		}
	}
	text := d.recall(d.bytes(total))
	l := source{rest: lengths}
	for range n {
		length := l.index(len(text) + 1)
		d.strings = append(d.strings, text[:length])
		text = text[length:]
	}
}

// recall returns raw as a string: one piece of memory for all strings of a frame, and the same as before
// where frames differ in their numbers alone, as most do that follow each other.
func (d *decoder) recall(raw []byte) string {
	if string(raw) != d.text {
		d.text = string(raw)
	}
	return d.text
}

// word reads an index in strings.
func (d *decoder) word() string {
	if i := d.index(len(d.strings)); d.err == nil {
		return d.strings[i]
	}
	return ""
}

// readTags reads tags. They are valid until the next call.
func (d *decoder) readTags() []sdk.Tag {
	d.tags = d.tags[:0]
	for range d.count(2) {
		tag := sdk.Tag{Key: d.word(), Value: d.word()}
		if tag.Key == "" || tag.Value == "" || len(d.tags) > 0 && d.tags[len(d.tags)-1].Key >= tag.Key {
			d.fail("tags are out of order, or empty")
		}
		d.tags = append(d.tags, tag)
	}
	return d.tags
}

func (d *decoder) readSeries(c *sdk.Catalog) {
	for range d.count(2) {
		name := d.word()
		if tags := d.readTags(); d.err == nil {
			d.series = append(d.series, c.Series(name, tags...))
		}
	}
	for range d.count(1) {
		if tags := d.readTags(); d.err == nil {
			d.notes = append(d.notes, c.Annotations(tags...))
		}
	}
}

func (d *decoder) readSchemas(c *sdk.Catalog) {
	for range d.count(2) {
		s := shape{schema: c.Schema()}
		d.names.reset()
		for range d.count(3) {
			f := sdk.Field{Name: d.word(), Unit: sdk.Unit(d.word())}
			kinds := d.byte()
			f.Type, f.Kind = sdk.Type(kinds&15), sdk.Kind(kinds>>4)
			if f.Type > sdk.String || f.Kind > sdk.Info {
				d.fail("unknown type or kind")
			}
			if !d.names.add(f.Name) {
				d.fail("a field stands twice in a schema")
			}
			if d.err != nil {
				return
			}
			s.schema = s.schema.With(f)
		}
		s.mask = d.readMask(s.schema)
		d.shapes = append(d.shapes, s)
	}
}

func (d *decoder) readMask(s *sdk.Schema) *sdk.Mask {
	switch d.byte() {
	case 0:
		return nil
	case 1:
	default:
		d.fail("no mask looks so")
	}
	at := len(d.values)
	d.bits(s.Len())
	hidden := d.values[at:]
	d.values = d.values[:at]
	if d.err != nil {
		return nil
	}
	slot := -1
	return sdk.NewMask(s, func(sdk.Field) bool {
		slot++
		return hidden[slot] == 0
	})
}

func (d *decoder) readRows(n int) {
	if d.err != nil {
		return
	}
	d.rows = slices.Grow(d.rows, n)[:n]
	d.counts = append(d.counts, make([]int, len(d.shapes))...)
	d.runs(len(d.shapes), func(r *row, v uint32) {
		r.shape = v
		d.counts[v]++
	})
	for i := range d.rows {
		d.rows[i].series = uint32(d.index(len(d.series)))
	}
	before := int64(0)
	for i := range d.rows {
		before += d.signed()
		d.rows[i].time = before
	}
	d.runs(1<<5, func(r *row, v uint32) { r.state = v })
	d.runs(len(d.notes)+1, func(r *row, v uint32) { r.notes = v })
	d.runs(len(d.series)+1, func(r *row, v uint32) { r.origin = v })
}

// runs reads a column of entries below limit.
func (d *decoder) runs(limit int, set func(r *row, v uint32)) {
	for i := 0; i < len(d.rows) && d.err == nil; {
		n, v := d.index(len(d.rows)-i+1), uint32(d.index(limit))
		if n == 0 {
			d.fail("a run of nothing")
		}
		if d.err != nil {
			return
		}
		for range n {
			set(&d.rows[i], v)
			i++
		}
	}
}

func (d *decoder) readValues() {
	for i, s := range d.shapes {
		d.columns = append(d.columns, len(d.values))
		for _, f := range s.schema.Fields() {
			if d.err != nil {
				return
			}
			d.readColumn(f.Type, d.counts[i])
		}
	}
}

func (d *decoder) readColumn(t sdk.Type, n int) {
	switch t {
	case sdk.Float:
		d.floats(n)
	case sdk.Bool:
		d.bits(n)
	case sdk.String:
		for range n {
			d.values = append(d.values, uint64(d.index(len(d.strings))))
			if d.err != nil {
				return
			}
		}
	default:
		d.deltas(n)
	}
}

// deliver adds what was read to b.
func (d *decoder) deliver(b *sdk.Batch) {
	if d.id != (sdk.BatchID{}) {
		b.ID = d.id
	}
	b.Tally().Plus(&d.tally)
	for i := range d.rows {
		r := &d.rows[i]
		s, origin := d.series[r.series], (*sdk.Series)(nil)
		if r.origin > 0 {
			if origin = d.series[r.origin-1]; origin == nil {
				s = nil // without its origin it would be joined with the wrong rows
			}
		}
		shape := &d.shapes[r.shape]
		m := b.Restore(s, shape.schema, r.time, sdk.Marks(r.state>>2))
		if origin != nil {
			m.SetOrigin(origin)
		}
		m.SetClass(sdk.Class(r.state & 3))
		m.SetMask(shape.mask)
		if r.notes > 0 {
			m.Annotate(d.notes[r.notes-1])
		}
		// columns[shape] is where this row's first value stands, counts[shape] how far the next is.
		at := d.columns[r.shape]
		d.columns[r.shape]++
		for slot, f := range shape.schema.Fields() {
			m.Put(slot, d.value(f.Type, d.values[at]))
			at += d.counts[r.shape]
		}
	}
}

func (d *decoder) value(t sdk.Type, bits uint64) sdk.Value {
	switch t {
	case sdk.Float:
		return sdk.FloatValue(math.Float64frombits(bits))
	case sdk.Int:
		return sdk.IntValue(int64(bits))
	case sdk.Uint:
		return sdk.UintValue(bits)
	case sdk.Bool:
		return sdk.BoolValue(bits != 0)
	}
	return sdk.StringValue(d.strings[bits])
}

// reset empties the decoder, and lets go of what belongs to the batch.
func (d *decoder) reset() {
	clear(d.strings)
	clear(d.series)
	clear(d.notes)
	clear(d.shapes)
	clear(d.tags)
	d.names.reset()
	if len(d.text) > longestKept {
		d.text = ""
	}
	*d = decoder{
		strings: d.strings[:0], series: d.series[:0], notes: d.notes[:0], shapes: d.shapes[:0],
		counts: d.counts[:0], rows: d.rows[:0], values: d.values[:0], columns: d.columns[:0], tags: d.tags[:0],
		names: d.names, text: d.text,
	}
}
