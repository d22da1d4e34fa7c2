package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestReloadWithoutTheOutputThatAnInputWaitsFor: an output that is down holds the others up, until the operator
// takes it away.
func TestReloadWithoutTheOutputThatAnInputWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		r.input(sdktest.NewFeed(t, many(100, 50)...))
		r.output(sink)
		down := r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))})
		down.Alias, down.Queue.MaxBytes = "down", 64<<10
		p, stop := r.start()
		time.Sleep(time.Minute)
		if n := len(sink.Lines()); n == 0 || n == 5000 {
			t.Fatalf("%d of 5000 rows while an output is down", n)
		}
		r.plan.Outputs = r.plan.Outputs[:1]
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := len(sink.Lines()); n != 5000 {
			t.Errorf("%d of 5000 rows without the output that is down", n)
		}
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
}
