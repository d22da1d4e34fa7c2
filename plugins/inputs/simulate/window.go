package simulate

import "math"

// windows is what a driver makes of activity: shares of whole sample periods, in whole percent. Bursts
// shorter than a period are seen as a lower utilization.
type windows struct {
	time, busy, dram float64
	utilization      float64 // of the last whole period
	memoryActivity   float64
}

const samplePeriod = 1.0 / 6

func (w *windows) add(dt float64, work *work) {
	w.time += dt
	if work.busy {
		w.busy += dt
		w.dram += dt * work.dram
	}
	if w.time >= samplePeriod {
		w.utilization, w.memoryActivity = hundredths(w.busy/w.time), hundredths(w.dram/w.time)
		w.time, w.busy, w.dram = 0, 0, 0
	}
}

// sums is what a card did between two gathers, as profiling counters show it.
type sums struct {
	time, busy, sm, tensor, dram float64
}

func (s *sums) add(dt float64, work *work, clock *governor) {
	s.time += dt
	if work.busy {
		s.busy += dt
		s.sm += dt * work.sm
		s.tensor += dt * work.tensor * clock.ratio
		s.dram += dt * work.dram
	}
}

// share returns what a sum is in relation to the time, as a ratio with four digits.
func (s *sums) share(sum float64) float64 {
	if s.time == 0 {
		return 0
	}
	return min(math.Round(1e4*sum/s.time)/1e4, 1)
}

func hundredths(ratio float64) float64 { return min(math.Round(100*ratio)/100, 1) }
