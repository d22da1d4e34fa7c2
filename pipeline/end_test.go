package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestInputsEndBeforeTheOutputIsThere: an agent that ends by itself has not succeeded where rows were dropped
// because a required output was not there in time.
func TestInputsEndBeforeTheOutputIsThere(t *testing.T) {
	down := errors.New("connection refused")
	f := func(name string, end func(r *rig, out *Output, stop context.CancelFunc), fault, ledger string) {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				r.input(sdktest.NewScript(t, steps("s x=1 10", "s x=2 20")...))
				end(r, r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, down)}), stop)
				l, err := r.runUntil(ctx)
				if fault == "" && err != nil || fault != "" && (err == nil || err.Error() != fault) {
					t.Errorf("run: %v, want %q", err, fault)
				}
				if says := strings.Contains(r.log.String(), "the inputs have ended"); says != (fault != "") {
					t.Errorf("the log says so: %v\n%s", says, r.log.String())
				}
				r.wantLedger(l, ledger)
			})
		})
	}
	all := "ledger read=2 made=0 absorbed=0 delivered=0 dropped=2 queued=0 balance=ok"
	f("required", func(*rig, *Output, context.CancelFunc) {}, "outputs.sink: 2 metrics were dropped", all)
	f("not required", func(_ *rig, o *Output, _ context.CancelFunc) { o.Required = false }, "", all)
	f("a signal", func(_ *rig, _ *Output, stop context.CancelFunc) { time.AfterFunc(4*time.Second, stop) }, "", all)
	f("on disk", func(r *rig, o *Output, _ context.CancelFunc) { o.Queue.Disk = filepath.Join(r.t.TempDir(), "q") }, "",
		"ledger read=2 made=0 absorbed=0 delivered=0 dropped=0 queued=2 balance=ok")
	f("later", func(_ *rig, o *Output, _ context.CancelFunc) {
		o.Plugin = fixed("sink", &sdktest.Sink{Do: sdktest.FailTimes(3, down)})
	}, "", "ledger read=2 made=0 absorbed=0 delivered=2 dropped=0 queued=0 balance=ok")
}
