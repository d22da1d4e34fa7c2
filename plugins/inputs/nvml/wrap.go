package nvml

import (
	"math"
	"time"
)

// wrapped follows a counter of 32 bits, or of 64 that the driver may let wrap, and gives one that does
// neither: it starts at 0, so that who takes over from an earlier process sees a reset and no leap.
type wrapped struct {
	last  uint64
	total uint64
	grew  uint64  // with the last reading
	rate  float64 // of growth by the nanosecond; 0 where the last reading was too late to say
	at    int64   // when that was
	known bool
}

const wrap32 = 1 << 32

// trafficGap is a moment in which no link of PCIe carries that much: it is 140 GB/s.
const trafficGap = 30 * time.Millisecond

// next takes a reading of a time. One that falls has wrapped where it fitted 32 bits; else it was reset, and has grown
// from 0 since. One that is so late that a counter of 32 bits may have wrapped unseen has wrapped as often as what it
// grew by before lets expect.
func (w *wrapped) next(v uint64, at int64) uint64 {
	passed := float64(at - w.at)
	w.at = at
	switch {
	case !w.known:
		w.known, w.grew = true, 0
	case !w.narrow() || v >= wrap32:
		w.grew = v
		if v >= w.last {
			w.grew -= w.last
		}
	default:
		w.grew = (v - w.last) % wrap32
		if unseen := math.Round((w.rate*passed - float64(w.grew)) / wrap32); unseen > 0 && passed > late {
			w.grew += uint64(unseen) * wrap32
		}
	}
	w.rate = 0
	if passed > 0 && passed <= late {
		w.rate = float64(w.grew) / passed
	}
	w.total += w.grew
	w.last = v
	return w.total
}

// late is after how long a counter of 32 bits may have wrapped unseen.
const late = float64(2 * trafficGap)

// narrow reports whether the counter may have 32 bits.
func (w *wrapped) narrow() bool { return w.last < wrap32 }

// restart lets the next reading be the first of a counter that has begun anew.
func (w *wrapped) restart() { w.known, w.rate = false, 0 }
