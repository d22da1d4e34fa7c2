package nvml

import (
	"time"

	"golang.org/x/sys/unix"
)

// instant is one moment by every clock that drivers take time stamps from, in nanoseconds.
type instant struct {
	wall  int64 // by the agent's clock, which never runs backwards: what rows bear
	epoch int64 // by the host's clock
	boot  int64 // since the host was started, suspension counted
	mono  int64 // the same, suspension not counted
	raw   int64 // the same again, by the hardware's own rate: seconds off after some weeks
}

// clock reads all clocks at once.
type clock func() instant

// hostClock is the clock of a host, with the agent's time of day.
func hostClock(now func() time.Time) clock {
	return func() instant {
		var boot, mono, raw unix.Timespec
		// The calls cannot fail: the clocks are there, and the pointers are good.
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono)
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &raw)
		return instant{wall: now().UnixNano(), epoch: time.Now().UnixNano(), boot: boot.Nano(), mono: mono.Nano(), raw: raw.Nano()}
	}
}

// domain is the clock that a driver stamps its samples with.
type domain uint8

const (
	domainUnknown domain = iota
	domainBoot
	domainEpoch
	domainMono
	domainRaw
	domainOther // none of the host's: as in a sandbox, whose clocks are not those of the driver's kernel
)

func (i *instant) in(d domain) int64 {
	switch d {
	case domainBoot:
		return i.boot
	case domainEpoch:
		return i.epoch
	case domainMono:
		return i.mono
	case domainRaw:
		return i.raw
	}
	return 0
}

const (
	// A driver may publish a sample with a time stamp a little ahead of the clock.
	ahead = int64(time.Second)
	// No ring holds samples older than this.
	longAgo = int64(10 * time.Minute)
)

// domainOf returns the clock by which a time stamp in nanoseconds is youngest: the newest sample of a ring
// is never old. It is unknown where the stamp fits no clock. The clocks that not names stand aside; those by which
// the stamp is of the future join them, for it is by another.
func (i *instant) domainOf(stamp int64, not *domains) domain {
	best, found := longAgo, domainUnknown
	for d := domainBoot; d <= domainRaw; d++ {
		age := i.in(d) - stamp
		not[d] = not[d] || age < -justNow
		if !not[d] && age < best {
			best, found = age, d
		}
	}
	if found != domainUnknown {
		return found
	}
	*not = domains{} // the host's clock was set, or the driver is ahead of all
	for d := domainBoot; d <= domainRaw; d++ {
		if age := i.in(d) - stamp; age >= -ahead && age < best {
			best, found = age, d
		}
	}
	return found
}

// domains is a set of clocks.
type domains [domainOther]bool

// justNow is by how much a sample may be newer than the instant at which its ring was about to be read. Clocks
// part slowly, so that it bounds how wrong a time can be while two are alike.
const justNow = int64(50 * time.Millisecond)
