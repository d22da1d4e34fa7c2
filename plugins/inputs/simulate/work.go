package simulate

import (
	"math"
	"math/rand/v2"
)

// work is what a card is asked to do: bursts with pauses between them. The pauses follow a load that
// swells and ebbs, so that there is something to see.
type work struct {
	scenario *scenario
	rng      *rand.Rand
	phase    float64

	busy     bool
	left     float64 // seconds of the burst, at full clock, or of the pause
	idle     float64 // seconds since the last work
	pressure float64 // load now, 0..1: what is in flight

	sm, tensor, dram float64 // of the burst, 0..1
	watts            float64 // that it draws at full clock

	server server
}

const (
	tide = 180.0 // seconds from one high load to the next

	smWatts     = 330.0 // that the multiprocessors draw at most,
	tensorWatts = 250.0 // tensor cores,
	dramWatts   = 130.0 // and memory
)

func newWork(s *scenario, rng *rand.Rand) work {
	w := work{scenario: s, rng: rng, phase: 2 * math.Pi * rng.Float64()}
	w.pause()
	return w
}

// advance lets dt seconds pass. Work takes longer at a lower clock.
func (w *work) advance(dt, clock, elapsed float64, ready bool) {
	switch {
	case !ready:
		w.drop()
		w.idle += dt
	case w.busy:
		w.idle = 0
		w.left -= dt * clock
	default:
		w.idle += dt
		w.left -= dt
	}
	for w.left <= 0 {
		if w.busy {
			w.server.answer(elapsed + w.left/clock)
			w.ebb(elapsed)
		} else {
			w.server.begin(elapsed + w.left)
			w.burst()
		}
	}
}

// drop ends a burst before it is done.
func (w *work) drop() {
	if w.busy {
		w.server.fail()
	}
	w.busy = false
}

// burst begins a piece of work: a prefill, which computes, or a decode, which moves memory.
func (w *work) burst() {
	s := w.scenario
	w.busy = true
	w.left += s.shortest * math.Pow(s.longest/s.shortest, w.rng.Float64())
	w.sm = s.effort + (0.98-s.effort)*w.rng.Float64()
	if w.rng.Float64() < 0.4 {
		w.tensor, w.dram = 0.75*w.sm, 0.35*w.sm
	} else {
		w.tensor, w.dram = 0.25*w.sm, 0.85*w.sm
	}
	w.watts = smWatts*w.sm + tensorWatts*w.tensor + dramWatts*w.dram
}

// ebb begins a pause, as long as the load asks for.
func (w *work) ebb(elapsed float64) {
	s := w.scenario
	w.busy = false
	w.pressure = min(s.load*(1+s.swell*math.Sin(2*math.Pi*elapsed/tide+w.phase)), 0.97)
	mean := (s.longest - s.shortest) / math.Log(s.longest/s.shortest)
	w.left += mean * (1 - w.pressure) / w.pressure * w.rng.ExpFloat64()
}

// pause drops the work at hand.
func (w *work) pause() {
	w.drop()
	w.idle, w.pressure = sleepAfter+1, 0
	if w.left = w.scenario.longest * w.rng.Float64(); w.scenario.load == 0 {
		w.left = never
	}
}

// demand returns the watts above the static ones that the work would draw at full clock.
func (w *work) demand() float64 {
	if w.busy {
		return w.watts
	}
	return 0
}

func (w *work) dramNow() float64 {
	if w.busy {
		return w.dram
	}
	return 0
}
