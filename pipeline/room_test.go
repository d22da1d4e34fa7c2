package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
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

// TestEndOfARecordingLosesNothing: what windows give at the end of recorded data is not dropped for lack of
// room, as nothing of such data is.
func TestEndOfARecordingLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{Do: sdktest.FailTimes(3, errors.New("down"))}
		recording := &finite{Feed: sdktest.NewFeed(t, many(1, 1)...)}
		r.input(recording)
		r.processor(&sdktest.Stage{DoFlush: func(_ context.Context, _ time.Time, _ bool, b *sdk.Batch) error {
			for i := range 5000 {
				b.Add(b.Series("window"), int64(i)).Float("x", 1)
			}
			return nil
		}})
		r.output(sink).Queue.MaxBytes = 64 << 10
		l := r.run()
		r.wantLedger(l, "ledger read=1 made=5000 absorbed=0 delivered=5001 dropped=0 queued=0 balance=ok")
	})
}

type finite struct{ *sdktest.Feed }

func (*finite) Finite() bool { return true }
