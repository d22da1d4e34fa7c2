package pipeline

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// fleet runs agents whose windows of 10 s end together, within 100 ms. It returns when each agent delivered the first
// two of them, counted from the window's end.
func fleet(t *testing.T, agents int, flush time.Duration) (delays [2][]time.Duration) {
	t.Helper()
	const period, spread = 10 * time.Second, 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now().Truncate(period)
		times := make([][]time.Duration, agents)
		var stops []func() (Ledger, error)
		for i := range agents {
			r := &rig{t: t, plan: Plan{Agent: Agent{Hostname: fmt.Sprintf("gpu-%04d", i), ShutdownGrace: 10 * time.Second}}}
			in := r.input(&ticking{name: "s"})
			in.Interval, in.Jitter = period, spread
			r.output(&sdktest.Sink{Do: func(context.Context, int, *sdk.Batch) error {
				times[i] = append(times[i], time.Since(begun))
				return nil
			}}).FlushInterval = flush
			_, stop := r.start()
			stops = append(stops, stop)
		}
		time.Sleep(3*period - time.Millisecond)
		for i, stop := range stops {
			if _, err := stop(); err != nil || len(times[i]) < 2 {
				t.Fatalf("agent %d delivered at %v: %v", i, times[i], err)
			}
			for w := range delays {
				delays[w] = append(delays[w], times[i][w]-time.Duration(w)*period)
			}
		}
	})
	return delays
}

// fullest returns how many of delays fall at most into any 100 ms.
func fullest(delays []time.Duration) int {
	delays = slices.Sorted(slices.Values(delays))
	most, from := 0, 0
	for i, d := range delays {
		for d-delays[from] >= 100*time.Millisecond {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// TestFleetDeliversEvenly: agents whose windows end together deliver all over the flush_interval, at the same
// instants each time, and none later than after one.
func TestFleetDeliversEvenly(t *testing.T) {
	const agents = 1000
	f := func(flush time.Duration, least, most int) {
		t.Helper()
		delays := fleet(t, agents, flush)
		n := fullest(delays[0])
		t.Logf("flush_interval %v: %d of %d agents in the fullest 100 ms, the last after %v", flush, n, agents, slices.Max(delays[0]))
		if n < least || n > most {
			t.Errorf("flush_interval %v: %d of %d agents deliver within 100 ms, want %d to %d", flush, n, agents, least, most)
		}
		if last := slices.Max(delays[0]); last > flush+100*time.Millisecond {
			t.Errorf("flush_interval %v: one agent delivers %v after the window", flush, last)
		}
		if diff := cmp.Diff(delays[0], delays[1]); diff != "" {
			t.Errorf("flush_interval %v: instants move from window to window (-first +second):\n%s", flush, diff)
		}
	}
	f(0, agents, agents)
	f(time.Second, 100, 180)
	f(5*time.Second, 20, 60)
	f(10*time.Second, 10, 40)
}

// TestPhase: hosts, and the outputs of one, have instants of their own, which no restart and no upgrade moves.
func TestPhase(t *testing.T) {
	f := func(host, output string, interval, want time.Duration) {
		t.Helper()
		if got := phase(host, output, interval); got != want {
			t.Errorf("%s of %s: %v, want %v", output, host, got, want)
		}
	}
	f("a", "outputs.nats", 0, 0)
	f("a", "outputs.nats", time.Second, 124_271_172)
	f("a", "outputs.influxdb", time.Second, 776_819_570)
	f("b", "outputs.nats", time.Second, 78_373_879)
	f("a", "outputs.nats", 10*time.Second, 3_124_271_172)
}
