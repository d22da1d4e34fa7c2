package queue

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func rows(c *sdk.Catalog, n int) []*sdk.Metric {
	b := sdk.NewBatch(c)
	s := b.Series("s")
	var all []*sdk.Metric
	for i := range n {
		m := b.Add(s, int64(i))
		m.Float("x", float64(i))
		all = append(all, m)
	}
	return all
}

func (s Stats) check(t *testing.T) {
	t.Helper()
	var dropped uint64
	for _, d := range s.Drops {
		dropped += d.Count
	}
	if s.Pushed+s.Recovered != s.Delivered+s.DeadLettered+dropped+s.Rows {
		t.Errorf("the sums do not hold: %+v", s)
	}
}

func TestBatchesAreCutBySizeAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sdk.NewCatalog(sdk.Limits{})
		q := NewMemory(c, Limits{MaxBytes: 1 << 20, BatchSize: 10, FlushInterval: time.Second}, "h")
		var cut []int
		start := time.Now()
		take := func() {
			b, err := q.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			cut = append(cut, b.Len())
			q.Done(Outcome{Delivered: uint64(b.Len())})
		}
		q.Push(rows(c, 25), Source{})
		take()
		take()
		if time.Since(start) != 0 {
			t.Error("full batches waited")
		}
		take()
		if time.Since(start) != time.Second {
			t.Errorf("the rest waited %v", time.Since(start))
		}
		q.Push(rows(c, 3), Source{})
		q.Close()
		take()
		if _, err := q.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("Next of a closed empty queue: %v", err)
		}
		if want := []int{10, 10, 5, 3}; len(cut) != 4 || cut[0] != want[0] || cut[2] != want[2] || cut[3] != want[3] {
			t.Errorf("batches of %v, want %v", cut, want)
		}
		q.Push(rows(c, 2), Source{})
		s := q.Stats()
		s.check(t)
		if len(s.Drops) != 1 || s.Drops[0] != (sdk.Drop{Reason: sdk.DropShutdown, Count: 2}) {
			t.Errorf("pushed after the end: %+v", s)
		}
	})
}

func TestBatchesKeepTheirIDWhileTheyAreRetried(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	q := NewMemory(c, Limits{MaxBytes: 1 << 20, BatchSize: 2}, "h")
	q.Push(rows(c, 4), Source{})
	first, _ := q.Next(t.Context())
	again, _ := q.Next(t.Context())
	if first != again || first.ID.Seq != 1 || first.ID.Agent != "h" || first.ID.Epoch == 0 {
		t.Errorf("ids %+v, %+v", first.ID, again.ID)
	}
	q.Done(Outcome{Delivered: 2})
	if next, _ := q.Next(t.Context()); next.ID.Seq != 2 {
		t.Errorf("id of the second batch: %+v", next.ID)
	}
}

func TestOldBatchesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sdk.NewCatalog(sdk.Limits{})
		q := NewMemory(c, Limits{MaxBytes: 1 << 20, BatchSize: 10, MaxAge: time.Minute}, "h")
		acked := 0
		q.Push(rows(c, 10), Source{})
		q.Push(rows(c, 5), Source{Held: true, Ack: func(error) { acked++ }})
		held, _ := q.Next(t.Context())
		if q.Expired() {
			t.Error("a batch that is new has expired")
		}
		time.Sleep(2 * time.Minute)
		q.Push(rows(c, 1), Source{})
		if !q.Expired() {
			t.Error("the batch that is being written has not expired")
		}
		s := q.Stats()
		s.check(t)
		if held.Len() != 10 || s.Rows != 11 || acked != 1 {
			t.Errorf("a batch that is being written must stay; %+v, %d acks", s, acked)
		}
	})
}

// TestSumsHoldUnderAnything plays random pushes, deliveries and failures, and checks the bound and the
// sums after each.
func TestSumsHoldUnderAnything(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			c := sdk.NewCatalog(sdk.Limits{})
			limits := Limits{MaxBytes: 100_000, BatchSize: 1 + rng.IntN(100), KeepOldest: rng.IntN(2) == 0}
			if rng.IntN(2) == 0 {
				limits.MaxAge = time.Minute
			}
			q := NewMemory(c, limits, "h")
			pushedAcks, acks := 0, 0
			for range 300 {
				switch rng.IntN(5) {
				case 0, 1:
					from := Source{Held: rng.IntN(3) == 0}
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					q.WaitRoom(ctx)
					if from.Held && ctx.Err() == nil {
						pushedAcks++
						from.Ack = func(error) { acks++ }
						q.Push(rows(c, rng.IntN(120)), from)
					}
					cancel()
					if !from.Held {
						q.Push(rows(c, rng.IntN(120)), from)
					}
				case 2, 3:
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					if b, err := q.Next(ctx); err == nil && rng.IntN(3) > 0 {
						n := uint64(b.Len())
						q.Done(Outcome{Delivered: n / 2, Drops: []sdk.Drop{{Reason: sdk.DropRejected, Count: n - n/2}}})
					}
					cancel()
				case 4:
					time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Second))))
				}
				s := q.Stats()
				s.check(t)
				if s.Bytes > 250_000 {
					t.Fatalf("seed %d: %d bytes in a queue of 100000", seed, s.Bytes)
				}
			}
			q.End(sdk.DropShutdown, errors.New("ended"))
			s := q.Stats()
			s.check(t)
			if s.Rows != 0 || acks != pushedAcks {
				t.Errorf("seed %d: %d rows left, %d of %d acks", seed, s.Rows, acks, pushedAcks)
			}
		})
	}
}

func BenchmarkPush(bm *testing.B) {
	c := sdk.NewCatalog(sdk.Limits{})
	q := NewMemory(c, Limits{MaxBytes: 1 << 24, BatchSize: 1000}, "h")
	r := rows(c, 1000)
	bm.ReportAllocs()
	for bm.Loop() {
		q.Push(r, Source{})
		b, err := q.Next(bm.Context())
		if err != nil {
			bm.Fatal(err)
		}
		q.Done(Outcome{Delivered: uint64(b.Len())})
	}
}
