package window

import (
	"math"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// role is what windows do with a field.
type role uint8

const (
	travels role = iota // its last value is carried along
	gauge               // it is folded
	counter             // both
)

func roleOf(f sdk.Field) role {
	switch {
	case !f.Type.Numeric():
		return travels
	case f.Kind == sdk.Gauge:
		return gauge
	case f.Kind == sdk.Counter:
		return counter
	}
	return travels
}

// shape is what staging needs to know of a cell.
type shape struct {
	typ  sdk.Type
	role role
	text int // which of the texts of a row
}

// plan is how the rows of one schema are staged.
type plan struct {
	schema *sdk.Schema
	mask   *sdk.Mask
	plain  bool     // each field is a number or a bool of its cell's type, and none is hidden
	reads  bool     // one of them is folded
	marks  []uint64 // those of a row that has them all
}

// stage puts the metric's values behind the line of its series. It reports whether there is anything
// for a window to read; if not, the row must not be committed.
func (w *Windows[F, P]) stage(r *row[F, P], m *sdk.Metric) bool {
	s, slots := &r.State, r.Slots(m)
	if r.Len() > len(s.shapes) {
		w.meet(r)
	}
	s.line.widen(len(s.shapes), s.texts)
	out := s.line.stage()
	out[0] = uint64(m.Time())
	marks, values := out[1:1+s.line.marks], out[1+s.line.marks:]
	if s.plan.schema != m.Schema() || s.plan.mask != m.Mask() {
		s.plan.make(m, slots, s.shapes)
	}
	if s.plan.plain && put(values, slots, m.Bits()) {
		copy(marks, s.plan.marks)
		return s.plan.reads
	}
	read := false
	for slot, word := range m.Bits() {
		c := slots[slot]
		if c < 0 {
			continue
		}
		shape, v := s.shapes[c], m.Value(slot)
		if v.Type() != shape.typ {
			converted, ok := v.As(shape.typ)
			if !ok {
				continue
			}
			v, word = converted, wordOf(converted)
		}
		if !v.Finite() {
			continue
		}
		if shape.typ == sdk.String {
			s.line.stagedTexts[shape.text] = keepText(&r.Cell(c).text, v.Text())
		}
		values[c] = word
		marks[c>>6] |= 1 << (c & 63)
		read = read || shape.role != travels
	}
	return read
}

// put puts words into the cells of their slots. It reports false where a float may not be finite; an
// integer can look like one.
func put(values []uint64, slots []int, words []uint64) bool {
	const infinite, carry = 0x7ff << 52, 1 << 52 // an exponent of ones and one more reach the top bit
	var top uint64
	slots = slots[:len(words)]
	for slot, word := range words {
		values[slots[slot]] = word
		top |= word&infinite + carry
	}
	return top>>63 == 0
}

func (p *plan) make(m *sdk.Metric, slots []int, shapes []shape) {
	n := (len(shapes) + 63) / 64
	*p = plan{schema: m.Schema(), mask: m.Mask(), plain: true, marks: slices.Grow(p.marks[:0], n)[:n]}
	clear(p.marks)
	for slot, c := range slots {
		if c < 0 || shapes[c].typ != m.Field(slot).Type || shapes[c].typ == sdk.String {
			p.plain = false
			return
		}
		p.marks[c>>6] |= 1 << (c & 63)
		p.reads = p.reads || shapes[c].role != travels
	}
}

// meet prepares the cells that are new.
func (w *Windows[F, P]) meet(r *row[F, P]) {
	s := &r.State
	for i := len(s.shapes); i < r.Len(); i++ {
		f := r.Field(i)
		shape := shape{typ: f.Type, role: roleOf(f), text: s.texts}
		if f.Type == sdk.String {
			s.texts++
		}
		s.shapes = append(s.shapes, shape)
		if c := r.Cell(i); shape.role != travels {
			c.known = w.know(f)
		}
	}
}

// know returns what the statistics know of a field. Series that have the same fields share it; a stream with ever
// new ones does not make it grow for ever.
func (w *Windows[F, P]) know(f sdk.Field) *F {
	known, met := w.known[f]
	if !met {
		if len(w.known) == sdk.MaxCells {
			clear(w.known)
		}
		known = w.stats.Field(f)
		w.known[f] = known
	}
	return known
}

// keepText returns a copy of text that outlives the batch; a text that does not change is copied once.
func keepText(last *string, text string) string {
	if *last != text {
		*last = strings.Clone(text)
	}
	return *last
}

func wordOf(v sdk.Value) uint64 {
	if v.Type() == sdk.Float {
		return math.Float64bits(v.Float())
	}
	return v.Uint()
}

// valueOf returns the value of a cell that a row has.
func (s *series[P]) valueOf(i, c int) sdk.Value {
	word := s.line.value(i, c)
	switch shape := s.shapes[c]; shape.typ {
	case sdk.Float:
		return sdk.FloatValue(math.Float64frombits(word))
	case sdk.Int:
		return sdk.IntValue(int64(word))
	case sdk.Uint:
		return sdk.UintValue(word)
	case sdk.Bool:
		return sdk.BoolValue(word != 0)
	default:
		return sdk.StringValue(s.line.rowStrings(i)[shape.text])
	}
}
