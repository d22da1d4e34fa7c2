package sdk

import (
	"slices"
	"sync/atomic"
)

// Mask hides some fields of a schema. See [Batch.Limit].
type Mask struct {
	hidden []bool
	kept   *Schema // the schema of what is left; nil when nothing is
	rest   *Mask   // hides what this one does not
	met    atomic.Pointer[meeting]
}

// A schema remembers so many masks.
const knownMasks = 16

// NewMask hides the fields of s for which keep returns false. It returns nil when none is hidden. Masks
// that hide the same fields of one schema are the same, unless there are many.
func NewMask(s *Schema, keep func(Field) bool) *Mask {
	m := &Mask{hidden: make([]bool, s.Len())}
	m.rest = &Mask{hidden: make([]bool, s.Len()), rest: m}
	kept, left := s.catalog.Schema(), s.catalog.Schema()
	for i, f := range s.fields {
		hides := !keep(f)
		m.hidden[i], m.rest.hidden[i] = hides, !hides
		if hides {
			left = left.With(f)
		} else {
			kept = kept.With(f)
		}
	}
	if left.Len() == 0 {
		return nil
	}
	m.rest.kept = left
	if kept.Len() > 0 {
		m.kept = kept
	}
	if s.private {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.masks {
		if slices.Equal(known.hidden, m.hidden) {
			return known
		}
	}
	if len(s.masks) < knownMasks {
		s.masks = append(s.masks, m)
	}
	return m
}

// Hides reports whether the mask hides a slot. A nil mask hides nothing.
func (k *Mask) Hides(slot int) bool { return k != nil && slot < len(k.hidden) && k.hidden[slot] }

// Project removes the fields that mask hides; a mask of nil removes none. It reports false where no
// field is left, and leaves the metric as it is. The engine calls it for the filters of inputs and
// outputs.
func (m *Metric) Project(mask *Mask) bool {
	if mask == nil {
		return true
	}
	if mask.kept == nil {
		return false
	}
	if m.unread != nil {
		m.projectUnread(mask)
	}
	n := 0
	for slot, bits := range m.values {
		if !mask.hidden[slot] {
			m.values[n] = bits
			n++
		}
	}
	m.values, m.schema = m.values[:n], mask.kept
	return true
}

// and returns a mask of s that hides what k or other does. Masks that meet once meet with each row of their kind,
// so the last answer is kept.
func (k *Mask) and(other *Mask, s *Schema) *Mask {
	if last := k.met.Load(); last != nil && last.other == other && len(last.both.hidden) == s.Len() {
		return last.both
	}
	both := NewMask(s, func(f Field) bool {
		slot := s.Slot(f.Name)
		return !k.Hides(slot) && !other.Hides(slot)
	})
	k.met.Store(&meeting{other, both})
	return both
}

// meeting is the last answer of a mask's and.
type meeting struct{ other, both *Mask }

// Limit hides rows and fields from a processor, for as long as it is at work: rows for which see
// returns false, and in the others the fields that fields(schema) masks. Rows that the processor adds
// are not hidden from it. The engine alone calls Limit and Unlimit.
func (b *Batch) Limit(see func(*Metric) bool, fields func(*Schema) *Mask) {
	b.settle()
	for _, m := range b.rows {
		if !see(m) {
			m.state |= hidden
			continue
		}
		m.mask = fields(m.schema)
	}
}

// Unlimit undoes Limit.
func (b *Batch) Unlimit() {
	b.settle()
	for _, m := range b.rows {
		m.state &^= hidden
		m.mask = nil
	}
}
