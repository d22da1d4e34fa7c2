package sdk

import "unsafe"

// Rows and their values live in chunks, which Reset keeps. The values of the last row grow in place, until the
// next row begins.
const (
	metricChunk = 64
	arenaChunk  = 2048
	spareSlots  = 4 // room for the fields that processors add
)

// Bytes estimates the memory that the rows occupy; queues are bounded by it.
func (b *Batch) Bytes() int {
	return b.Len()*int(unsafe.Sizeof(Metric{})+8) + (b.chunk*arenaChunk+b.used)*8 + b.bytes
}

// insert makes room for a row and puts it at its place.
func (b *Batch) insert() *Metric {
	b.seal()
	if b.metric == len(b.metrics)*metricChunk {
		b.metrics = append(b.metrics, make([]Metric, metricChunk))
	}
	m := &b.metrics[b.metric/metricChunk][b.metric%metricChunk]
	b.metric++
	texts := m.texts[:0]
	*m = Metric{batch: b, texts: texts}
	if len(b.arena) == 0 {
		b.arena = append(b.arena, make([]uint64, arenaChunk))
	}
	m.values = b.arena[b.chunk][b.used:b.used:arenaChunk]
	b.open = m
	if b.cursor >= 0 {
		b.added = append(b.added, insertion{b.behind(), m})
	} else {
		b.rows = append(b.rows, m)
	}
	return m
}

// seal ends the growth in place of the last row, and leaves it some spare slots.
func (b *Batch) seal() {
	m := b.open
	if m == nil {
		return
	}
	b.open = nil
	n := min(len(m.values)+spareSlots, cap(m.values))
	m.values = m.values[:len(m.values):n]
	b.used += n
}

// grow makes room for at least one more value of m.
func (b *Batch) grow(m *Metric) { b.reserve(m, 2*len(m.values)+spareSlots) }

// reserve moves m's values to a place with room for n.
func (b *Batch) reserve(m *Metric, n int) {
	if m.state&outside != 0 || n+spareSlots > arenaChunk {
		if m == b.open {
			b.open = nil
		}
		if m.state&outside == 0 {
			b.bytes += 8 * n
		}
		m.values = append(make([]uint64, 0, n+spareSlots), m.values...)
		return
	}
	if m != b.open {
		b.seal()
	}
	if arenaChunk-b.used < n+spareSlots {
		b.chunk, b.used = b.chunk+1, 0
		if b.chunk == len(b.arena) {
			b.arena = append(b.arena, make([]uint64, arenaChunk))
		}
	}
	at := b.used
	if m == b.open {
		m.values = append(b.arena[b.chunk][at:at:arenaChunk], m.values...)
		return
	}
	m.values = append(b.arena[b.chunk][at:at:at+n], m.values...)
	b.used += n
}
