package conf_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
)

// servedPage returns what an agent over simulated GPUs shows once its windows have closed.
func servedPage(t *testing.T) string {
	t.Helper()
	url := startAgent(t, `
[agent]
http = "127.0.0.1:0"
interval = "20ms"
[[inputs.simulate]]
gpus = 1
[[processors.average]]
period = "200ms"
lateness = "1ms"
[[processors.peak]]
period = "200ms"
lateness = "1ms"
above = { utilization_ratio = 0.5 }
[[processors.threshold]]
[[processors.threshold.rules]]
name = "answers"
when = "up == 1"
[[outputs.prometheus]]
flush_interval = "20ms"
`)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		page := get(t, url+"/metrics") // empty until the output is open
		if strings.Contains(page, "\ngpu_utilization_ratio_max{") && strings.Contains(page, "\ngpu_throttle_seconds_rate{") {
			return page
		}
		if time.Now().After(deadline) {
			t.Fatalf("no window closed:\n%s", page)
		}
	}
}

// startAgent runs an agent in this process until the test ends, and returns where it serves.
func startAgent(t *testing.T, text string) string {
	t.Helper()
	plan, err := conf.Parse(all.Plugins(), "agent.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	agent, err := pipeline.New(*plan, slog.New(&urlHandler{Handler: slog.NewTextHandler(io.Discard, nil), listening: listening}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	select {
	case url := <-listening:
		return url
	case <-time.After(10 * time.Second):
		t.Fatal("the agent does not listen")
		return ""
	}
}

// urlHandler tells where the agent listens, from its log.
type urlHandler struct {
	slog.Handler
	listening chan<- string
}

func (h *urlHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *urlHandler) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "listening" && a.Key == "url" {
			h.listening <- a.Value.String()
		}
		return true
	})
	return nil
}

// get returns the text of a page, or none where there is no such page.
func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}
