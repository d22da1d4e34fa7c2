package pipeline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestLossesAreTold: what is dropped for want of room is in the log within a minute, and again for as long as it goes on.
func TestLossesAreTold(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(sdktest.NewScript(t, many(200, 100)...))
		r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))}).Queue.MaxBytes = 64 << 10
		_, stop := r.start()
		time.Sleep(61 * time.Second)
		r.wantLog(`level=WARN msg="metrics are dropped: the output takes less`, "plugin=outputs.sink reason=queue_full metrics=")
		time.Sleep(time.Minute)
		if n := strings.Count(r.log.String(), "metrics are dropped"); n != 2 {
			t.Errorf("it is told %d times in two minutes", n)
		}
		l, err := stop()
		if err != nil {
			t.Error(err)
		}
		if n := l.Outputs[0].droppedFor(sdk.DropQueueFull); n == 0 {
			t.Error("nothing was dropped")
		}
	})
}
