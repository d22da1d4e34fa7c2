package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// opening is a sink that does not open while it is down.
type opening struct {
	sdktest.Sink
	up atomic.Bool
}

func (o *opening) Open(context.Context, *sdk.Env) error {
	if !o.up.Load() {
		return errors.New("no")
	}
	return nil
}

// TestGraceIsUsed: what a far end that is back can take leaves within the grace, however long the pause is that its
// output makes when the agent ends, or a reload ends the output.
func TestGraceIsUsed(t *testing.T) {
	f := func(name string, fault error, disk bool) {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				sink := &down{}
				sink.Do = func(context.Context, int, *sdk.Batch) error {
					if sink.up.Load() {
						return nil
					}
					return fault
				}
				r.input(&ticking{name: "s"})
				if out := r.output(sink); disk {
					out.Queue.Disk = filepath.Join(t.TempDir(), "queue")
				}
				_, stop := r.start()
				time.Sleep(10*time.Minute + 500*time.Millisecond)
				sink.up.Store(true)
				l, _ := stop()
				if o := l.Outputs[0]; o.Delivered != 601 {
					t.Errorf("%+v", o)
				}
				if tries := sink.Calls(); tries > 100 {
					t.Errorf("%d tries", tries)
				}
			})
		})
	}
	busy := errors.New("503 Service Unavailable")
	f("fault", busy, false)
	f("fault, on disk", busy, true)

	inBubble(t, func(t *testing.T, r *rig) {
		sink := &opening{}
		r.input(&ticking{name: "s"})
		r.output(sink)
		p, stop := r.start()
		time.Sleep(10*time.Minute + 500*time.Millisecond)
		sink.up.Store(true)
		plan := r.plan
		plan.Outputs = []Output{plan.Outputs[0]}
		plan.Outputs[0].Plugin = fixed("sink", &sdktest.Sink{})
		if err := p.Reload(plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := len(sink.Lines()); n != 601 {
			t.Errorf("%d rows a second after the reload", n)
		}
		stop()
	})
}

// TestWholeGrace: inputs that end at once leave outputs the whole grace, and those that take their time the rest.
func TestWholeGrace(t *testing.T) {
	f := func(input any, want time.Duration) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			r.input(input)
			r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("no"))})
			_, stop := r.start()
			time.Sleep(time.Minute)
			before := time.Now()
			stop()
			if took := time.Since(before); took != want {
				t.Errorf("the end took %v, want %v", took, want)
			}
		})
	}
	f(&ticking{name: "s"}, 10*time.Second)
	f(&tardy{after: 2 * time.Second}, 10*time.Second)
}

// tardy is an input that returns only some time after it was asked to.
type tardy struct {
	ticking
	after time.Duration
}

func (in *tardy) Gather(ctx context.Context, b *sdk.Batch) error {
	err := in.ticking.Gather(ctx, b)
	<-ctx.Done()
	time.Sleep(in.after)
	return err
}

// TestGraceWithoutAFarEnd: the tries within the grace are few.
func TestGraceWithoutAFarEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("no"))}
		r.input(&ticking{name: "s"})
		r.output(sink)
		_, stop := r.start()
		time.Sleep(10 * time.Minute)
		before := sink.Calls()
		stop()
		if tries := sink.Calls() - before; tries < 4 || tries > 8 {
			t.Errorf("%d tries within the grace", tries)
		}
	})
}
