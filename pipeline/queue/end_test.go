package queue

import (
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// both calls f with a queue of each kind, whose bound a push of 1,000 rows exceeds. What is pushed to them
// waits: nobody takes it.
func both(t *testing.T, f func(t *testing.T, q Queue, c *sdk.Catalog)) {
	t.Helper()
	limits := Limits{MaxBytes: 64 << 10, BatchSize: 100, FlushInterval: time.Hour}
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := sdk.NewCatalog(sdk.Limits{})
			f(t, NewMemory(c, limits, "h"), c)
		})
	})
	path := quick(t)
	t.Run("disk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := sdk.NewCatalog(sdk.Limits{})
			q := NewDisk(c, path, limits, "h", slog.New(slog.NewTextHandler(io.Discard, nil)))
			q.Start()
			defer q.End(sdk.DropShutdown, errors.New("ended"))
			f(t, q, c)
		})
	})
}

// TestNobodyWaitsForRoomInAQueueThatHasEnded: a reload may take an output away that is down, while an input
// waits for room in its queue.
func TestNobodyWaitsForRoomInAQueueThatHasEnded(t *testing.T) {
	for _, end := range []func(Queue){
		Queue.Close,
		func(q Queue) { q.End(sdk.DropShutdown, errors.New("ended")) },
	} {
		both(t, func(t *testing.T, q Queue, c *sdk.Catalog) {
			push(q, c, 0, 1000, Source{Held: true})
			free := make(chan struct{})
			go func() {
				q.WaitRoom(t.Context())
				close(free)
			}()
			synctest.Wait()
			select {
			case <-free:
				t.Fatal("there is room in a full queue")
			default:
			}
			end(q)
			synctest.Wait()
			select {
			case <-free:
			default:
				t.Error("an input waits for room in a queue that takes nothing any more")
			}
		})
	}
}

// TestAckOfWhatComesTooLate: what arrives after the end was not delivered, and must be read again.
func TestAckOfWhatComesTooLate(t *testing.T) {
	ended := errors.New("ended")
	both(t, func(t *testing.T, q Queue, c *sdk.Catalog) {
		var acks []error
		from := Source{Held: true, Ack: func(err error) { acks = append(acks, err) }}
		q.End(sdk.DropShutdown, ended)
		push(q, c, 0, 10, from)
		if len(acks) != 1 || !errors.Is(acks[0], ended) {
			t.Errorf("acks %v", acks)
		}
		q.Stats().check(t)
	})
}

// TestLargerLimitMakesRoom: a reload may give a queue more room while an input waits for some.
func TestLargerLimitMakesRoom(t *testing.T) {
	path := quick(t)
	synctest.Test(t, func(t *testing.T) {
		q := start(t, path, Limits{MaxBytes: 64 << 10, BatchSize: 100, FlushInterval: time.Hour})
		push(q, q.catalog, 0, 1000, Source{Held: true})
		free := make(chan struct{})
		go func() {
			q.WaitRoom(t.Context())
			close(free)
		}()
		time.Sleep(time.Second) // all is on disk
		q.SetLimits(Limits{MaxBytes: 64 << 20, BatchSize: 100, FlushInterval: time.Hour})
		select {
		case <-free:
		case <-time.After(time.Hour):
			t.Error("an input waits though there is room")
		}
	})
}
