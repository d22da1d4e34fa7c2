package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// rig is an agent under test: real stages around scripted plugins, in a bubble of synthetic time.
type rig struct {
	t    *testing.T
	plan Plan
	log  sdktest.Buffer
}

// inBubble runs a test in synthetic time.
func inBubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, &rig{t: t, plan: Plan{Agent: Agent{Hostname: "h", ShutdownGrace: 10 * time.Second}}})
	})
}

func fixed(name string, impl any) Plugin {
	return Plugin{
		Name: name, Level: slog.LevelDebug, Fingerprint: fmt.Sprintf("%p", impl),
		New: func() (any, error) { return impl, nil },
	}
}

func (r *rig) input(impl any, processors ...any) *Input {
	in := Input{Plugin: fixed("script", impl), Interval: time.Second, Timeout: 5 * time.Second}
	for _, p := range processors {
		in.Processors = append(in.Processors, Processor{fixed("stage", p)})
	}
	r.plan.Inputs = append(r.plan.Inputs, in)
	return &r.plan.Inputs[len(r.plan.Inputs)-1]
}

func (r *rig) processor(impl any) *Processor {
	r.plan.Processors = append(r.plan.Processors, Processor{fixed("stage", impl)})
	return &r.plan.Processors[len(r.plan.Processors)-1]
}

func (r *rig) output(impl any, processors ...any) *Output {
	out := Output{
		Plugin: fixed("sink", impl), Queue: Queue{MaxBytes: 16 << 20}, BatchSize: 1000, Timeout: 5 * time.Second, Required: true,
	}
	for _, p := range processors {
		out.Processors = append(out.Processors, Processor{fixed("stage", p)})
	}
	r.plan.Outputs = append(r.plan.Outputs, out)
	return &r.plan.Outputs[len(r.plan.Outputs)-1]
}

// start runs the agent; the function that it returns stops it, and returns what Run did and the
// balanced ledger.
func (r *rig) start() (*Pipeline, func() (Ledger, error)) {
	r.t.Helper()
	p, err := New(r.plan, slog.New(slog.NewTextHandler(&r.log, nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() (Ledger, error) {
		r.t.Helper()
		cancel()
		err := <-done
		return r.balanced(p), err
	}
}

// run runs the agent to the end of its inputs.
func (r *rig) run() Ledger {
	r.t.Helper()
	l, err := r.runErr()
	if err != nil {
		r.t.Errorf("run: %v", err)
	}
	return l
}

func (r *rig) runErr() (Ledger, error) {
	r.t.Helper()
	return r.runUntil(r.t.Context())
}

func (r *rig) runUntil(ctx context.Context) (Ledger, error) {
	r.t.Helper()
	p, err := New(r.plan, slog.New(slog.NewTextHandler(&r.log, nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	err = p.Run(ctx)
	return r.balanced(p), err
}

func (r *rig) balanced(p *Pipeline) Ledger {
	r.t.Helper()
	l := p.Ledger()
	if err := l.Check(); err != nil {
		r.t.Errorf("the ledger does not balance: %v", err)
	}
	return l
}

func (r *rig) wantLedger(l Ledger, want string) {
	r.t.Helper()
	if got := l.String(); got != want {
		r.t.Errorf("ledger\n got %s\nwant %s", got, want)
	}
}

func (r *rig) wantLog(parts ...string) {
	r.t.Helper()
	for _, part := range parts {
		if !strings.Contains(r.log.String(), part) {
			r.t.Errorf("the log lacks %q:\n%s", part, r.log.String())
		}
	}
}

func wantLines(t *testing.T, s *sdktest.Sink, want string) {
	t.Helper()
	if diff := cmp.Diff(sdktest.Lines(want), s.Lines()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// mark absorbs every sample and makes one result of it.
func mark(suffix string) *sdktest.Stage {
	return &sdktest.Stage{Do: func(_ context.Context, b *sdk.Batch) error {
		for m := range b.Samples() {
			v, ok := m.Number("x")
			if !ok {
				continue
			}
			b.Absorb(m)
			r := b.Add(b.Catalog().With(m.Series(), sdk.Tag{Key: "window", Value: "1s"}), m.Time())
			r.SetOrigin(m.Series())
			r.Float("x_"+suffix, v)
		}
		return nil
	}}
}

func steps(text ...string) []sdktest.Step {
	var s []sdktest.Step
	for _, t := range text {
		s = append(s, sdktest.Step{Text: t})
	}
	return s
}
