package sdk

import "math"

// Class says where a metric came from, and so who may read it.
type Class uint8

const (
	ClassSample Class = iota // an input read it; windows read samples only
	ClassResult              // a window made it
	ClassEvent               // something happened at an instant
	ClassInfo                // constants of a device, such as its serial number
)

var classNames = [...]string{"sample", "result", "event", "info"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// Metric is a row of a [Batch]. It is valid until the batch is reset, and owned by whoever owns the
// batch: a plugin must not keep it after it returns.
type Metric struct {
	series *Series
	schema *Schema
	origin *Series
	notes  *Annotations
	mask   *Mask
	unread *Mask    // of an absorbed row: hides what windows have read; nil where that is all
	values []uint64 // by slot; of a string, the index in texts
	texts  []string
	time   int64
	batch  *Batch
	class  Class
	state  state
}

type state uint8

const (
	absorbed state = 1 << iota
	gone           // dropped, filtered or merged; leaves at the next settle
	late           // gone, as late; it keeps its place for the windows behind
	hidden         // a filter keeps it from the processor at work
	made           // a processor added it since it entered the chain
	outside        // never stood in a batch: over the series cap
)

// Series returns the metric's series.
func (m *Metric) Series() *Series { return m.series }

// Name returns the measurement.
func (m *Metric) Name() string { return m.series.name }

// Tag returns the value of a tag of the series, or "".
func (m *Metric) Tag(key string) string { return m.series.Tag(key) }

// Time returns the instant in Unix nanoseconds: of a sample, of its reading; of a result, the end of
// its window.
func (m *Metric) Time() int64 { return m.time }

// SetTime changes the instant.
func (m *Metric) SetTime(ns int64) { m.time = ns }

// Class returns the metric's class.
func (m *Metric) Class() Class { return m.class }

// SetClass changes the class; an input calls it for what is not a sample.
func (m *Metric) SetClass(c Class) { m.class = c }

// Origin returns the series that a result was made from; for others, their own series. It is the
// identity by which rules and outputs join what belongs together.
func (m *Metric) Origin() *Series {
	if m.origin != nil {
		return m.origin
	}
	return m.series
}

// SetOrigin makes the metric a result that was made from s.
func (m *Metric) SetOrigin(s *Series) { m.origin, m.class = s, ClassResult }

// Absorbed reports whether a window has read the metric: outputs leave it out unless told otherwise.
func (m *Metric) Absorbed() bool { return m.state&absorbed != 0 }

// Annotations returns the tags that rules have put on the metric, or nil.
func (m *Metric) Annotations() *Annotations { return m.notes }

// Annotate adds a; tags that the metric bears already win.
func (m *Metric) Annotate(a *Annotations) {
	switch {
	case a == nil || m.notes == a:
	case m.notes == nil:
		m.notes = a
	default:
		both := append(append([]Tag(nil), m.notes.tags...), a.tags...)
		m.notes = m.batch.catalog.Annotations(both...)
	}
}

// Schema returns the metric's fields. Fields that a filter hides from a processor are in it: loop with
// Slots, or check Visible.
func (m *Metric) Schema() *Schema { return m.schema }

// Visible reports whether no filter hides the slot.
func (m *Metric) Visible(slot int) bool { return !m.mask.Hides(slot) }

// Len returns the number of fields, hidden ones included.
func (m *Metric) Len() int { return len(m.values) }

// Field returns the field in slot.
func (m *Metric) Field(slot int) Field { return m.schema.fields[slot] }

// Value returns the value in slot.
func (m *Metric) Value(slot int) Value {
	t := m.schema.fields[slot].Type
	if t == String {
		return Value{text: m.texts[m.values[slot]], typ: String}
	}
	return Value{bits: m.values[slot], typ: t}
}

// Bits returns the metric's values by slot as they are kept: of a float its IEEE 754 bits, of an int or
// an uint the number, of a bool 0 or 1; of a string nothing that means anything outside. Whoever moves
// whole rows, such as a window, reads them at a third of the cost of Value. The caller must not change
// the slice, nor keep it longer than the metric.
func (m *Metric) Bits() []uint64 { return m.values }

// NumberAt returns the value in slot as a float64; the caller knows that the slot's type is numeric.
func (m *Metric) NumberAt(slot int) float64 {
	bits := m.values[slot]
	switch m.schema.fields[slot].Type {
	case Float:
		return math.Float64frombits(bits)
	case Int:
		return float64(int64(bits))
	}
	return float64(bits)
}

// Lookup returns the value of the field called name. A reading that the device does not support is
// absent.
func (m *Metric) Lookup(name string) (Value, bool) {
	slot := m.schema.Slot(name)
	if slot < 0 || !m.Visible(slot) {
		return Value{}, false
	}
	return m.Value(slot), true
}

// Number returns a numeric field as a float64.
func (m *Metric) Number(name string) (float64, bool) {
	v, ok := m.Lookup(name)
	if !ok {
		return 0, false
	}
	return v.Number()
}

// Float sets a float field: a gauge without a unit. Int, Uint, Bool and Text do the same for their
// types; Set takes a field with its unit and kind.
func (m *Metric) Float(name string, v float64) { m.Set(Field{Name: name, Type: Float}, FloatValue(v)) }

func (m *Metric) Int(name string, v int64) { m.Set(Field{Name: name, Type: Int}, IntValue(v)) }

func (m *Metric) Uint(name string, v uint64) { m.Set(Field{Name: name, Type: Uint}, UintValue(v)) }

func (m *Metric) Bool(name string, v bool) { m.Set(Field{Name: name, Type: Bool}, BoolValue(v)) }

func (m *Metric) Text(name, v string) { m.Set(Field{Name: name, Type: String}, StringValue(v)) }

// Set adds the field f or, where the metric has a field of that name, changes it. It converts a number
// to the type that the field has; a field never changes between number, bool and string, and Set
// reports whether v fitted.
func (m *Metric) Set(f Field, v Value) bool {
	if next := m.schema.child(f); next != nil {
		m.schema = next
		return m.push(f.Type, v)
	}
	if slot := m.schema.Slot(f.Name); slot >= 0 {
		return m.put(slot, v)
	}
	if v, ok := v.As(f.Type); ok {
		m.schema = m.schema.With(f)
		return m.push(f.Type, v)
	}
	return false
}

// SetNumber sets a numeric field to v, converted to the field's type.
func (m *Metric) SetNumber(f Field, v float64) bool { return m.Set(f, FloatValue(v)) }

func (m *Metric) put(slot int, v Value) bool {
	v, ok := v.As(m.schema.fields[slot].Type)
	if !ok {
		return false
	}
	if v.typ == String {
		text := &m.texts[m.values[slot]]
		m.batch.bytes += len(v.text) - len(*text)
		*text = v.text
	} else {
		m.values[slot] = v.bits
	}
	return true
}

func (m *Metric) push(t Type, v Value) bool {
	v, ok := v.As(t)
	if !ok {
		m.schema = m.schema.parent
		return false
	}
	bits := v.bits
	if t == String {
		bits = uint64(len(m.texts))
		m.texts = append(m.texts, v.text)
		m.batch.bytes += len(v.text)
	}
	if len(m.values) < cap(m.values) {
		m.values = append(m.values, bits)
		return true
	}
	m.batch.grow(m)
	m.values = append(m.values, bits)
	return true
}

// Clear removes all fields of the metric, for a processor that fills it anew: one that puts a reading in
// other words moves it to another series ([Batch.Move]), clears it and sets the fields of that series.
// Time, class, origin, annotations and marks stay. Values that were taken from the metric before stay
// valid; fields that a filter hides go, too, so who runs under a filter checks [Metric.Mask] first.
func (m *Metric) Clear() {
	for _, text := range m.texts {
		m.batch.bytes -= len(text)
	}
	clear(m.texts)
	m.texts, m.values = m.texts[:0], m.values[:0]
	m.schema, m.mask, m.unread = m.batch.catalog.root, nil, nil
}
