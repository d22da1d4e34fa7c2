package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestDiskSumsHoldUnderAnything plays random pushes, deliveries, failures, commits and restarts, and checks
// the sums after each. With no bound that is reached, all that was pushed is delivered once and in order.
func TestDiskSumsHoldUnderAnything(t *testing.T) {
	for seed := range uint64(sumSeeds) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			path := quick(t)
			limits := Limits{MaxBytes: 1 << 30, BatchSize: 1 + rng.IntN(100), FlushInterval: time.Duration(rng.IntN(3)) * time.Second}
			bounded := seed%2 == 0
			if bounded {
				limits.MaxBytes, limits.KeepOldest = 100_000, rng.IntN(2) == 0
				if rng.IntN(2) == 0 {
					limits.MaxAge = time.Minute
				}
			}
			q := start(t, path, limits)
			limits.FlushPhase = time.Duration(rng.Int64N(int64(time.Second)))
			next, pushedAcks := 0, int64(0)
			var acks atomic.Int64 // they come from the queue's goroutine, too
			var got []int
			var dropped uint64
			end := func() {
				q.End(sdk.DropShutdown, errors.New("ended"))
				s := q.Stats()
				s.check(t)
				dropped += s.Pushed + s.Recovered - s.Delivered - s.Rows
				if s.Volatile > 0 {
					t.Errorf("seed %d: %+v at the end", seed, s)
				}
			}
			for range 200 {
				switch rng.IntN(12) {
				case 0, 1, 2, 3:
					n := rng.IntN(120)
					from := Source{Held: rng.IntN(3) == 0}
					if from.Held {
						pushedAcks++
						from.Ack = func(err error) {
							if acks.Add(1); err != nil {
								t.Errorf("seed %d: %v", seed, err)
							}
						}
					}
					push(q, q.catalog, next, n, from)
					next += n
				case 4, 5, 6, 7:
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					if b, err := q.Next(ctx); err == nil && rng.IntN(3) > 0 {
						for m := range b.All() {
							got = append(got, number(t, m))
						}
						q.Done(Outcome{Delivered: uint64(b.Len())})
					}
					cancel()
				case 8, 9:
					time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Second))))
				case 10:
					time.Sleep(commitAfter)
					synctest.Wait()
				case 11:
					if rng.IntN(4) == 0 {
						end()
						q = start(t, path, limits)
						synctest.Wait()
					}
				}
				q.Stats().check(t)
			}
			rest, _ := drain(t, q)
			got = append(got, rest...)
			end()
			if !bounded {
				wantRange(t, got, 0, next)
			}
			for i := 1; i < len(got); i++ {
				if got[i] <= got[i-1] {
					t.Fatalf("seed %d: row %d came behind row %d", seed, got[i], got[i-1])
				}
			}
			if s := q.Stats(); s.Bytes != 0 || q.memory != 0 {
				t.Errorf("seed %d: %d bytes and %d in memory at the end", seed, s.Bytes, q.memory)
			}
			if uint64(len(got))+dropped != uint64(next) || acks.Load() != pushedAcks {
				t.Errorf("seed %d: %d pushed, %d delivered, %d dropped; %d of %d acks", seed, next, len(got), dropped, acks.Load(), pushedAcks)
			}
		})
	}
}
