package nvml

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// The test binary is also the child that an isolated input starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == isolate.Command {
		if err := launch.Serve(sdk.Registry{Definition()}); err != nil {
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// task is a job that takes its time, or hangs until it is let go.
type task struct {
	runs  atomic.Int64
	takes time.Duration
	hang  chan struct{}
}

func (t *task) run(int64) {
	t.runs.Add(1)
	if t.hang != nil {
		<-t.hang
	}
	time.Sleep(t.takes)
}

// TestRotaGoesOn holds that a job which hangs delays the others by the patience once, is left alone while it
// hangs, and takes part again when it has come back.
func TestRotaGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 100 * time.Millisecond
		r := newRota(patience, 8)
		defer r.close()
		hang := make(chan struct{})
		tasks := []*task{{}, {takes: 30 * time.Millisecond}, {hang: hang}, {}, {takes: 90 * time.Millisecond}, {}}
		var jobs []job
		for _, task := range tasks {
			jobs = append(jobs, task)
		}
		round := func(want time.Duration) {
			t.Helper()
			start := time.Now()
			r.run(jobs, 0)
			if took := time.Since(start); took != want {
				t.Errorf("a round of %v, want %v", took, want)
			}
		}
		round(30*time.Millisecond + patience + 90*time.Millisecond)
		if _, hangs := r.stuck[tasks[2]]; !hangs || len(r.stuck) != 1 {
			t.Errorf("%d jobs hang", len(r.stuck))
		}
		before := runtime.NumGoroutine()
		for range 50 {
			round(120 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n != before {
			t.Errorf("%d goroutines after many rounds, %d before", n, before)
		}
		close(hang)
		synctest.Wait()
		round(120 * time.Millisecond)
		if len(r.stuck) != 0 {
			t.Error("a job that came back counts as hanging")
		}
		for i, want := range []int64{52, 52, 2, 52, 52, 52} {
			if got := tasks[i].runs.Load(); got != want {
				t.Errorf("job %d ran %d times, want %d", i, got, want)
			}
		}
	})
}

// TestRotaOfHangingJobs holds that all may hang, each with its goroutine, and that no more come.
func TestRotaOfHangingJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRota(time.Second, 8)
		hang := make(chan struct{})
		var jobs []job
		for range 8 {
			jobs = append(jobs, &task{hang: hang})
		}
		r.run(jobs, 0)
		for range 10 {
			r.run(jobs, 0)
		}
		if len(r.stuck) != 8 {
			t.Errorf("%d jobs hang", len(r.stuck))
		}
		r.close()
		close(hang)
		synctest.Wait()
		r.collect()
		if len(r.stuck) != 0 {
			t.Errorf("%d jobs hang at the end", len(r.stuck))
		}
	})
}

func BenchmarkRota(b *testing.B) {
	r := newRota(time.Second, 8)
	defer r.close()
	var jobs []job
	for range 8 {
		jobs = append(jobs, &task{})
	}
	b.ReportAllocs()
	for b.Loop() {
		r.run(jobs, 0)
	}
}
