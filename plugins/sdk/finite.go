package sdk

// LeaveOutOdd removes the values that are no finite number, and returns how many. It is for what comes from outside.
// Nobody behind can use them: a window passes over them, a database refuses them, and a rate over such a counter is
// none. A row that has no other value is dropped.
func (b *Batch) LeaveOutOdd() (n int) {
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
		finite := func(f Field) bool { v, _ := m.Lookup(f.Name); return v.Finite() }
		if !m.Project(NewMask(m.Schema(), finite)) {
			b.Drop(m, DropInvalid)
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

// InvalidValues returns the counter of what [Batch.LeaveOutOdd] has left out for a plugin.
func (m *Meter) InvalidValues() *Number {
	return m.Counter("gpuline_invalid_values_total", "Values of an input, or of an external processor, that are no finite number, and were left out.")
}
