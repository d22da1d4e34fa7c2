package host

import (
	"testing"
	"time"
)

// TestBreaker: pauses double, health makes them short again, and crashes in a row open the circuit.
func TestBreaker(t *testing.T) {
	timing := defaultTiming
	b := breaker{timing: &timing}
	now := time.Unix(0, 0)
	f := func(after, lived, most time.Duration, wantOpen bool) {
		t.Helper()
		now = now.Add(after)
		pause, open := b.crashed(now, lived)
		if open != wantOpen || pause <= 0 || pause > most+1 {
			t.Errorf("pause %v, open %v; want at most %v, %v", pause, open, most, wantOpen)
		}
	}
	f(0, time.Second, 500*time.Millisecond, false)
	f(time.Second, 0, time.Second, false)
	f(time.Second, 0, 2*time.Second, false)
	f(time.Second, 0, 4*time.Second, false)
	f(time.Second, 0, 5*time.Minute, true)
	f(5*time.Minute, time.Second, 5*time.Minute, true) // the probe crashes
	for range 10 {                                     // and the next ones: there is no other start between two
		f(5*time.Minute, time.Second, 5*time.Minute, true)
	}
	f(20*time.Minute, 15*time.Minute, 500*time.Millisecond, false)
	for range 20 { // one crash in three minutes does not open it
		now = now.Add(3 * time.Minute)
		if pause, open := b.crashed(now, time.Minute); open || pause > time.Minute+1 {
			t.Errorf("pause %v, open %v", pause, open)
		}
	}
}

func TestOutbox(t *testing.T) {
	o := newOutbox()
	o.put(nil, nil)
	if o.waiting() != 2 {
		t.Error(o.waiting())
	}
	o.close()
	o.put(nil)
	if o.waiting() != 0 {
		t.Error(o.waiting())
	}
	o.run(nil)
}
