package host_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestSignals: systemd ends a unit by SIGTERM to all of its processes, a terminal by SIGINT. A plugin goes on
// until the agent ends it.
func TestSignals(t *testing.T) {
	i := instance(t, true, sdk.RoleInput, "ticks", nil, nil)
	env := opened(t, i)
	pid := host.PID(i)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(-pid, s); err != nil {
			t.Fatal(err)
		}
	}
	<-time.After(50 * time.Millisecond)
	b := sdk.NewBatch(env.Catalog)
	if err := i.(sdk.Gatherer).Gather(t.Context(), b); err != nil || b.Len() == 0 || host.PID(i) != pid {
		t.Errorf("%d rows, error %v, process %d, then %d", b.Len(), err, pid, host.PID(i))
	}
}
