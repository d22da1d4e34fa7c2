package nvml

import (
	"math/rand/v2"
	"testing"
	"time"
)

const (
	day   = int64(24 * time.Hour)
	epoch = int64(1795473445) * int64(time.Second)
)

func at(boot int64) *instant {
	return &instant{wall: epoch + boot, epoch: epoch + boot, boot: 3*day + boot, mono: 2*day + boot, raw: 2*day - int64(40*time.Second) + boot}
}

func TestDomainOf(t *testing.T) {
	f := func(stamp int64, want domain) {
		t.Helper()
		if got := at(0).domainOf(stamp, new(domains)); got != want {
			t.Errorf("a stamp of %d is by clock %d, want %d", stamp, got, want)
		}
	}
	f(3*day, domainBoot)
	f(3*day-int64(time.Minute), domainBoot)
	f(3*day+int64(time.Second), domainBoot)
	f(epoch-1, domainEpoch)
	f(2*day-int64(time.Second), domainMono)
	f(2*day-int64(40*time.Second)-1, domainRaw)
	f(3*day-int64(time.Hour), domainUnknown)
	f(epoch+int64(time.Minute), domainUnknown)
	f(1, domainUnknown)
	// Where the host was never suspended both clocks since its start are the same: either is right.
	if got := (&instant{epoch: epoch, boot: day, mono: day}).domainOf(day-5, new(domains)); got != domainBoot {
		t.Errorf("clock %d", got)
	}
}

// TestRingTellsOnce holds that whatever the driver repeats, leaves out or mixes up, each sample comes out
// once, in order, at its own time.
func TestRingTellsOnce(t *testing.T) {
	const period = 20 * time.Millisecond
	rng := rand.New(rand.NewPCG(1, 2))
	r := &ring{kind: &ringKinds[ringPower]}
	r.start(nil, at(0), epoch, 0)
	var published []entry // all so far, oldest first
	var got []point
	next := int64(0)
	for boot := int64(0); boot < int64(time.Minute); boot += rng.Int64N(int64(150 * time.Millisecond)) {
		now := at(boot)
		for ; next <= boot; next += int64(period) {
			published = append(published, entry{uint64(3*day+next) / 1000, float64(next / 1e6)})
		}
		held := append([]entry(nil), published[max(0, len(published)-100):]...)
		rng.Shuffle(len(held), func(i, k int) { held[i], held[k] = held[k], held[i] })
		if rng.IntN(3) == 0 {
			held = append(held, entry{}, entry{uint64(3*day+boot)/1000 + 5e6, 3})
		}
		r.follow(now)
		got, _ = r.drain(got, held, now)
	}
	if len(got) != len(published) {
		t.Fatalf("%d samples of %d", len(got), len(published))
	}
	for i, p := range got {
		if want := epoch + int64(i)*int64(period); p.at != want || p.value != float64(int64(i)*20)/1e3 {
			t.Fatalf("sample %d is %v at %d, want it at %d", i, p.value, p.at, want)
		}
	}
	r.size(published[len(published)-100:])
	if r.period != period || r.span != 2*time.Second {
		t.Errorf("a period of %v and a span of %v", r.period, r.span)
	}
}

func TestRingLeavesOutWhatCannotBe(t *testing.T) {
	f := func(kind int, e entry, want int) {
		t.Helper()
		r := &ring{kind: &ringKinds[kind]}
		points, bad := r.drain(nil, []entry{e}, at(0))
		if len(points) != want || bad != 1-want {
			t.Errorf("%+v: %d samples and %d that cannot be", e, len(points), bad)
		}
	}
	now := uint64(3*day) / 1000
	f(ringGPU, entry{now, 0}, 1)
	f(ringGPU, entry{now, 100}, 1)
	f(ringGPU, entry{now, 101}, 0)
	f(ringGPU, entry{now, 4294967295}, 0)
	f(ringPower, entry{now, 700_000}, 1)
	f(ringPower, entry{now, -1}, 0)
	f(ringPower, entry{0, 1}, 0)
	f(ringPower, entry{now + 2_000_000, 1}, 0)
	f(ringPower, entry{now - 3600_000_000, 1}, 0)
	f(ringPower, entry{1 << 63, 1}, 0)
}

func TestRingStartsWhereItIsTold(t *testing.T) {
	var held []entry
	start := uint64(3*day) / 1000
	for i := range 10 {
		held = append(held, entry{start + uint64(i)*1000, 1})
	}
	f := func(since int64, before uint64, want int) {
		t.Helper()
		r := &ring{kind: &ringKinds[ringPower]}
		now := at(int64(10 * time.Millisecond))
		r.start(append([]entry(nil), held...), now, since, before)
		points, _ := r.drain(nil, append([]entry(nil), held...), now)
		if len(points) != want || r.period != time.Millisecond {
			t.Errorf("since %d, before %d: %d samples, want %d; a period of %v", since-epoch, before, len(points), want, r.period)
		}
	}
	f(0, 0, 10)
	f(epoch, 0, 9)
	f(epoch+int64(5*time.Millisecond), 0, 4)
	f(epoch+int64(time.Second), 0, 0)
	f(epoch+int64(time.Second), start+3000, 6) // the driver's own stamp is exact
	f(epoch, start+9000, 0)
	f(epoch, start-5000, 10)
	f(epoch, start+5_000_000, 9) // in the future: the clock was set
	f(epoch, start-3600_000_000, 9)
}

// TestRingFollowsTheClock sets the host's clock, by which the driver stamps, and holds that samples go on,
// in order and at the agent's time.
func TestRingFollowsTheClock(t *testing.T) {
	f := func(step time.Duration) {
		t.Helper()
		r := &ring{kind: &ringKinds[ringPower]}
		var got []point
		for i := range int64(100) {
			boot := i * int64(10*time.Millisecond)
			now := at(boot)
			if i >= 50 {
				now.epoch += int64(step) // the agent's own time goes on
			}
			r.follow(now)
			got, _ = r.drain(got, []entry{{uint64(now.epoch) / 1000, float64(i)}}, now)
		}
		if len(got) != 100 {
			t.Fatalf("a step of %v: %d samples of 100", step, len(got))
		}
		for i, p := range got {
			if want := epoch + int64(i)*int64(10*time.Millisecond); p.at != want {
				t.Fatalf("a step of %v: sample %d at %v, want %v", step, i, p.at-epoch, want-epoch)
			}
		}
	}
	f(0)
	f(time.Hour)
	f(-time.Hour)
	f(-time.Second)
}

// TestRingWhoseClockDrifts lets the clocks part over weeks, and holds that each sample's time stays right,
// whichever of them the driver stamps by.
func TestRingWhoseClockDrifts(t *testing.T) {
	f := func(stamps domain, drift int64) {
		t.Helper()
		r := &ring{kind: &ringKinds[ringPower]}
		for i := range int64(5000) {
			boot := i * int64(10*time.Minute) // so long a host runs, and is looked at now and then
			now := at(boot)
			now.mono = now.boot
			now.raw = now.boot + boot*drift/1_000_000
			taken := now.in(stamps) - int64(15*time.Millisecond)
			points, bad := r.drain(nil, []entry{{uint64(taken) / 1000, 1}}, now)
			if bad > 0 || len(points) != 1 {
				t.Fatalf("clock %d, %d parts in a million: sample %d is %v, %d bad", stamps, drift, i, points, bad)
			}
			if off := points[0].at - (now.wall - int64(15*time.Millisecond)); off > 2*justNow || off < -2*justNow {
				t.Fatalf("clock %d, %d parts in a million: sample %d is off by %v", stamps, drift, i, time.Duration(off))
			}
		}
	}
	f(domainBoot, 30)
	f(domainBoot, -30)
	f(domainRaw, 30)
	f(domainRaw, -30)
	f(domainEpoch, -30)
}

// TestRingThatIsSilentKeepsItsClock: what was told, and nothing at all, is no sample that fits no clock.
func TestRingThatIsSilentKeepsItsClock(t *testing.T) {
	f := func(silent ...entry) {
		t.Helper()
		r := &ring{kind: &ringKinds[ringPower]}
		r.drain(nil, []entry{{uint64(3*day) / 1000, 1}}, at(0))
		for i := range int64(20) {
			r.drain(nil, append([]entry(nil), silent...), at(i*int64(time.Hour)))
		}
		r.drain(nil, []entry{{uint64(4*day) / 1000, 1}}, at(0))
		if r.domain != domainBoot {
			t.Errorf("after twenty times %v the driver stamps by clock %d", silent, r.domain)
		}
	}
	f()
	f(entry{uint64(3*day) / 1000, 1})
	f(entry{})
}

func TestRingSilence(t *testing.T) {
	r := &ring{kind: &ringKinds[ringGPU], period: time.Second}
	if !r.silent(at(0)) {
		t.Error("a ring that has told nothing is silent")
	}
	r.told = epoch
	if r.silent(at(int64(3 * time.Second))) {
		t.Error("silent within three of its periods")
	}
	if !r.silent(at(int64(3*time.Second) + 1)) {
		t.Error("not silent after three of its periods")
	}
	r.period = time.Hour
	if !r.silent(at(int64(time.Second) + 1)) {
		t.Error("not silent after a second, with changes an hour apart")
	}
}

func TestWrapped(t *testing.T) {
	f := func(want uint64, readings ...uint64) {
		t.Helper()
		var w wrapped
		var got uint64
		for i, r := range readings {
			got = w.next(r, int64(i)*int64(time.Second))
		}
		if got != want {
			t.Errorf("%v: %d, want %d", readings, got, want)
		}
	}
	f(0, 77)
	f(5, 77, 82)
	f(10, wrap32-5, 5)
	f(wrap32+10, 0, wrap32-5, 5, 10)
	f(wrap32-1_000_000_000, 3_000_000_000, 2_000_000_000)
	f(wrap32, 5, wrap32+5) // a counter of 64 bits
	f(7, wrap32+100, 7)    // reset
	f(100, 0, 50, 50, 100) // still
}
