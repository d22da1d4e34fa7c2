package simulate

import (
	"math/rand/v2"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// card is the model of one GPU, close to an H100 SXM. All its values are in base units.
type card struct {
	scenario
	rng     *rand.Rand
	doomed  bool    // falls off the bus when the scenario says so
	elapsed float64 // seconds since the model began
	lost    bool
	xids    []int // since the last forget
	lastXID int

	work    work
	clock   governor
	heap    heap
	windows windows
	seen    sums  // since the last forget
	held    sums  // of the forget before, shown where no time has passed
	reasons int64 // bits of throttle_reasons that were set since the last forget

	power, average float64 // watts, now and over the last second
	core, hbm      float64 // degrees Celsius
	energy         float64 // joules
	pcieTX, pcieRX float64 // bytes
	nvlink         float64 // bytes, each way: what one card of a group sends, it receives from the others

	nextError              float64 // seconds until the next memory error
	corrected, uncorrected int
	before                 int // corrected in the life of the card until the model began
}

// Figures of the board.
const (
	ambient       = 28.0 // of the air that comes in
	idleWatts     = 70.0 // with the clock down
	awakeWatts    = 40.0 // more, with the clock up
	leakageStart  = 40.0 // above which a warmer core draws more,
	leakage       = 0.35 // by so many watts per kelvin
	coreInertia   = 15.0 // seconds: thermal mass times resistance
	memoryInertia = 25.0
	averaging     = 0.5 // seconds: time constant of power_average_watts
	sleepAfter    = 2.0 // seconds without work until the clock falls
)

func newCard(s scenario, rng *rand.Rand, index int, last bool) *card {
	c := &card{scenario: s, rng: rng, doomed: last}
	c.cooling *= 0.92 + 0.2*rng.Float64() // no two cards sit in the same air
	if index == 0 && s.cooling > plain.cooling {
		c.cooling *= 2 // something lies on this one's inlet
	}
	c.core, c.hbm = ambient+8, ambient+12
	c.power, c.average = idleWatts, idleWatts
	c.clock = governor{thermal: 1, ratio: 1, asleep: true}
	c.heap = newHeap(rng)
	c.work = newWork(&c.scenario, rng)
	c.before = rng.IntN(40)
	c.nextError = s.faulty * rng.ExpFloat64()
	return c
}

// step advances the model by dt seconds, a few milliseconds. First-order lags are taken by the implicit
// Euler method, which is stable for every dt.
func (c *card) step(dt float64) {
	if c.lost {
		return
	}
	c.elapsed += dt
	c.work.advance(dt, c.clock.ratio, c.elapsed, c.heap.ready())
	static := c.static()
	c.clock.govern(dt, c.work.demand(), c.limit-static, c.core, c.work.idle > sleepAfter)
	c.power = static + c.work.demand()*c.clock.ratio*c.clock.ratio
	c.settle(dt)
	c.heap.advance(dt, c.leak, c.work.pressure)
	c.move(dt)
	c.windows.add(dt, &c.work)
	c.seen.add(dt, &c.work, &c.clock)
	c.reasons |= c.clock.reasons
	c.fail(dt)
}

// rest lets dt seconds pass without work.
func (c *card) rest(dt float64) {
	if c.lost {
		return
	}
	c.elapsed += dt
	c.work.pause()
	c.clock.sleep()
	c.power = idleWatts
	c.settle(dt)
	c.heap.advance(dt, c.leak, 0)
	c.seen = sums{}
	c.fail(dt)
}

func (c *card) static() float64 {
	w := idleWatts + leakage*max(c.core-leakageStart, 0)
	if c.work.idle <= sleepAfter {
		w += awakeWatts
	}
	return w
}

// settle lets energy and heat follow power.
func (c *card) settle(dt float64) {
	c.energy += c.power * dt
	c.average += (c.power - c.average) * dt / (averaging + dt)
	c.core += (ambient + c.cooling*c.power - c.core) * dt / (coreInertia + dt)
	c.hbm += (c.core + 3 + 5*c.work.dramNow() - c.hbm) * dt / (memoryInertia + dt)
}

// move counts what goes over the links.
func (c *card) move(dt float64) {
	if !c.heap.ready() {
		c.pcieRX += 12e9 * dt // a model is being loaded
		return
	}
	if c.work.busy {
		c.pcieRX += 0.6e9 * c.work.sm * dt
		c.pcieTX += 0.2e9 * c.work.sm * dt
		c.nvlink += 60e9 * c.work.tensor * dt
	}
}

// fail makes what goes wrong with time.
func (c *card) fail(dt float64) {
	if c.doomed && c.elapsed >= c.lifetime {
		c.lost = true
		c.work.drop()
		c.raise(79)
		return
	}
	if c.nextError -= dt; c.nextError > 0 {
		return
	}
	c.nextError = c.faulty * c.rng.ExpFloat64()
	if c.grave == 0 || c.rng.IntN(c.grave) > 0 {
		c.corrected++
		return
	}
	c.uncorrected++
	c.raise(94) // contained, and
	c.raise(63) // the row will be replaced
}

func (c *card) raise(xid int) {
	c.lastXID = xid
	c.xids = append(c.xids, xid)
}

// forget begins a new interval between two gathers.
func (c *card) forget() {
	if c.seen.time > 0 {
		c.held = c.seen
	}
	c.seen, c.reasons, c.xids = sums{}, 0, c.xids[:0]
	c.work.server.forget()
}

// interval returns the sums of the last interval in which time passed.
func (c *card) interval() *sums {
	if c.seen.time > 0 {
		return &c.seen
	}
	return &c.held
}

// bits returns throttle_reasons as the driver would show it now.
func (c *card) bits() int64 {
	if c.work.idle > sleepAfter {
		return vocabulary.ThrottleIdle
	}
	return c.clock.reasons
}
