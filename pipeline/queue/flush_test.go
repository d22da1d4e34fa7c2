package queue

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestDue(t *testing.T) {
	f := func(interval, phase, born, want time.Duration) {
		t.Helper()
		l := Limits{FlushInterval: interval, FlushPhase: phase}
		if got := l.due(time.Unix(0, int64(born))); got != time.Unix(0, int64(want)) {
			t.Errorf("interval %v, phase %v: what began at %v is due at %v, want %v", interval, phase, born, got.Sub(time.Unix(0, 0)), want)
		}
	}
	const s, ms = time.Second, time.Millisecond
	f(0, 0, 7*ms, 7*ms)
	f(0, 300*ms, 7*ms, 7*ms)
	f(s, 0, 0, s)
	f(s, 0, 1, s)
	f(s, 0, s-1, s)
	f(s, 0, s, 2*s)
	f(s, 300*ms, 0, 300*ms)
	f(s, 300*ms, 299*ms, 300*ms)
	f(s, 300*ms, 300*ms, 1300*ms)
	f(s, 300*ms, 10*s, 10*s+300*ms)
	f(10*s, 7*s, 20*s, 27*s)
	f(10*s, 7*s, 28*s, 37*s)
	f(s, 300*ms, -s, -700*ms)

	for range 1000 {
		l := Limits{FlushInterval: 1 + rand.N(time.Hour)}
		l.FlushPhase = rand.N(l.FlushInterval)
		born := time.Unix(0, rand.Int64N(1<<62))
		due := l.due(born)
		if wait := due.Sub(born); wait <= 0 || wait > l.FlushInterval || (due.UnixNano()-int64(l.FlushPhase))%int64(l.FlushInterval) != 0 {
			t.Errorf("%+v: what began at %v waits %v", l, born, wait)
		}
	}
}

// TestFlushPhase: a batch that does not fill leaves at the phase of its queue, in memory and on disk alike; one that
// does leaves at once.
func TestFlushPhase(t *testing.T) {
	f := func(t *testing.T, q Queue, c *sdk.Catalog) {
		begun := time.Now().Truncate(time.Second)
		take := func(after time.Duration, want int) {
			t.Helper()
			b, err := q.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := time.Since(begun); got != after || b.Len() != want {
				t.Errorf("%d rows after %v, want %d after %v", b.Len(), got, want, after)
			}
			q.Done(Outcome{Delivered: uint64(b.Len())})
		}
		push(q, c, 0, 3, Source{})
		take(300*time.Millisecond, 3)
		push(q, c, 3, 2, Source{})
		time.Sleep(200 * time.Millisecond)
		push(q, c, 5, 2, Source{})
		take(1300*time.Millisecond, 4)
		time.Sleep(699 * time.Millisecond)
		push(q, c, 7, 12, Source{})
		take(1999*time.Millisecond, 10)
		take(2300*time.Millisecond, 2)
		push(q, c, 19, 1, Source{})
		q.Close()
		take(2300*time.Millisecond, 1)
		q.Stats().check(t)
	}
	limits := Limits{MaxBytes: 1 << 20, BatchSize: 10, FlushInterval: time.Second, FlushPhase: 300 * time.Millisecond}
	synctest.Test(t, func(t *testing.T) {
		c := sdk.NewCatalog(sdk.Limits{})
		f(t, NewMemory(c, limits, "h"), c)
	})
	synctest.Test(t, func(t *testing.T) {
		q := start(t, t.TempDir(), limits)
		synctest.Wait()
		f(t, q, q.catalog)
	})
}
