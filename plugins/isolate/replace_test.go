package isolate_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// wantCounts reads until n counted rows have come, each of them once and in order, and returns the errors
// on the way.
func (r *rig) wantCounts(from *int64, n int64) (errs []error) {
	r.t.Helper()
	end := *from + n
	r.read(func(b *sdk.Batch, err error) bool {
		if err != nil {
			errs = append(errs, err)
		}
		for m := range b.All() {
			v, _ := m.Number("n")
			if *from++; int64(v) != *from {
				r.t.Fatalf("row %v in place of %d\n%s", v, *from, r.log)
			}
		}
		return *from >= end
	})
	return errs
}

func TestKilledChildIsReplaced(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":count"}}).open()
	var row int64
	for range 3 {
		if errs := r.wantCounts(&row, 30); len(errs) > 1 {
			t.Errorf("more than one error for a child: %v", errs)
		}
		c, _ := r.child()
		if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantError(t, r.readErrorCounting(&row), "signal: killed", "replaced")
	}
	r.wantCounts(&row, 10)
	if got := r.figure("gpuline_child_restarts_total"); got != 3 {
		t.Errorf("%v restarts", got)
	}
}

// readErrorCounting is readError where rows are counted.
func (r *rig) readErrorCounting(row *int64) (err error) {
	r.t.Helper()
	r.read(func(b *sdk.Batch, failed error) bool {
		*row += int64(b.Len())
		err = failed
		return err != nil
	})
	return err
}

func TestChildEndsByItself(t *testing.T) {
	f := func(play string, wants ...string) {
		t.Helper()
		r := newRig(t, marked(t, ":once;"+play)).open()
		wantError(t, r.readError(), wants...)
		row := int64(0)
		r.wantCounts(&row, 3)
	}
	f(":exit", "exit status 3")
	f(":panic ouch", "panic: ouch")
	f(":complain SIGSEGV: segmentation violation;:exit", `exit status 3; it said: "SIGSEGV: segmentation violation"`)
}

func TestPanicsAreCountedAndLogged(t *testing.T) {
	r := newRig(t, marked(t, ":once;:panic ouch")).open()
	r.readError()
	r.wantLog("plugin panicked", "panic=ouch", "probe_test.go")
	if got := r.figure("gpuline_panics_total"); got != 1 {
		t.Errorf("%v panics", got)
	}
}

func TestErrorsKeepTheChild(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{"gpu x=1 1s;:error gpu 7 is lost", ":nothing", ":count"}}).open()
	rows, failed := 0, false
	r.read(func(b *sdk.Batch, err error) bool {
		if err != nil {
			wantError(t, err, "gpu 7 is lost")
			if errors.Is(err, sdk.ErrPermanent) || b.Len() == 0 || failed {
				t.Errorf("an error with %d rows: %v", b.Len(), err)
			}
			failed = true
		}
		rows += b.Len()
		return rows > 5
	})
	if _, n := r.child(); n != 1 || !failed {
		t.Errorf("%d children, failed: %v", n, failed)
	}
}

func TestPermanentErrorIsTheEnd(t *testing.T) {
	f := func(play string, want error) {
		t.Helper()
		r := newRig(t, &probeConfig{Play: []string{":count", "gpu x=1 1s;" + play}}).open()
		rows := 0
		r.read(func(b *sdk.Batch, err error) bool {
			rows += b.Len()
			if err != nil && !errors.Is(err, want) {
				t.Error(err)
			}
			return err != nil
		})
		if err := r.readError(); !errors.Is(err, want) || rows != 2 {
			t.Errorf("after the end: %v, %d rows", err, rows)
		}
		if _, n := r.child(); n != 1 {
			t.Errorf("%d children", n)
		}
	}
	f(":permanent not allowed", sdk.ErrPermanent)
	f(":end", sdk.ErrEnd)
}

func TestFreshProcessAtOnce(t *testing.T) {
	r := newRig(t, marked(t, ":once;:fresh driver upgraded"))
	isolate.HastenFresh(r.Input)
	isolate.SetPause(r.Input, time.Hour)
	r.open()
	row := int64(0)
	if errs := r.wantCounts(&row, 3); len(errs) > 0 {
		t.Errorf("errors: %v", errs)
	}
	r.wantLog("replaced by a fresh one", "driver upgraded")
}

func TestFreshProcessesAreNoLoop(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":fresh driver upgraded"}})
	isolate.SetPause(r.Input, time.Hour)
	r.open()
	wantError(t, r.readError(), "driver upgraded")
	if _, n := r.child(); n != 1 {
		t.Errorf("%d children", n)
	}
}

// TestReplacementThatDoesNotOpen holds that a replacement is tried again and again.
func TestReplacementThatDoesNotOpen(t *testing.T) {
	c := marked(t, ":count;:exit")
	c.Open = ":once;:nothing" // the first child opens, or tries to: Open of later ones works
	r := newRig(t, c)
	if err := r.Open(t.Context(), r.env); err == nil || !strings.Contains(err.Error(), "no data") {
		t.Fatal(err)
	}
	r.open()
	wantError(t, r.readErrorCounting(new(int64)), "exit status 3")
	if err := os.Remove(c.Marker); err != nil {
		t.Fatal(err)
	}
	wantError(t, r.readErrorCounting(new(int64)), "replaced")
	r.await("three children", func() bool { _, n := r.child(); return n > 3 })
}

// TestManyRestarts holds that nothing piles up.
func TestManyRestarts(t *testing.T) {
	const restarts = 200
	before := goleak.IgnoreCurrent()
	r := newRig(t, &probeConfig{Play: []string{":count;:exit"}})
	isolate.SetPause(r.Input, time.Millisecond)
	r.open()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := sdk.NewBatch(r.env.Catalog); ctx.Err() == nil; b.Reset() {
			_, _ = r.Read(ctx, b)
		}
	}()
	measure := func(n int) (goroutines, files int) {
		r.await("restarts", func() bool { _, have := r.child(); return have >= n })
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc/self/fd to count open files in")
		}
		return runtime.NumGoroutine(), len(list)
	}
	goroutines, files := measure(20)
	for end := time.Now().Add(60 * time.Second); ; {
		if _, n := r.child(); n >= restarts || time.Now().After(end) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	goroutinesNow, filesNow := measure(restarts)
	// A child that comes or goes has some of both for a moment.
	if goroutinesNow > goroutines+10 || filesNow > files+15 {
		t.Errorf("%d goroutines and %d files after 20 restarts, %d and %d after %d", goroutines, files, goroutinesNow, filesNow, restarts)
	}
	stop()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	<-done
	goleak.VerifyNone(t, before)
}
