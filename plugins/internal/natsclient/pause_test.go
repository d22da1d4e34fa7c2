package natsclient

import (
	"testing"
	"time"
)

func TestPause(t *testing.T) {
	const ms = time.Millisecond
	f := func(outage, most, least time.Duration) {
		t.Helper()
		if got := pause(outage, 0); got != most {
			t.Errorf("after %v at most %v, want %v", outage, got, most)
		}
		if got := pause(outage, 1); got != least {
			t.Errorf("after %v at least %v, want %v", outage, got, least)
		}
		for range 100 {
			if got := Pause(outage); got > most || got < least {
				t.Errorf("after %v once %v", outage, got)
			}
		}
	}
	f(-time.Second, 500*ms, 250*ms)
	f(0, 500*ms, 250*ms)
	f(4*time.Second, 500*ms, 250*ms)
	f(8*time.Second, 1000*ms, 500*ms)
	f(40*time.Second, 5000*ms, 2500*ms)
	f(80*time.Second, 10_000*ms, 5000*ms)
	f(1000*time.Hour, 10_000*ms, 5000*ms)
}
