package simulate

import "math"

// scenario says what a machine goes through.
type scenario struct {
	load     float64 // share of time in which there is work
	swell    float64 // by what share the load rises and falls over the minutes
	shortest float64 // seconds of a burst of work
	longest  float64
	effort   float64 // least share of the multiprocessors that a burst uses
	limit    float64 // power limit in watts
	cooling  float64 // kelvin per watt between core and air
	leak     float64 // bytes per second of memory that is never freed
	faulty   float64 // mean seconds between corrected memory errors
	grave    int     // every so many of them cannot be corrected; 0 for none
	lifetime float64 // seconds after which one card falls off the bus
}

var never = math.Inf(1)

// plain is what the others differ from: requests that come in bursts of 10 to 200 ms.
var plain = scenario{
	load: 0.4, swell: 0.4, shortest: 0.010, longest: 0.200, effort: 0.45,
	limit: 700, cooling: 0.072, faulty: 1800, lifetime: never,
}

var scenarios = map[string]scenario{
	"inference": plain,
	"training": plain.with(func(s *scenario) {
		s.load, s.swell, s.effort = 0.96, 0, 0.8
		s.shortest, s.longest = 0.8, 1.4
	}),
	"thermal": plain.with(func(s *scenario) {
		s.load, s.swell, s.effort, s.cooling = 0.85, 0.1, 0.75, 0.15
	}),
	"power_cap": plain.with(func(s *scenario) {
		s.load, s.swell, s.effort, s.limit = 0.85, 0.1, 0.75, 350
	}),
	"memory_leak": plain.with(func(s *scenario) { s.leak = 256 << 20 }),
	"ecc":         plain.with(func(s *scenario) { s.faulty, s.grave = 5, 8 }),
	"lost_gpu":    plain.with(func(s *scenario) { s.lifetime = 20 }),
	"idle":        plain.with(func(s *scenario) { s.load = 0 }),
}

func (s scenario) with(change func(*scenario)) scenario {
	change(&s)
	return s
}
