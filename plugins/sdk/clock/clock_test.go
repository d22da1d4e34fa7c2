package clock

import (
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// host is a clock of a host that can be set.
type host struct {
	wall time.Time
	mono time.Duration
}

func (h *host) run(d time.Duration) { h.wall, h.mono = h.wall.Add(d), h.mono+d }

func testClock(t *testing.T) (*Clock, *host, *strings.Builder) {
	t.Helper()
	h, log := &host{wall: time.Unix(1_700_000_000, 0)}, &strings.Builder{}
	c := New(slog.New(slog.NewTextHandler(log, nil)), sdk.NewMeter(), time.Time{})
	c.read = func() (time.Time, time.Duration) { return h.wall, h.mono }
	c.wall, c.mono = c.read()
	return c, h, log
}

func TestClockFollowsTheHost(t *testing.T) {
	c, h, log := testClock(t)
	for range 1000 {
		h.run(time.Second)
		h.wall = h.wall.Add(500 * time.Microsecond) // slewed
		if now := c.Now(); !now.Equal(h.wall) {
			t.Fatalf("%v, the host says %v", now, h.wall)
		}
	}
	h.wall = h.wall.Add(time.Hour)
	if now := c.Now(); !now.Equal(h.wall) || c.fore.Get() != 1 {
		t.Errorf("after a step forward %v, the host says %v", now, h.wall)
	}
	if log.String() == "" || c.back.Get() != 0 {
		t.Errorf("%v steps back, log %q", c.back.Get(), log.String())
	}
}

func TestClockGoesOnWhenTheHostIsSetBack(t *testing.T) {
	c, h, _ := testClock(t)
	h.run(time.Second)
	before := c.Now()
	h.wall = h.wall.Add(-time.Minute)
	h.run(time.Second)
	if d := c.Now().Sub(before); d != time.Second {
		t.Errorf("a second later it is %v later", d)
	}
	before = c.Now()
	h.run(10 * time.Second)
	if d := c.Now().Sub(before); d != 9500*time.Millisecond {
		t.Errorf("ten seconds later, while it catches up, it is %v later", d)
	}
	h.run(20 * time.Minute)
	if now := c.Now(); !now.Equal(h.wall) || c.back.Get() != 1 {
		t.Errorf("it has not caught up: %v, the host says %v", now, h.wall)
	}
	h.wall = h.wall.Add(-time.Hour)
	c.Now()
	h.wall = h.wall.Add(2 * time.Hour)
	if now := c.Now(); !now.Equal(h.wall) {
		t.Errorf("a step forward past where it was: %v, the host says %v", now, h.wall)
	}
}

func TestClockNeverRunsBackwards(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	c, h, _ := testClock(t)
	last := c.Now()
	for range 100_000 {
		h.run(time.Duration(rng.Int64N(int64(10 * time.Millisecond))))
		switch rng.IntN(50) {
		case 0:
			h.wall = h.wall.Add(-time.Duration(rng.Int64N(int64(time.Hour))))
		case 1:
			h.wall = h.wall.Add(time.Duration(rng.Int64N(int64(time.Hour))))
		case 2:
			h.wall = h.wall.Add(-time.Duration(rng.Int64N(int64(time.Millisecond))))
		}
		now := c.Now()
		if now.Before(last) {
			t.Fatalf("%v after %v", now, last)
		}
		if now.Before(h.wall) {
			t.Fatalf("%v, behind the host's %v", now, h.wall)
		}
		last = now
	}
}

func TestClockStartsWhereAnotherIs(t *testing.T) {
	now := time.Now()
	if got := New(slog.Default(), nil, now.Add(-time.Hour)).Now(); got.Sub(now) > time.Minute || got.Before(now) {
		t.Errorf("%v, the host says %v", got, now)
	}
	if got := New(slog.Default(), nil, now.Add(time.Hour)).Now(); got.Sub(now.Add(time.Hour)) > time.Minute || got.Before(now.Add(59*time.Minute)) {
		t.Errorf("%v, an hour before %v", got, now)
	}
}
