package clock

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleep(t *testing.T) {
	f := func(end, d, took time.Duration, want bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), end)
			defer cancel()
			began := time.Now()
			if got := Sleep(ctx, d); got != want || time.Since(began) != took {
				t.Errorf("with %v to the end of its context, a sleep of %v: %v after %v, want %v after %v", end, d, got, time.Since(began), want, took)
			}
		})
	}
	f(time.Hour, time.Minute, time.Minute, true)
	f(time.Minute, time.Hour, time.Minute, false)
	f(time.Hour, 0, 0, true)
	f(time.Hour, -time.Second, 0, true)
	f(0, time.Minute, 0, false)
	f(0, 0, 0, false)
}
