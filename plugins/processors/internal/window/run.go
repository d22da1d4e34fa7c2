package window

// Run is what a statistic reads: the samples of one field in the span of time [From, Until), in order,
// with the time for which each holds within it. A sample holds until the next one of its field, and no
// longer than MaxGap. A window is made of one run or several; their contributions add up. A Run and its
// slices are valid until Fold returns.
type Run struct {
	From, Until int64     // in Unix nanoseconds, as all times here
	Before      Sample    // the last one before the run, however long ago
	T           []int64   // when
	V           []float64 // what
	Hold        []float64 // for how long each holds within the span, in nanoseconds
	Held        float64   // the sum of Hold
	Carry       float64   // for how long Before holds within the span, in nanoseconds
	Gap         int64     // the longest time between two neighbours in T
	After       Sample    // of a counter: the first one at or after Until, where there is one by then
	MaxGap      int64
}

// Sample is one value of one field.
type Sample struct {
	T  int64
	V  float64
	OK bool // false: there is none
}

// Fresh reports whether nothing held any more when sample i was taken.
func (r *Run) Fresh(i int) bool {
	if i > 0 {
		return r.T[i]-r.T[i-1] > r.MaxGap
	}
	return !r.Before.OK || r.T[0]-r.Before.T > r.MaxGap
}

// measure computes the holds of T; hold provides the memory.
func (r *Run) measure(hold []float64) {
	n := len(r.T)
	r.Hold, r.Held, r.Gap = hold[:n], 0, 0
	if n == 0 {
		return
	}
	hold = r.Hold
	held := int64(0) // sums of whole numbers are exact
	for i, t := range r.T[1:] {
		d := t - r.T[i]
		r.Gap = max(r.Gap, d)
		d = min(d, r.MaxGap)
		held += d
		hold[i] = float64(d)
	}
	d := min(r.Until-r.T[n-1], r.MaxGap)
	hold[n-1] = float64(d)
	r.Held = float64(held + d)
}

// carry computes for how long Before holds.
func (r *Run) carry() {
	r.Carry = 0
	if !r.Before.OK {
		return
	}
	to := r.Until
	if len(r.T) > 0 {
		to = r.T[0]
	}
	if d := min(to, r.Before.T+r.MaxGap) - max(r.From, r.Before.T); d > 0 {
		r.Carry = float64(d)
	}
}
