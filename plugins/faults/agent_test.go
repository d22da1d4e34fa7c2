package faults

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// agent is an agent at work in this process.
type agent struct {
	*pipeline.Pipeline
	stop func() pipeline.Ledger
}

// start starts an agent, which ends with the test at the latest. Its ledger is checked then.
func start(t *testing.T, text string, more ...sdk.Definition) *agent {
	t.Helper()
	plan, err := conf.Parse(append(all.Plugins(), more...), "agent.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(*plan, slog.New(slog.NewTextHandler(logOf(t), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	a := &agent{Pipeline: p}
	a.stop = sync.OnceValue(func() pipeline.Ledger {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		l := p.Ledger()
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		return l
	})
	t.Cleanup(func() { a.stop() })
	return a
}

// testLog is a test's log for as long as the test runs: what an agent has left behind may still say something then.
type testLog struct {
	mu sync.Mutex
	to io.Writer
}

func logOf(t *testing.T) *testLog {
	l := &testLog{to: t.Output()}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.to = io.Discard
	})
	return l
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// read returns how many metrics an agent's inputs have read.
func read(l *pipeline.Ledger) (n uint64) {
	for i := range l.Stages {
		if l.Stages[i].Role == "input" {
			n += l.Stages[i].In
		}
	}
	return n
}
