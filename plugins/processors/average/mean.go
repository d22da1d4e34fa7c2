package average

import "github.com/gpuline/gpuline/plugins/processors/internal/window"

// mean is the mean of a gauge: the sum of v·weight over the sum of weights. A sample weighs as many
// nanoseconds as it holds, or 1.
type mean struct {
	sum, weight float64
	last        window.Sample // where nothing holds for any time, the last sample is the mean
}

func (m *mean) fold(r *window.Run, byTime bool) {
	if n := len(r.V); n > 0 {
		m.last = window.Sample{V: r.V[n-1], OK: true}
	}
	if byTime {
		m.sum += r.Carry*r.Before.V + product(r.V, r.Hold)
		m.weight += r.Carry + r.Held
		return
	}
	m.sum += sum(r.V)
	m.weight += float64(len(r.V))
}

func (m *mean) merge(later *mean) {
	m.sum += later.sum
	m.weight += later.weight
	if later.last.OK {
		m.last = later.last
	}
}

func (m *mean) value() (float64, bool) {
	if m.weight > 0 {
		return m.sum / m.weight, true
	}
	return m.last.V, m.last.OK
}

// sum adds v up in four lanes: they wait for no one another, and round less.
func sum(v []float64) float64 {
	var a, b, c, d float64
	for ; len(v) >= 4; v = v[4:] {
		a += v[0]
		b += v[1]
		c += v[2]
		d += v[3]
	}
	for _, x := range v {
		a += x
	}
	return (a + b) + (c + d)
}

// product returns the sum of v·w.
func product(v, w []float64) float64 {
	var a, b, c, d float64
	w = w[:len(v)]
	for len(v) >= 4 && len(w) >= 4 {
		a += v[0] * w[0]
		b += v[1] * w[1]
		c += v[2] * w[2]
		d += v[3] * w[3]
		v, w = v[4:], w[4:]
	}
	for i, x := range v {
		a += x * w[i]
	}
	return (a + b) + (c + d)
}
