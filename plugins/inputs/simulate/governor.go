package simulate

import (
	"math"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// governor is what lowers the clock: the power limit, the operating temperature, and the hardware.
type governor struct {
	ratio   float64 // clock now, of the fastest
	drawn   float64 // watts that the work asked for lately
	thermal float64 // clock that the temperature allows, of the fastest
	hot     bool    // the hardware has stepped in
	asleep  bool
	reasons int64

	swPower, swThermal, hwThermal float64 // seconds
}

// Limits of the board, in degrees Celsius, and of its clocks, in hertz.
const (
	maxOperating = 87
	slowdown     = 89
	recovered    = 86
	shutdown     = 95

	fastest  = 1980e6
	slowest  = 345e6
	memClock = 2619e6
	grain    = 15e6
)

const (
	reaction = 0.1  // seconds over which the power limit looks
	floor    = 0.35 // of the fastest clock
	fall     = 0.1  // of the fastest clock, per second and kelvin above the operating temperature
	rise     = 0.05 // of the fastest clock, per second
)

// govern sets the clock for the next dt seconds. budget is what the power limit leaves for work, in
// watts; work draws with the square of the clock.
func (g *governor) govern(dt, demand, budget, core float64, asleep bool) {
	g.asleep, g.reasons, g.ratio = asleep, 0, 1
	g.drawn += (demand - g.drawn) * dt / (reaction + dt)
	if g.drawn > budget {
		g.ratio = max(math.Sqrt(max(budget, 0)/g.drawn), floor)
		g.hold(vocabulary.ThrottleSWPower, &g.swPower, dt)
	}
	if core > maxOperating {
		g.thermal = max(g.thermal-fall*(core-maxOperating)*dt, floor)
	} else {
		g.thermal = min(g.thermal+rise*dt, 1)
	}
	if g.thermal < 1 {
		g.ratio = min(g.ratio, g.thermal)
		g.hold(vocabulary.ThrottleSWThermal, &g.swThermal, dt)
	}
	if core >= slowdown {
		g.hot = true
	} else if core < recovered {
		g.hot = false
	}
	if g.hot {
		g.ratio /= 2
		g.reasons |= vocabulary.ThrottleHWSlowdown
		g.hold(vocabulary.ThrottleHWThermal, &g.hwThermal, dt)
	}
}

// sleep forgets what the clock was lowered for.
func (g *governor) sleep() {
	g.asleep, g.reasons, g.ratio, g.drawn, g.thermal, g.hot = true, 0, 1, 0, 1, false
}

func (g *governor) hold(reason int64, counter *float64, dt float64) {
	g.reasons |= reason
	*counter += dt
}

// hertz returns the clock as the driver shows it, in steps.
func (g *governor) hertz() float64 {
	if g.asleep {
		return slowest
	}
	return max(math.Round(fastest*g.ratio/grain)*grain, slowest)
}
