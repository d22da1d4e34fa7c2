package nvml

// wrapped follows a counter of 32 bits, or of 64 that the driver may let wrap, and gives one that does
// neither: it starts at 0, so that who takes over from an earlier process sees a reset and no leap.
type wrapped struct {
	last  uint64
	total uint64
	grew  uint64 // with the last reading
	known bool
}

const wrap32 = 1 << 32

// next takes a reading. One that falls has wrapped where it fitted 32 bits; else it was reset, and has grown from 0
// since.
func (w *wrapped) next(v uint64) uint64 {
	switch {
	case !w.known:
		w.known, w.grew = true, 0
	case v >= w.last:
		w.grew = v - w.last
	case w.narrow():
		w.grew = v + wrap32 - w.last
	default:
		w.grew = v
	}
	w.total += w.grew
	w.last = v
	return w.total
}

// narrow reports whether the counter may have 32 bits.
func (w *wrapped) narrow() bool { return w.last < wrap32 }

// restart lets the next reading be the first of a counter that has begun anew.
func (w *wrapped) restart() { w.known = false }
