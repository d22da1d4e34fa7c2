package sdk

import "iter"

// Marks are what a batch notes about a row, for those who carry batches to another process or to disk
// and build them up again with [Batch.Restore]. Nobody else needs them.
type Marks uint8

const (
	MarkAbsorbed Marks = 1 << iota // a window has read the row: see Batch.Absorb
	MarkMade                       // a processor made it since Batch.Enter: see Batch.MergeResults
	MarkHidden                     // a filter hides it from the processor at work: see Batch.Limit
)

// Rows loops over all rows, those that a filter hides included, for a transport. Everybody else uses
// All or Samples. Rows that are added meanwhile stand at the end.
func (b *Batch) Rows() iter.Seq[*Metric] {
	return func(yield func(*Metric) bool) {
		if b.cursor < 0 {
			b.settle()
		}
		for _, m := range b.rows {
			if m.state&gone == 0 && !yield(m) {
				return
			}
		}
	}
}

// Restore appends a row as it stood in a batch elsewhere, with all its fields 0, false or "", for the
// caller to fill with Put. It counts nothing: a transport carries the tally beside the rows, and adds it
// to that of b. A nil s, as it comes from a full catalog, drops the row as series_cap; the metric
// returned can be filled all the same. s and schema are of the batch's catalog.
func (b *Batch) Restore(s *Series, schema *Schema, t int64, marks Marks) *Metric {
	m := b.place(s, t)
	if m.state&outside == 0 {
		m.state = restored(marks)
	}
	m.schema = schema
	n := len(schema.fields)
	if n > cap(m.values) {
		b.reserve(m, n)
	}
	m.values = m.values[:n]
	clear(m.values)
	for slot := range schema.fields {
		if schema.fields[slot].Type == String {
			m.values[slot] = uint64(len(m.texts))
			m.texts = append(m.texts, "")
		}
	}
	return m
}

func restored(marks Marks) state {
	var s state
	if marks&MarkAbsorbed != 0 {
		s |= absorbed
	}
	if marks&MarkMade != 0 {
		s |= made
	}
	if marks&MarkHidden != 0 {
		s |= hidden
	}
	return s
}

// Marks returns the row's marks.
func (m *Metric) Marks() Marks {
	var k Marks
	if m.state&absorbed != 0 {
		k |= MarkAbsorbed
	}
	if m.state&made != 0 {
		k |= MarkMade
	}
	if m.state&hidden != 0 {
		k |= MarkHidden
	}
	return k
}

// Mask returns what hides fields of the row from the processor at work, or nil.
func (m *Metric) Mask() *Mask { return m.mask }

// SetMask hides fields of a row that a transport restores; mask was made for the row's schema.
func (m *Metric) SetMask(mask *Mask) { m.mask = mask }

// Put sets the value in a slot. It converts numbers to the type of the slot's field as Set does, and
// reports whether v fitted.
func (m *Metric) Put(slot int, v Value) bool { return m.put(slot, v) }
