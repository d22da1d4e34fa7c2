package nvml

import "math"

// settle finds out by which clock the driver stamps, from the newest of the samples in all, which are sorted.
func (r *ring) settle(all []entry, now *instant) {
	for i := len(all) - 1; i >= 0 && all[i].at > r.last; i-- {
		if all[i].at > latest {
			continue
		}
		stamp := int64(all[i].at) * 1000
		if d := now.domainOf(stamp, &r.not); d != domainUnknown {
			r.domain, r.strays = d, 0
			return
		}
		if age := r.clock(now) - stamp; r.domain == domainOther && age >= -ahead && age <= longAgo {
			r.guess(stamp, now)
			return
		}
	}
	if len(all) == 0 || all[len(all)-1].at <= r.last || all[len(all)-1].at > latest {
		return
	}
	if r.strays++; r.strays >= enoughStrays {
		r.domain, r.strays, r.other = domainOther, 0, math.MinInt64
		r.guess(int64(all[len(all)-1].at)*1000, now)
	}
}

// guess estimates the driver's clock from a sample: the youngest that was seen is nearest to it, but for what the two
// clocks drift apart.
func (r *ring) guess(stamp int64, now *instant) {
	const drift = 10_000 // one part of so many, at most
	if r.other != math.MinInt64 {
		r.other -= (now.boot - r.seen) / drift
	}
	r.other, r.seen = max(r.other, stamp-now.boot), now.boot
}

// enoughStrays is how many drains must give samples that fit no clock before their driver counts as one that stamps
// by another: some stamps are nonsense.
const enoughStrays = 8

// clock returns the time by the driver's clock.
func (r *ring) clock(now *instant) int64 {
	if r.domain == domainOther {
		return now.boot + r.other
	}
	return now.in(r.domain)
}

// latest is the last time stamp that fits nanoseconds.
const latest = 1 << 62 / 1000

// place reports whether a sample has a time that can be, by the clock that its driver uses.
func (r *ring) place(s entry, now *instant) bool {
	if s.at == 0 || s.at > latest || r.domain == domainUnknown {
		return false
	}
	age := r.clock(now) - int64(s.at)*1000
	return age >= -ahead && age <= longAgo
}

// past reports whether a sample has a time, and that is too long ago by its driver's clock or by any.
func (r *ring) past(s entry, now *instant) bool {
	clock := r.clock(now)
	if r.domain == domainUnknown {
		clock = now.epoch
	}
	return s.at != 0 && s.at <= latest && clock-int64(s.at)*1000 > longAgo
}

// wall turns a sample's time stamp into the agent's time. The offset between the two clocks is that of this instant:
// it changes when the host's is set.
func (r *ring) wall(s entry, now *instant) int64 { return now.wall - (r.clock(now) - int64(s.at)*1000) }
