package pipeline

import "github.com/gpuline/gpuline/plugins/sdk"

// leaveOutOdd removes from a batch the readings that are no finite number, and returns how many. Nobody behind can
// use them: a window passes over them, a database refuses them, and a rate over such a counter is none. A row that
// has no other reading is dropped.
func leaveOutOdd(b *sdk.Batch) (n int) {
	for m := range b.All() {
		if !mayBeOdd(m.Bits()) {
			continue
		}
		odd := 0
		for slot := range m.Len() {
			if !m.Value(slot).Finite() {
				odd++
			}
		}
		if odd == 0 {
			continue
		}
		n += odd
		finite := func(f sdk.Field) bool { v, _ := m.Lookup(f.Name); return v.Finite() }
		if !m.Project(sdk.NewMask(m.Schema(), finite)) {
			b.Drop(m, sdk.DropInvalid)
		}
	}
	return n
}

// mayBeOdd reports whether one of these words would be no finite number, were it a float. An integer can look like
// one.
func mayBeOdd(words []uint64) bool {
	const exponent, carry = 0x7ff << 52, 1 << 52 // an exponent of ones and one more reach the top bit
	var top uint64
	for _, word := range words {
		top |= word&exponent + carry
	}
	return top>>63 != 0
}
