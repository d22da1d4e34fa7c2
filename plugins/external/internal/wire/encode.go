package wire

import (
	"fmt"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// An Encoder turns batches of one catalog into messages. It belongs to one goroutine at a time, and its
// messages go out in the order in which it makes them.
type Encoder struct {
	limits  Limits
	strings map[string]uint32
	bytes   int // of all strings
	words   int // bytes of the strings of all series and annotations
	fields  int // of all shapes
	series  map[*sdk.Series]uint32
	notes   map[*sdk.Annotations]uint32
	shapes  map[shape]uint32
	reset   bool // the next message empties the dictionaries

	// of the message in the making
	msg    *proto.Batch
	rows   []*sdk.Metric
	groups []group
	group  map[uint32]int // of a shape, index in groups
	texts  map[string]uint32
	shape  runs
	state  runs
	note   runs
	origin runs
	last   struct {
		shape  shape
		group  int
		series *sdk.Series
		number uint32
	}
}

// shape is what rows have in common whose values stand in the same columns.
type shape struct {
	schema *sdk.Schema
	mask   *sdk.Mask
	unread *sdk.Mask // of absorbed rows
}

func shapeOf(m *sdk.Metric) shape { return shape{m.Schema(), m.Mask(), m.UnreadMask()} }

// group is the rows of one shape.
type group struct {
	shape  uint32
	schema *sdk.Schema
	rows   []*sdk.Metric
}

// NewEncoder returns an encoder for a peer with the given limits.
func NewEncoder(limits Limits) *Encoder {
	e := &Encoder{limits: limits, reset: true, group: make(map[uint32]int), texts: make(map[string]uint32)}
	e.clear()
	return e
}

func (e *Encoder) clear() {
	e.strings = make(map[string]uint32)
	e.bytes, e.words, e.fields = 0, 0, 0
	e.series = make(map[*sdk.Series]uint32)
	e.notes = make(map[*sdk.Annotations]uint32)
	e.shapes = make(map[shape]uint32)
}

// RowError says that a row is larger than a message or a dictionary may be.
type RowError struct{ Row int } // position among all rows of the batch

func (e *RowError) Error() string {
	return fmt.Sprintf("row %d is too large for the plugin protocol", e.Row)
}

// Encode hands b to emit as one or more messages; more says that another follows. Each message is new and
// belongs to emit. An empty batch is one message. With a *[RowError] nothing of the batch should be used:
// the peer does not get its end.
func (e *Encoder) Encode(b *sdk.Batch, emit func(msg *proto.Batch, more bool) error) error {
	head := &proto.Batch{Tally: tallyOf(b.Tally()), Id: idOf(b.ID)}
	e.begin(head)
	rows, bytes := min(partRows, e.limits.Rows), min(partBytes, e.limits.Bytes/2)
	n, size := 0, 0
	for m := range b.Rows() {
		need := sizeOf(m)
		if need > e.limits.Bytes/2 {
			return e.tooLarge(n)
		}
		if len(e.rows) == rows || len(e.rows) > 0 && size+need > bytes {
			if err := emit(e.finish(), true); err != nil {
				return err
			}
			e.begin(nil)
			size = 0
		}
		if !e.take(m) { // what it refers to does not fit into the dictionaries: start them anew
			if len(e.rows) > 0 {
				if err := emit(e.finish(), true); err != nil {
					return err
				}
				head = nil
			}
			e.reset = true
			e.begin(head)
			size = 0
			if !e.take(m) {
				return e.tooLarge(n)
			}
		}
		head = nil
		size += need
		n++
	}
	return emit(e.finish(), false)
}

// tooLarge gives the message in the making up, and with it what it would have added to the dictionaries.
func (e *Encoder) tooLarge(row int) error {
	e.reset = true
	return &RowError{row}
}

// sizeOf estimates the bytes that a row adds to a message, from above.
func sizeOf(m *sdk.Metric) int {
	size := 32 + 11*m.Len()
	for slot, f := range m.Schema().Fields() {
		if f.Type == sdk.String {
			size += len(m.Value(slot).Text())
		}
	}
	return size
}

// begin starts a message; head, where there is one, holds what the batch's first message says of it.
func (e *Encoder) begin(head *proto.Batch) {
	e.msg = &proto.Batch{Fresh: e.reset, Tally: head.GetTally(), Id: head.GetId()}
	if e.reset {
		e.clear()
		e.reset = false
	}
	for i := range e.groups {
		clear(e.groups[i].rows)
		e.groups[i].rows = e.groups[i].rows[:0]
	}
	e.groups = e.groups[:0]
	clear(e.rows)
	e.rows = e.rows[:0]
	clear(e.group)
	clear(e.texts)
	e.shape, e.state, e.note, e.origin = runs{}, runs{}, runs{}, runs{}
	e.last.series, e.last.shape = nil, shape{}
}

// take adds a row to the message, or reports that the dictionaries have no room for it.
func (e *Encoder) take(m *sdk.Metric) bool {
	s := shapeOf(m)
	if !e.fits(m, s) {
		return false
	}
	g := e.groupOf(s)
	e.groups[g].rows = append(e.groups[g].rows, m)
	e.rows = append(e.rows, m)
	e.shape.add(e.groups[g].shape)
	e.msg.RowSeries = append(e.msg.RowSeries, e.seriesOf(m.Series()))
	e.state.add(uint32(m.Class()) | uint32(m.Marks())<<2)
	note, origin := uint32(0), uint32(0)
	if a := m.Annotations(); a != nil {
		note = e.notesOf(a) + 1
	}
	if o := m.Origin(); o != m.Series() {
		origin = e.seriesOf(o) + 1
	}
	e.note.add(note)
	e.origin.add(origin)
	return true
}

// fits reports whether the dictionaries have room for all that is new in a row of shape s.
func (e *Encoder) fits(m *sdk.Metric, s shape) bool {
	if m.Series() == e.last.series && s == e.last.shape && m.Annotations() == nil && m.Origin() == m.Series() {
		return true
	}
	n := need{e: e}
	n.seriesOf(m.Series())
	if o := m.Origin(); o != m.Series() {
		n.seriesOf(o)
	}
	if a := m.Annotations(); a != nil {
		if _, known := e.notes[a]; !known {
			n.notes++
			n.tags(a.Tags(), 0)
		}
	}
	if s != e.last.shape {
		if _, known := e.shapes[s]; !known {
			n.shapes++
			n.fields = s.schema.Len()
			for _, f := range s.schema.Fields() {
				n.text(f.Name)
				n.text(string(f.Unit))
			}
		}
	}
	return !n.tooLong &&
		len(e.strings)+n.strings <= e.limits.Strings && e.bytes+n.bytes <= maxStrings &&
		len(e.series)+n.series <= e.limits.Series && len(e.notes)+n.notes <= e.limits.Series &&
		len(e.shapes)+n.shapes <= e.limits.Shapes &&
		e.words+n.words <= e.limits.Words && n.fields <= MaxFields && e.fields+n.fields <= maxAllFields
}

// need counts what a row adds to the dictionaries, from above: equal strings count each time.
type need struct {
	e                                     *Encoder
	strings, bytes, series, notes, shapes int
	words, fields                         int
	tooLong                               bool
}

func (n *need) seriesOf(s *sdk.Series) {
	if s == n.e.last.series {
		return
	}
	if _, known := n.e.series[s]; !known {
		n.series++
		n.text(s.Name())
		n.tags(s.Tags(), len(s.Name()))
	}
}

func (n *need) tags(tags []sdk.Tag, words int) {
	for i := range tags {
		n.text(tags[i].Key)
		n.text(tags[i].Value)
	}
	words += wordsOf(tags)
	n.words += words
	n.tooLong = n.tooLong || words > maxWords
}

// wordsOf returns the bytes of the strings of tags.
func wordsOf(tags []sdk.Tag) (n int) {
	for i := range tags {
		n += len(tags[i].Key) + len(tags[i].Value)
	}
	return n
}

func (n *need) text(s string) {
	if len(s) > MaxString {
		n.tooLong = true
	}
	n.strings++
	n.bytes += len(s)
}

func (e *Encoder) groupOf(s shape) int {
	if s == e.last.shape && s.schema != nil {
		return e.last.group
	}
	number, known := e.shapes[s]
	if !known {
		number = uint32(len(e.shapes))
		e.shapes[s] = number
		e.fields += s.schema.Len()
		e.msg.Shapes = append(e.msg.Shapes, e.describe(s))
	}
	g, known := e.group[number]
	if !known {
		g = len(e.groups)
		e.group[number] = g
		if cap(e.groups) > g {
			e.groups = e.groups[:g+1]
			e.groups[g].shape, e.groups[g].schema = number, s.schema
		} else {
			e.groups = append(e.groups, group{shape: number, schema: s.schema})
		}
	}
	e.last.shape, e.last.group = s, g
	return g
}

func (e *Encoder) describe(s shape) *proto.Shape {
	p := &proto.Shape{}
	for slot, f := range s.schema.Fields() {
		field := &proto.Field{Name: e.string(f.Name), Type: proto.Type(f.Type), Kind: proto.Kind(f.Kind)}
		if f.Unit != "" {
			field.Unit = e.string(string(f.Unit)) + 1
		}
		p.Fields = append(p.Fields, field)
		if s.mask.Hides(slot) {
			p.Hidden = append(p.Hidden, uint32(slot))
		}
		if s.unread.Hides(slot) {
			p.Unread = append(p.Unread, uint32(slot))
		}
	}
	return p
}

func (e *Encoder) seriesOf(s *sdk.Series) uint32 {
	if s == e.last.series {
		return e.last.number
	}
	number, known := e.series[s]
	if !known {
		number = uint32(len(e.series))
		e.series[s] = number
		e.words += len(s.Name()) + wordsOf(s.Tags())
		e.msg.Series = append(e.msg.Series, &proto.Series{Name: e.string(s.Name()), Tags: e.tags(s.Tags())})
	}
	e.last.series, e.last.number = s, number
	return number
}

func (e *Encoder) notesOf(a *sdk.Annotations) uint32 {
	number, known := e.notes[a]
	if !known {
		number = uint32(len(e.notes))
		e.notes[a] = number
		e.words += wordsOf(a.Tags())
		e.msg.Annotations = append(e.msg.Annotations, &proto.Annotations{Tags: e.tags(a.Tags())})
	}
	return number
}

func (e *Encoder) tags(tags []sdk.Tag) []uint32 {
	list := make([]uint32, 0, 2*len(tags))
	for i := range tags {
		list = append(list, e.string(tags[i].Key), e.string(tags[i].Value))
	}
	return list
}

func (e *Encoder) string(s string) uint32 {
	number, known := e.strings[s]
	if !known {
		number = uint32(len(e.strings))
		e.strings[s] = number
		e.bytes += len(s)
		if e.msg.Strings == nil {
			e.msg.Strings = &proto.Texts{}
		}
		addText(e.msg.Strings, s)
	}
	return number
}

func addText(t *proto.Texts, s string) {
	t.Text = append(t.Text, s...)
	t.Lengths = append(t.Lengths, uint32(len(s)))
}
