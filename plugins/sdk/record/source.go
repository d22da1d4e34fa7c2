package record

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// source reads a payload. After its first error it gives zeros.
type source struct {
	rest []byte
	err  error
}

func (s *source) fail(problem string) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %s", ErrCorrupt, problem)
	}
	s.rest = nil
}

func (s *source) number() uint64 {
	v, n := binary.Uvarint(s.rest)
	if n <= 0 {
		s.fail("a number is cut short or too long")
		return 0
	}
	s.rest = s.rest[n:]
	return v
}

func (s *source) signed() int64 {
	v, n := binary.Varint(s.rest)
	if n <= 0 {
		s.fail("a number is cut short or too long")
		return 0
	}
	s.rest = s.rest[n:]
	return v
}

// index reads a number below limit.
func (s *source) index(limit int) int {
	v := s.number()
	if s.err == nil && v >= uint64(limit) {
		s.fail("an index points at nothing")
		return 0
	}
	return int(v)
}

// count reads how many things follow, each of at least so many bytes.
func (s *source) count(least int) int { return s.index(len(s.rest)/least + 1) }

func (s *source) byte() byte {
	if b := s.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// bytes reads n bytes; they are valid as long as the payload.
func (s *source) bytes(n int) []byte {
	if s.err != nil || n > len(s.rest) {
		s.fail("cut short")
		return nil
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

func (s *source) string() string { return string(s.bytes(s.count(1))) }

// names tells whether a name stands twice.
type names struct {
	few    []string
	many   map[string]bool
	isMany bool
}

const fewNames = 16

// reset forgets the names, and keeps the memory.
func (n *names) reset() {
	clear(n.few)
	clear(n.many)
	n.few, n.isMany = n.few[:0], false
}

func (n *names) add(name string) bool {
	if !n.isMany {
		if slices.Contains(n.few, name) {
			return false
		}
		if n.few = append(n.few, name); len(n.few) > fewNames {
			if n.isMany = true; n.many == nil {
				n.many = make(map[string]bool, 2*fewNames)
			}
			for _, name := range n.few {
				n.many[name] = true
			}
		}
		return true
	}
	if n.many[name] {
		return false
	}
	n.many[name] = true
	return true
}

// floats reads a column of n values of 8 bytes.
func (d *decoder) floats(n int) {
	if n > len(d.rest)/8 {
		d.fail("cut short")
		return
	}
	column := d.bytes(8 * n)
	for ; len(column) > 0; column = column[8:] {
		d.values = append(d.values, binary.LittleEndian.Uint64(column))
	}
}

// deltas reads a column of n integers.
func (d *decoder) deltas(n int) {
	before := int64(0)
	for range n {
		before += d.signed()
		if d.err != nil {
			return
		}
		d.values = append(d.values, uint64(before))
	}
}

// bits reads n bits.
func (d *decoder) bits(n int) {
	packed := d.bytes((n + 7) / 8)
	if d.err != nil {
		return
	}
	for i := range n {
		d.values = append(d.values, uint64(packed[i/8]>>(i%8)&1))
	}
	if n%8 > 0 && bits.Len8(packed[n/8]) > n%8 {
		d.fail("bits after the end of a column")
	}
}
