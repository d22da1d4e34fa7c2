package nvml

// wrapped follows a counter of 32 bits, or of 64 that the driver may let wrap, and gives one that does
// neither: it starts at 0, so that who takes over from an earlier process sees a reset and no leap.
type wrapped struct {
	last  uint64
	total uint64
	known bool
}

const wrap32 = 1 << 32

// next takes a reading. A counter that falls from the upper half of 32 bits into the lower half has
// wrapped; one that falls otherwise was reset, and has grown from 0 since.
func (w *wrapped) next(v uint64) uint64 {
	switch {
	case !w.known:
		w.known = true
	case v >= w.last:
		w.total += v - w.last
	case w.last < wrap32 && w.last >= wrap32/2 && v < wrap32/2:
		w.total += v + wrap32 - w.last
	default:
		w.total += v
	}
	w.last = v
	return w.total
}
