package average

import (
	"math"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
)

// spread is the standard deviation of a gauge about its mean, weighted like the mean. Each run is summed
// about its own mean, and runs are put together as Chan, Golub and LeVeque do (Updating Formulae and a
// Pairwise Algorithm for Computing Sample Variances, 1979), so that nothing cancels.
type spread struct {
	weight, mean float64
	square       float64 // the sum of weight·(v-mean)²
	seen         bool    // a sample
}

func (s *spread) fold(r *window.Run, byTime bool) {
	s.seen = s.seen || len(r.V) > 0
	var run spread
	if byTime {
		run.weight = r.Carry + r.Held
	} else {
		run.weight = float64(len(r.V))
	}
	if run.weight == 0 {
		return
	}
	if byTime {
		run.mean = (r.Carry*r.Before.V + product(r.V, r.Hold)) / run.weight
		if r.Carry > 0 {
			run.square = r.Carry * (r.Before.V - run.mean) * (r.Before.V - run.mean)
		}
		for i, v := range r.V {
			run.square += r.Hold[i] * (v - run.mean) * (v - run.mean)
		}
	} else {
		run.mean = sum(r.V) / run.weight
		for _, v := range r.V {
			run.square += (v - run.mean) * (v - run.mean)
		}
	}
	s.merge(&run)
}

func (s *spread) merge(later *spread) {
	s.seen = s.seen || later.seen
	if later.weight == 0 {
		return
	}
	both, step := s.weight+later.weight, later.mean-s.mean
	s.square += later.square + step*step*s.weight*(later.weight/both)
	s.mean += step * (later.weight / both)
	s.weight = both
}

func (s *spread) value() (float64, bool) {
	if s.weight > 0 {
		return math.Sqrt(s.square / s.weight), true
	}
	return 0, s.seen
}
