package sdk

// Absorb marks m as read by a window. It stays in the batch, so that other windows see it too. What a filter hides
// of it from the window at work has not been read, unless another window reads it: see Unread.
func (b *Batch) Absorb(m *Metric) {
	switch {
	case m.state&(gone|outside) != 0:
	case m.state&absorbed == 0:
		m.state |= absorbed
		b.tally.Absorbed++
		if m.mask != nil {
			m.unread = m.mask.rest
		}
	case m.mask == nil:
		m.unread = nil
	case m.unread != nil && m.unread != m.mask.rest:
		m.unread = m.mask.rest.and(m.unread, m.schema)
	}
}

// Unread reports whether the row has fields that no window has read though one has absorbed it: those that filters
// hid from all windows.
func (m *Metric) Unread() bool { return m.unread != nil && m.unread.kept != nil }

// Read reports whether a window has read the field in slot.
func (m *Metric) Read(slot int) bool { return m.Absorbed() && !(m.Unread() && !m.unread.Hides(slot)) }

// UnreadMask returns what hides the fields of an absorbed row that no window has read, or nil where there are none.
func (m *Metric) UnreadMask() *Mask {
	switch {
	case !m.Unread():
		return nil
	case len(m.unread.hidden) == m.schema.Len():
		return m.unread.rest
	}
	return NewMask(m.schema, func(f Field) bool { return m.Read(m.schema.Slot(f.Name)) })
}

// SetUnreadMask says which fields of an absorbed row no window has read: those that mask, which was made for the row's
// schema, hides. With nil all have been read; with a mask that hides every field the row is absorbed no more. A
// transport calls it for a row that it restores, and a processor for one that it has filled with fields of another.
func (m *Metric) SetUnreadMask(mask *Mask) {
	switch {
	case m.state&absorbed == 0:
	case mask == nil:
		m.unread = nil
	case mask.kept == nil:
		m.state, m.unread = m.state&^absorbed, nil
	default:
		m.unread = mask.rest
	}
}

// KeepUnread leaves of an absorbed row what no window has read, as a row that is not absorbed. The engine calls it
// for a copy of the row, where Unread is true.
func (m *Metric) KeepUnread() {
	mask := m.unread
	if len(mask.hidden) != m.schema.Len() { // a processor has added fields since
		mask = NewMask(m.schema, func(f Field) bool { return !m.unread.Hides(m.schema.Slot(f.Name)) })
	}
	m.state, m.unread = m.state&^absorbed, nil
	m.Project(mask)
}

// projectUnread goes over to the fields that mask keeps.
func (m *Metric) projectUnread(mask *Mask) {
	from, unread := m.schema, m.unread
	m.SetUnreadMask(NewMask(mask.kept, func(f Field) bool { return unread.Hides(from.Slot(f.Name)) }))
}
