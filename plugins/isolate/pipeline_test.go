package isolate_test

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestLedgerThroughTheEngine runs an agent whose isolated input loses its child again and again. Each row
// is delivered once, and the ledger balances.
func TestLedgerThroughTheEngine(t *testing.T) {
	log, children := new(sdktest.Buffer), make(chan *sdk.Child, 100)
	sink := &sdktest.Sink{}
	plan := pipeline.Plan{
		Agent: pipeline.Agent{
			Hostname: "h", ShutdownGrace: 5 * time.Second,
			Launch: func(args ...string) (*sdk.Child, error) {
				c, err := launch.Self(args...)
				if err == nil {
					children <- c
				}
				return c, err
			},
		},
		Inputs: []pipeline.Input{{
			Plugin: pipeline.Plugin{Name: "probe", New: func() (any, error) {
				in, err := isolate.New("probe", &probeConfig{Play: []string{":count"}})
				if err != nil {
					return nil, err
				}
				isolate.Hasten(in)
				return in, nil
			}},
			Interval: 10 * time.Millisecond, Timeout: 2 * time.Second,
		}},
		Outputs: []pipeline.Output{{
			Plugin: pipeline.Plugin{Name: "sink", New: func() (any, error) { return sink, nil }},
			Queue:  pipeline.Queue{MaxBytes: 16 << 20}, BatchSize: 1000, FlushInterval: 10 * time.Millisecond, Timeout: time.Second,
		}},
	}
	agent, err := pipeline.New(plan, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	for range 3 {
		c := <-children
		time.Sleep(400 * time.Millisecond)
		if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	<-children
	time.Sleep(400 * time.Millisecond)
	stop()
	if err := <-done; err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	ledger := agent.Ledger()
	if err := ledger.Check(); err != nil {
		t.Errorf("the ledger does not balance: %v", err)
	}
	lines := sink.Lines()
	if want := fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%[1]d dropped=0 queued=0 balance=ok", len(lines)); ledger.String() != want {
		t.Errorf("ledger\n got %s\nwant %s", ledger.String(), want)
	}
	if len(lines) < 40 {
		t.Errorf("%d rows\n%s", len(lines), log)
	}
	for i, line := range lines {
		if want := fmt.Sprintf("count,host=h n=%di %d", i+1, (i+1)*1_000_000); line != want {
			t.Fatalf("row %q in place of %q\n%s", line, want, log)
		}
	}
	var restarts, errs float64
	for total := range agent.Totals() {
		switch total.Name {
		case "gpuline_child_restarts_total":
			restarts = total.Value
		case "gpuline_errors_total":
			errs += total.Value
		}
	}
	if restarts != 3 || errs != 3 {
		t.Errorf("%v restarts, %v errors\n%s", restarts, errs, log)
	}
}
