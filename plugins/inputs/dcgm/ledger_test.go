package dcgm

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestLedger runs an agent on an exporter that fails now and then, and on a dcgmi that ends: each row that was
// read is delivered, and the ledger balances.
func TestLedger(t *testing.T) {
	var pages atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n := pages.Add(1); n % 5 {
		case 3:
			w.WriteHeader(http.StatusInternalServerError)
		case 4:
			_, _ = w.Write([]byte("<html>\n"))
		default:
			_, _ = fmt.Fprint(w, line("DCGM_FI_DEV_GPU_TEMP", 0, fmt.Sprint(n)), line("DCGM_FI_DEV_GPU_UTIL", 1, "9223372036854775792"))
		}
	}))
	t.Cleanup(server.Close)
	scrape := testConfig(modeExporter)
	scrape.URL = server.URL
	stream := hasty(t, "ends", nil)
	input := func(alias string, build func() (any, error)) pipeline.Input {
		return pipeline.Input{
			Plugin: pipeline.Plugin{Name: "dcgm", Alias: alias, New: build}, Interval: 20 * ms, Timeout: 2 * time.Second,
		}
	}
	sink := &sdktest.Sink{}
	agent, err := pipeline.New(pipeline.Plan{
		Agent: pipeline.Agent{Hostname: "h", ShutdownGrace: 5 * time.Second},
		Inputs: []pipeline.Input{
			input("exporter", func() (any, error) { return New(scrape) }),
			input("dmon", func() (any, error) { return stream, nil }),
		},
		Outputs: []pipeline.Output{{
			Plugin: pipeline.Plugin{Name: "sink", New: func() (any, error) { return sink, nil }},
			Queue:  pipeline.Queue{MaxBytes: 16 << 20}, BatchSize: 1000, FlushInterval: 10 * ms, Timeout: time.Second,
		}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); pages.Load() < 30 || len(asked()) < 2; time.Sleep(10 * ms) {
		if time.Now().After(deadline) {
			t.Fatalf("%d pages, %d processes", pages.Load(), len(asked()))
		}
	}
	time.Sleep(200 * ms)
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
	if n := len(of(lines, "gpu,", "host=h", "source=dcgm")); n < 50 || len(of(lines, "gpu_event", "event=lost")) > 0 {
		t.Errorf("%d rows\n%s", n, strings.Join(lines, "\n"))
	}
}
