package listener

import (
	"math/bits"
	"sync"
)

// memory lends buffers, whose sum is bounded, and keeps some for the next who asks. It is safe for
// concurrent use.
type memory struct {
	limit int64

	mu   sync.Mutex
	lent int64
	held int64    // by streams, of what is lent
	free [][]byte // buffers to lend again, the one given back last at the end
	idle int64    // bytes of free
}

const (
	leastBuffer = 4 << 10 // of a stream
	smallBuffer = 64 << 10
	keptBuffers = 8 << 20 // bytes that are kept while nobody needs them
)

func newMemory(limit int64) *memory { return &memory{limit: limit} }

// borrow returns an empty buffer with room for something, or nil where share bytes are lent already.
func (m *memory) borrow(share int64) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.free); n > 0 {
		b := m.free[n-1]
		if m.lent+int64(cap(b)) <= share {
			m.free = m.free[:n-1]
			m.idle -= int64(cap(b))
			m.lent += int64(cap(b))
			return b[:0]
		}
	}
	if m.lent+smallBuffer > share {
		return nil
	}
	m.lent += smallBuffer
	return make([]byte, 0, smallBuffer)
}

// grow returns a buffer with what b holds and room for more, up to most bytes, in exchange for b. It
// returns nil, and b is still lent, where there is no memory for it.
func (m *memory) grow(b []byte, most int) []byte {
	size := min(1<<bits.Len(uint(cap(b))), most)
	m.mu.Lock()
	if m.lent+int64(size-cap(b)) > m.limit {
		m.mu.Unlock()
		return nil
	}
	m.lent += int64(size - cap(b))
	m.mu.Unlock()
	return append(make([]byte, 0, size), b...)
}

// admit takes the least that a stream needs into account. It reports false where streams have a quarter of all.
func (m *memory) admit() bool { return m.reserve(leastBuffer, m.limit/4) }

// enlarge takes n more bytes of a stream into account, or gives them back where n is negative. It reports false where
// streams have an eighth of all: long lines leave room for further streams.
func (m *memory) enlarge(n int) bool { return m.reserve(int64(n), m.limit/8) }

func (m *memory) reserve(n, share int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > 0 && (m.held+n > share || m.lent+n > m.limit) {
		return false
	}
	m.held += n
	m.lent += n
	return true
}

// giveBack ends a loan.
func (m *memory) giveBack(b []byte) {
	if cap(b) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lent -= int64(cap(b))
	if m.idle+int64(cap(b)) <= keptBuffers {
		m.idle += int64(cap(b))
		m.free = append(m.free, b)
	}
}
