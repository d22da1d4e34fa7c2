package wire

import (
	"errors"
	"fmt"
	"math"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// ErrMalformed says that a message breaks the protocol. After it, the stream is of no use.
var ErrMalformed = errors.New("malformed batch")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// A Decoder turns the messages of one [Encoder], or of any other program, back into rows. It belongs to
// one goroutine.
type Decoder struct {
	catalog *sdk.Catalog
	limits  Limits
	strings []string
	bytes   int // of all strings
	words   int // bytes of the strings of all series and annotations
	fields  int // of all shapes
	series  []*sdk.Series
	pending map[uint32]definition // series for which the catalog had no room
	notes   []*sdk.Annotations
	shapes  []shape

	tags  []sdk.Tag
	group []int32 // of a shape, index in the rows' groups plus 1; 0 outside of a call
}

// definition is a series in words.
type definition struct {
	name string
	tags []sdk.Tag
}

// NewDecoder returns a decoder that makes rows of a catalog.
func NewDecoder(c *sdk.Catalog, limits Limits) *Decoder { return &Decoder{catalog: c, limits: limits} }

// Rows is what a message holds, checked.
type Rows struct {
	// Tally and ID are those of the batch; only its first message has them.
	Tally sdk.Tally
	ID    sdk.BatchID

	rows   []row
	groups []columns
	texts  []string
}

// row is what the columns of rows say of one row.
type row struct {
	series, origin *sdk.Series
	notes          *sdk.Annotations
	time           int64
	group          int32
	state          uint8
	lost           bool // it has an origin for which the catalog has no room
}

// columns are the values of the rows of one shape.
type columns struct {
	shape shape
	all   []*proto.Column
	rows  int
	next  int // of deliver: the row that comes next
}

// Len returns the number of rows.
func (r *Rows) Len() int { return len(r.rows) }

// Bytes estimates the memory that the rows occupy.
func (r *Rows) Bytes() int {
	n := 64 * len(r.rows)
	for i := range r.groups {
		n += 8 * r.groups[i].rows * len(r.groups[i].all)
	}
	for _, text := range r.texts {
		n += 16 + len(text)
	}
	return n
}

// Decode checks a message and takes it over: the rows refer to its memory. An error wraps ErrMalformed.
func (d *Decoder) Decode(p *proto.Batch) (*Rows, error) {
	r := &Rows{}
	for _, step := range [...]func(*Rows, *proto.Batch) error{
		d.readStrings, d.readSeries, d.readShapes, d.readHead, d.readRows, d.readColumns,
	} {
		if err := step(r, p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (d *Decoder) readStrings(_ *Rows, p *proto.Batch) error {
	if p.GetFresh() {
		clear(d.strings)
		clear(d.series)
		clear(d.notes)
		clear(d.shapes)
		d.strings, d.series, d.notes, d.shapes = d.strings[:0], d.series[:0], d.notes[:0], d.shapes[:0]
		d.bytes, d.words, d.fields = 0, 0, 0
		clear(d.pending)
	}
	if len(d.strings)+len(p.GetStrings().GetLengths()) > d.limits.Strings {
		return malformed("more than %d strings in the dictionary: a sender that needs more resets it", d.limits.Strings)
	}
	texts, longest, err := splitTexts(p.GetStrings())
	switch {
	case err != nil:
		return err
	case longest > MaxString:
		return malformed("a string of %d bytes in the dictionary, at most %d are allowed", longest, MaxString)
	}
	d.bytes += len(p.GetStrings().GetText())
	d.strings = append(d.strings, texts...)
	if d.bytes > maxStrings {
		return malformed("strings of %d bytes in the dictionary: a sender that needs more resets it", d.bytes)
	}
	return nil
}

// splitTexts cuts a text into its parts, which share their memory.
func splitTexts(t *proto.Texts) (texts []string, longest uint32, err error) {
	lengths := t.GetLengths()
	if len(lengths) == 0 {
		if len(t.GetText()) > 0 {
			return nil, 0, malformed("text without lengths")
		}
		return nil, 0, nil
	}
	rest := string(t.GetText())
	texts = make([]string, len(lengths))
	for i, n := range lengths {
		if uint64(n) > uint64(len(rest)) {
			return nil, 0, malformed("a string is longer than what is left")
		}
		texts[i], rest = rest[:n], rest[n:]
		longest = max(longest, n)
	}
	if rest != "" {
		return nil, 0, malformed("%d bytes of text belong to no string", len(rest))
	}
	return texts, longest, nil
}

func (d *Decoder) text(i uint32) (string, error) {
	if int64(i) >= int64(len(d.strings)) {
		return "", malformed("string %d of %d", i, len(d.strings))
	}
	return d.strings[i], nil
}

// readTags reads the tags of a series, whose name has so many bytes, or of annotations. They are valid until the
// next call.
func (d *Decoder) readTags(list []uint32, words int) ([]sdk.Tag, error) {
	if len(list)%2 != 0 {
		return nil, malformed("a tag without a value")
	}
	d.tags = d.tags[:0]
	for i := 0; i < len(list); i += 2 {
		key, err := d.text(list[i])
		if err != nil {
			return nil, err
		}
		value, err := d.text(list[i+1])
		if err != nil {
			return nil, err
		}
		if key == "" || value == "" || len(d.tags) > 0 && d.tags[len(d.tags)-1].Key >= key {
			return nil, malformed("tags are out of order, or empty")
		}
		if words += len(key) + len(value); words > maxWords {
			return nil, malformed("the name and tags of a series are more than %d bytes", maxWords)
		}
		d.tags = append(d.tags, sdk.Tag{Key: key, Value: value})
	}
	if d.words += words; d.words > d.limits.Words {
		return nil, malformed("the names and tags of all series are more than %d bytes: a sender that needs more resets the dictionary", d.limits.Words)
	}
	return d.tags, nil
}

func (d *Decoder) readSeries(_ *Rows, p *proto.Batch) error {
	if len(d.series)+len(p.GetSeries()) > d.limits.Series || len(d.notes)+len(p.GetAnnotations()) > d.limits.Series {
		return malformed("more than %d series or annotations in the dictionary: a sender that needs more resets it", d.limits.Series)
	}
	for _, s := range p.GetSeries() {
		name, err := d.text(s.GetName())
		if err != nil {
			return err
		}
		tags, err := d.readTags(s.GetTags(), len(name))
		if err != nil {
			return err
		}
		series := d.catalog.Series(name, tags...)
		if series == nil {
			if d.pending == nil {
				d.pending = make(map[uint32]definition)
			}
			d.pending[uint32(len(d.series))] = definition{name, append([]sdk.Tag(nil), tags...)}
		}
		d.series = append(d.series, series)
	}
	for _, a := range p.GetAnnotations() {
		tags, err := d.readTags(a.GetTags(), 0)
		if err != nil {
			return err
		}
		d.notes = append(d.notes, d.catalog.Annotations(tags...))
	}
	return nil
}

func (d *Decoder) readShapes(_ *Rows, p *proto.Batch) error {
	if len(d.shapes)+len(p.GetShapes()) > d.limits.Shapes {
		return malformed("more than %d shapes in the dictionary: a sender that needs more resets it", d.limits.Shapes)
	}
	for _, s := range p.GetShapes() {
		read, err := d.readShape(s)
		if err != nil {
			return err
		}
		d.shapes = append(d.shapes, read)
	}
	return nil
}

func (d *Decoder) readShape(s *proto.Shape) (shape, error) {
	n := len(s.GetFields())
	if d.fields += n; n > MaxFields || d.fields > maxAllFields {
		return shape{}, malformed("%d fields in a shape, at most %d are allowed, and %d in all", n, MaxFields, maxAllFields)
	}
	schema := d.catalog.Schema()
	names := make(map[string]bool, len(s.GetFields()))
	for _, f := range s.GetFields() {
		name, err := d.text(f.GetName())
		if err != nil {
			return shape{}, err
		}
		field := sdk.Field{Name: name, Type: sdk.Type(f.GetType()), Kind: sdk.Kind(f.GetKind())}
		if u := f.GetUnit(); u > 0 {
			unit, err := d.text(u - 1)
			if err != nil {
				return shape{}, err
			}
			field.Unit = sdk.Unit(unit)
		}
		if f.GetType() < 0 || f.GetType() > proto.Type_STRING || f.GetKind() < 0 || f.GetKind() > proto.Kind_INFO {
			return shape{}, malformed("unknown type or kind of a field")
		}
		if names[name] {
			return shape{}, malformed("a field stands twice in a shape")
		}
		names[name] = true
		schema = schema.With(field)
	}
	read := shape{schema: schema}
	var err error
	if read.mask, err = readMask(schema, "hidden", s.GetHidden()); err != nil {
		return shape{}, err
	}
	read.unread, err = readMask(schema, "unread", s.GetUnread())
	return read, err
}

// readMask returns what hides some slots of a schema, or nil for none; what is said of them where they are wrong.
func readMask(schema *sdk.Schema, what string, slots []uint32) (*sdk.Mask, error) {
	if len(slots) == 0 {
		return nil, nil
	}
	hidden := make([]bool, schema.Len())
	for _, slot := range slots {
		if int64(slot) >= int64(len(hidden)) {
			return nil, malformed("%s slot %d of %d", what, slot, len(hidden))
		}
		hidden[slot] = true
	}
	slot := -1
	return sdk.NewMask(schema, func(sdk.Field) bool {
		slot++
		return !hidden[slot]
	}), nil
}

// More kinds of reasons than a plugin needs.
const maxReasons = 64

func (d *Decoder) readHead(r *Rows, p *proto.Batch) error {
	if y := p.GetTally(); y != nil {
		if len(y.GetDrops()) > maxReasons {
			return malformed("%d reasons for drops", len(y.GetDrops()))
		}
		r.Tally = sdk.Tally{
			Added: y.GetAdded(), Absorbed: y.GetAbsorbed(), Filtered: y.GetFiltered(),
			Merged: y.GetMerged(), Conflict: y.GetConflict(),
		}
		for _, n := range [...]uint64{y.GetAdded(), y.GetAbsorbed(), y.GetFiltered(), y.GetMerged(), y.GetConflict()} {
			if n > math.MaxInt32 {
				return malformed("a tally of %d", n)
			}
		}
		for _, drop := range y.GetDrops() {
			if len(drop.GetReason()) > MaxString || drop.GetReason() == "" || drop.GetCount() > math.MaxInt32 {
				return malformed("%d drops for a reason of %d bytes", drop.GetCount(), len(drop.GetReason()))
			}
			r.Tally.AddDrops(sdk.Reason(drop.GetReason()), drop.GetCount())
		}
	}
	if id := p.GetId(); id != nil {
		r.ID = sdk.BatchID{Agent: id.GetAgent(), Epoch: id.GetEpoch(), Seq: id.GetSeq()}
	}
	return nil
}
