package isolate_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// rig is an isolated input under test, and what the engine would lend it.
type rig struct {
	*isolate.Input
	t     testing.TB
	env   *sdk.Env
	log   *sdktestLog
	batch *sdk.Batch
}

// newRig returns an input that plays what c says, each 10 ms, with short pauses.
func newRig(t testing.TB, c *probeConfig) *rig {
	t.Helper()
	in, err := isolate.New("probe", c)
	if err != nil {
		t.Fatal(err)
	}
	isolate.Hasten(in)
	r := &rig{Input: in, t: t, env: sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})), log: new(sdktestLog)}
	r.env.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	r.env.Launch = launch.Self
	r.env.Interval, r.env.Timeout = 10*time.Millisecond, 500*time.Millisecond
	r.batch = sdk.NewBatch(r.env.Catalog)
	return r
}

func (r *rig) open() *rig {
	r.t.Helper()
	before := goleak.IgnoreCurrent()
	if err := r.Open(r.t.Context(), r.env); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			r.t.Error(err)
		}
		goleak.VerifyNone(r.t, before)
		if r.t.Failed() {
			r.t.Log(r.log.String())
		}
	})
	return r
}

// read reads until done says so, or for 10 s.
func (r *rig) read(done func(b *sdk.Batch, err error) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	for {
		r.batch.Reset()
		_, err := r.Read(ctx, r.batch)
		if ctx.Err() != nil {
			r.t.Fatalf("nothing came of it\n%s", r.log)
		}
		if done(r.batch, err) {
			return
		}
	}
}

// figure returns one of the input's figures.
func (r *rig) figure(name string) float64 {
	for t := range r.env.Meter.Totals() {
		if t.Name == name {
			return t.Value
		}
	}
	return -1
}

func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
}

type sdktestLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *sdktestLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *sdktestLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRowsArriveExactly(t *testing.T) {
	play := []string{
		`gpu,gpu_index=0 power_watts=300.5,n=3i,energy_joules=5,u=4u,b=true,s="x y" 1s`,
		`gpu,gpu_index=1 power_watts=NaN,x:counter:=1 1.5s
		 gpu,gpu_index=0 power_watts=310,x=2 1.2s`,
		`gpu_event,code=79 message="lost" 2s class=event`,
		`gpu_info serial="1" 3s class=info`,
		`gpu,window=10s power_watts_max=1 4s origin=gpu notes=alert=x`,
		`:end`,
	}
	want := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	for _, lines := range play[:len(play)-1] {
		sdktest.Parse(t, want, lines)
	}
	r := newRig(t, &probeConfig{Play: play}).open()
	var got []string
	var tally sdk.Tally
	r.read(func(b *sdk.Batch, err error) bool {
		got = append(got, sdktest.DumpFull(b)...)
		b.TakeTally(&tally)
		if err != nil && err != sdk.ErrEnd && err.Error() != sdk.ErrEnd.Error() {
			t.Error(err)
		}
		return err != nil
	})
	if diff := cmp.Diff(sdktest.DumpFull(want), got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Tally(), &tally); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
}
