package tegrastats

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestLedgerThroughTheEngine runs an agent whose tegrastats ends again and again. Each row that was read is
// delivered once, and the ledger balances.
func TestLedgerThroughTheEngine(t *testing.T) {
	in, sink := inputOf(t, "ends"), &sdktest.Sink{}
	plan := pipeline.Plan{
		Agent: pipeline.Agent{Hostname: "h", ShutdownGrace: 5 * time.Second},
		Inputs: []pipeline.Input{{
			Plugin:   pipeline.Plugin{Name: "tegrastats", New: func() (any, error) { return in, nil }},
			Interval: 10 * time.Millisecond, Timeout: 2 * time.Second,
		}},
		Outputs: []pipeline.Output{{
			Plugin: pipeline.Plugin{Name: "sink", New: func() (any, error) { return sink, nil }},
			Queue:  pipeline.Queue{MaxBytes: 16 << 20}, BatchSize: 1000, FlushInterval: 10 * time.Millisecond, Timeout: time.Second,
		}},
	}
	agent, err := pipeline.New(plan, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	starts := func() (n float64) {
		for total := range agent.Totals() {
			if total.Name == "gpuline_tegrastats_starts_total" {
				n = total.Value
			}
		}
		return n
	}
	for deadline := time.Now().Add(20 * time.Second); (starts() < 4 || len(sink.Lines()) < 6*20) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	ledger := agent.Ledger()
	if err := ledger.Check(); err != nil {
		t.Errorf("the ledger does not balance: %v", err)
	}
	lines := sink.Lines()
	if want := fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%[1]d dropped=0 queued=0 balance=ok", len(lines)); ledger.String() != want {
		t.Errorf("ledger\n got %s\nwant %s", ledger.String(), want)
	}
	if starts() < 4 || len(lines) < 6*20 {
		t.Errorf("%v starts, %d rows", starts(), len(lines))
	}
	for _, line := range lines {
		if !strings.Contains(line, ",host=h,") || strings.Contains(line, "utilization_ratio=0.99") {
			t.Errorf("%s", line)
		}
	}
}
