package sdk

import (
	"iter"
	"slices"
)

// Table keeps a processor's state: an S for each series, and in it an F for each field. It costs a tenth
// of a map keyed by series and field name. Rows whose series left the catalog leave with it. A Table
// belongs to one goroutine; its zero value is empty and ready.
type Table[S, F any] struct {
	byID       []*TableRow[S, F]
	order      []*TableRow[S, F] // of first sight, so that loops are deterministic; nil where one was deleted
	holes      int               // in order
	loops      int               // that run; meanwhile no row changes its place in order
	generation uint64
}

// TableRow is the state of one series.
type TableRow[S, F any] struct {
	Series *Series
	State  S

	place  int // in the table's order
	fields []Field
	cells  []F
	schema *Schema
	mask   *Mask
	slots  []int
	known  []layout
}

// layout maps the slots of one schema to the cells of a row.
type layout struct {
	schema *Schema
	mask   *Mask
	slots  []int
}

const (
	// A row remembers the layouts of so many schemas; a stream with more shapes per series works, slower.
	knownLayouts = 16

	// MaxCells bounds the cells of a row, so that a series with ever new field names cannot eat the host's
	// memory: fields beyond it get none.
	MaxCells = 4096
)

// Row returns the row of m's series, and whether it is new.
func (t *Table[S, F]) Row(m *Metric) (row *TableRow[S, F], isNew bool) {
	s := m.series
	if g := s.catalog.Generation(); g != t.generation {
		t.generation = g
		t.sweep()
	}
	if s.id < len(t.byID) {
		if row := t.byID[s.id]; row != nil && row.Series == s {
			return row, false
		}
	} else {
		t.byID = append(t.byID, make([]*TableRow[S, F], s.id+1-len(t.byID))...)
	}
	t.compact()
	row = &TableRow[S, F]{Series: s, place: len(t.order)}
	t.byID[s.id] = row
	t.order = append(t.order, row)
	return row, true
}

// All loops over the rows in the order in which they were first seen. The loop may delete rows; it does
// not visit those that are added meanwhile.
func (t *Table[S, F]) All() iter.Seq[*TableRow[S, F]] {
	return func(yield func(*TableRow[S, F]) bool) {
		t.loops++
		defer func() { t.loops-- }()
		for i, n := 0, len(t.order); i < n; i++ {
			if row := t.order[i]; row != nil && !yield(row) {
				return
			}
		}
	}
}

// Len returns the number of rows.
func (t *Table[S, F]) Len() int { return len(t.order) - t.holes }

// Delete forgets a row.
func (t *Table[S, F]) Delete(row *TableRow[S, F]) {
	if row.place >= len(t.order) || t.order[row.place] != row {
		return
	}
	t.order[row.place] = nil
	t.holes++
	if t.byID[row.Series.id] == row {
		t.byID[row.Series.id] = nil
	}
}

func (t *Table[S, F]) sweep() {
	for _, row := range t.order {
		if row != nil && row.Series.Left() {
			t.Delete(row)
		}
	}
}

// compact closes the holes in the order once they are the half of it.
func (t *Table[S, F]) compact() {
	if t.loops > 0 || t.holes <= len(t.order)/2 {
		return
	}
	t.order = slices.DeleteFunc(t.order, func(row *TableRow[S, F]) bool { return row == nil })
	for i, row := range t.order {
		row.place = i
	}
	t.holes = 0
}

// Slots returns, for each slot of m, the index of its cell in the row, or -1 for a field that a filter
// hides or that is beyond [MaxCells]. New fields get zero cells. The result is valid until the next call.
func (r *TableRow[S, F]) Slots(m *Metric) []int {
	if m.schema == r.schema && m.mask == r.mask {
		return r.slots
	}
	for i := range r.known {
		if l := &r.known[i]; l.schema == m.schema && l.mask == m.mask {
			r.schema, r.mask, r.slots = l.schema, l.mask, l.slots
			return l.slots
		}
	}
	l := layout{m.schema, m.mask, make([]int, m.schema.Len())}
	for slot, f := range m.schema.fields {
		l.slots[slot] = -1
		if m.Visible(slot) {
			l.slots[slot] = r.cell(f)
		}
	}
	if m.schema.private {
		return l.slots
	}
	if len(r.known) == knownLayouts {
		r.known = r.known[:0]
	}
	r.known = append(r.known, l)
	r.schema, r.mask, r.slots = l.schema, l.mask, l.slots
	return l.slots
}

func (r *TableRow[S, F]) cell(f Field) int {
	for i := range r.fields {
		if r.fields[i].Name == f.Name {
			return i
		}
	}
	if len(r.fields) == MaxCells {
		return -1
	}
	var zero F
	r.fields, r.cells = append(r.fields, f), append(r.cells, zero)
	return len(r.fields) - 1
}

// Cell returns the state of one field. The pointer is valid until Slots next adds a field.
func (r *TableRow[S, F]) Cell(i int) *F { return &r.cells[i] }

// Field returns the field of a cell, as it was first seen.
func (r *TableRow[S, F]) Field(i int) Field { return r.fields[i] }

// Len returns the number of cells.
func (r *TableRow[S, F]) Len() int { return len(r.cells) }
