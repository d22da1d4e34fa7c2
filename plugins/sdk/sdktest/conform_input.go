package sdktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// A suite looks at so many batches of an input.
const (
	gathers = 4
	reads   = 20
)

// TestGatherer checks that the input that build makes keeps the contract. The input must have something
// to report within 10 s, by gathers that follow each other at once. It must be the only thing that
// starts goroutines meanwhile.
//
// It checks that Gather adds rows with names, fields, finite values and positive times to the batch that
// it is given, of the batch's catalog, that a field keeps its unit, type and kind, that each row is
// counted once, that Gather returns when its context has ended and works again afterwards, and that no
// goroutine is left after Close.
func TestGatherer(t *testing.T, build func(t testing.TB) sdk.Gatherer) {
	t.Helper()
	across(t, func(t *testing.T, l *link) {
		t.Run("gathers", func(t *testing.T) {
			g := build(t)
			start(t, g, l)
			b, fields := sdk.NewBatch(l.near), make(map[string]sdk.Field)
			filled := gatherSome(t, g, l, b, gathers, fields)
			if filled == 0 {
				t.Errorf("no metric within %v", patience)
			}
		})
		t.Run("context", func(t *testing.T) {
			g := build(t)
			start(t, g, l)
			b, fields := sdk.NewBatch(l.near), make(map[string]sdk.Field)
			within(t, "Gather with a context that has ended", func() {
				// Either an error or what could be had: both are fine.
				_ = l.call(t, b, func(b *sdk.Batch) error { return g.Gather(cancelled(t), b) })
				checkRead(t, b, fields)
			})
			gatherSome(t, g, l, b, 1, fields)
		})
		t.Run("unused", func(t *testing.T) { start(t, build(t), l) })
	})
}

// gatherSome gathers until n batches had rows, and returns how many had.
func gatherSome(t *testing.T, g sdk.Gatherer, l *link, b *sdk.Batch, n int, fields map[string]sdk.Field) int {
	t.Helper()
	filled := 0
	for deadline := time.Now().Add(patience); filled < n && time.Now().Before(deadline); {
		b.Reset()
		var err error
		within(t, "Gather", func() {
			err = l.call(t, b, func(b *sdk.Batch) error { return g.Gather(t.Context(), b) })
		})
		checkRead(t, b, fields)
		switch {
		case errors.Is(err, sdk.ErrEnd):
			return filled + min(b.Len(), 1)
		case b.Len() > 0:
			filled++
		default:
			<-time.After(time.Millisecond)
		}
		if err != nil && !errors.Is(err, sdk.ErrNoData) {
			t.Fatalf("Gather: %v", err)
		}
	}
	return filled
}

// TestReader checks that the input that build makes keeps the contract: what TestGatherer checks of the
// rows; that an Ack returns at once, from whatever goroutine it is called; that after [sdk.ErrEnd] there
// comes nothing else; that Read returns when its context ends; and that no goroutine is left after
// Close. The input must have something to read within 10 s.
func TestReader(t *testing.T, build func(t testing.TB) sdk.Reader) {
	t.Helper()
	across(t, func(t *testing.T, l *link) {
		t.Run("reads", func(t *testing.T) {
			r := build(t)
			start(t, r, l)
			readSome(t, r, l)
		})
		t.Run("context", func(t *testing.T) {
			r := build(t)
			start(t, r, l)
			b := sdk.NewBatch(l.near)
			within(t, "Read with a context that has ended", func() {
				ack, _ := read(cancelled(t), t, r, l, b)
				acknowledge(t, ack, errors.New("not delivered"))
			})
			waitForEnd(t, r, l, b)
		})
		t.Run("unused", func(t *testing.T) { start(t, build(t), l) })
	})
}

// readSome reads until enough is read, or nothing more comes for a while.
func readSome(t *testing.T, r sdk.Reader, l *link) {
	t.Helper()
	b, fields := sdk.NewBatch(l.near), make(map[string]sdk.Field)
	wait := patience / 2
	for range reads {
		b.Reset()
		ack, err := readFor(t, wait, r, l, b)
		checkRead(t, b, fields)
		if b.Len() > 0 {
			wait = patience / 50
		}
		acknowledge(t, ack, nil)
		switch {
		case errors.Is(err, sdk.ErrEnd):
			b.Reset()
			ack, err = readFor(t, wait, r, l, b)
			if !errors.Is(err, sdk.ErrEnd) || b.Len() > 0 || ack != nil {
				t.Errorf("Read after the end: %d rows, error %v, an Ack: %v", b.Len(), err, ack != nil)
			}
		case errors.Is(err, context.DeadlineExceeded):
		case err != nil && !errors.Is(err, sdk.ErrNoData):
			t.Fatalf("Read: %v", err)
		default:
			continue
		}
		break
	}
	if len(fields) == 0 {
		t.Errorf("no metric within %v", patience/2)
	}
}

// readFor reads once, with so much time.
func readFor(t *testing.T, limit time.Duration, r sdk.Reader, l *link, b *sdk.Batch) (ack sdk.Ack, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	within(t, "Read", func() { ack, err = read(ctx, t, r, l, b) })
	if ctx.Err() != nil && err != nil && !errors.Is(err, sdk.ErrEnd) {
		err = ctx.Err()
	}
	return ack, err
}

// waitForEnd reads until Read has nothing more, and then ends the context.
func waitForEnd(t *testing.T, r sdk.Reader, l *link, b *sdk.Batch) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	within(t, "Read while its context ends", func() {
		for ctx.Err() == nil {
			b.Reset()
			ack, err := read(ctx, t, r, l, b)
			acknowledge(t, ack, nil)
			if err != nil {
				return
			}
		}
	})
}

func read(ctx context.Context, t *testing.T, r sdk.Reader, l *link, b *sdk.Batch) (ack sdk.Ack, err error) {
	err = l.call(t, b, func(b *sdk.Batch) error {
		var err error
		ack, err = r.Read(ctx, b)
		return err
	})
	return ack, err
}

// acknowledge calls ack as the engine does: once, from another goroutine.
func acknowledge(t *testing.T, ack sdk.Ack, err error) {
	t.Helper()
	if ack != nil {
		within(t, "the Ack", func() { ack(err) })
	}
}
