package threshold

import "encoding/binary"

// set is a set of rules, a bit for each.
type set []uint64

func newSet(rules int) set { return make(set, (rules+63)/64) }

func (s set) put(i int, in bool) {
	if in {
		s[i/64] |= 1 << (i % 64)
	} else {
		s[i/64] &^= 1 << (i % 64)
	}
}

func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

// add adds the members of t.
func (s set) add(t set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s set) empty() bool {
	for _, word := range s {
		if word != 0 {
			return false
		}
	}
	return true
}

// key appends a key of the set to dst.
func (s set) key(dst []byte) []byte {
	for _, word := range s {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst
}
