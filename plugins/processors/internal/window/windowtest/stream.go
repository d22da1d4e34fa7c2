package windowtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Stream makes random samples of a few series: uneven steps and long gaps, samples that come late or out
// of order, equal times, times on the edges of windows, fields that come and go, values that are not
// finite, counters that are reset.
type Stream struct {
	random *rand.Rand
	series []source
	step   int64 // typical
}

type source struct {
	name          string
	now           int64
	gauge, energy float64
	count         int64
	without       map[string]bool
}

// NewStream makes the stream of a seed, with samples typically so many nanoseconds apart.
func NewStream(seed uint64, step int64) *Stream {
	s := &Stream{random: rand.New(rand.NewPCG(seed, 7)), step: step} //nolint:gosec // repeatable on purpose
	for i := range 1 + s.random.IntN(3) {
		start := (1_000_000 + s.random.Int64N(60)) * 1e9
		if s.random.IntN(4) > 0 {
			start += s.random.Int64N(1e9)
		}
		if s.random.IntN(8) == 0 {
			start = -3e9
		}
		s.series = append(s.series, source{name: fmt.Sprint("s", i), now: start, gauge: 50, energy: 1e6, without: map[string]bool{}})
	}
	return s
}

var fields = []string{"level", "other", "whole", "power_watts", "energy_joules", "count", "state", "name", "on"}

// Next returns the next sample.
func (s *Stream) Next() Row {
	r := s.random
	src := &s.series[r.IntN(len(s.series))]
	chance := func(percent int) bool { return r.IntN(100) < percent }
	switch {
	case chance(4): // the same instant again
	case chance(10): // an edge
		src.now = (src.now/1e9 + 1) * 1e9
	case chance(2):
		src.now += r.Int64N(8e9)
	case r.IntN(1000) < 4:
		src.now += r.Int64N(60e9)
	default:
		src.now += 1 + r.Int64N(2*s.step)
	}
	t := src.now
	switch {
	case chance(12):
		t -= r.Int64N(1e9)
	case chance(4):
		t -= r.Int64N(8e9)
	}
	if chance(3) {
		f := fields[r.IntN(len(fields))]
		src.without[f] = !src.without[f]
	}
	row := Row{Series: src.name, T: t, Fields: map[string]sdk.Value{}}
	src.gauge = math.Max(0, src.gauge+r.NormFloat64()*10)
	src.energy += r.Float64() * 100
	src.count += r.Int64N(20)
	if r.IntN(150) == 0 {
		src.energy, src.count = r.Float64(), r.Int64N(3)
	}
	for _, f := range fields {
		if src.without[f] || chance(15) {
			continue
		}
		row.Fields[f] = s.value(src, f)
	}
	return row
}

func (s *Stream) value(src *source, field string) sdk.Value {
	r := s.random
	switch field {
	case "other":
		switch r.IntN(30) {
		case 0:
			return sdk.FloatValue(math.NaN())
		case 1:
			return sdk.FloatValue(math.Inf(1 - 2*r.IntN(2)))
		}
		return sdk.FloatValue(r.Float64() - 0.3)
	case "whole":
		return sdk.IntValue(int64(src.gauge) - 20)
	case "energy_joules":
		return sdk.FloatValue(src.energy)
	case "count":
		return sdk.IntValue(src.count)
	case "state":
		return sdk.IntValue(r.Int64N(9))
	case "name":
		return sdk.StringValue(fmt.Sprint("p", r.IntN(3)))
	case "on":
		return sdk.BoolValue(r.IntN(2) == 0)
	}
	return sdk.FloatValue(math.Floor(src.gauge*8) / 8)
}
