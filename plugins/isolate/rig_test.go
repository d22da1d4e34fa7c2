package isolate_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

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
	log   *sdktest.Buffer
	batch *sdk.Batch

	mu       sync.Mutex
	children []*sdk.Child // in the order of their start
}

// newRig returns an input that plays what c says, each 10 ms, with short pauses.
func newRig(t testing.TB, c *probeConfig) *rig {
	t.Helper()
	in, err := isolate.New("probe", c)
	if err != nil {
		t.Fatal(err)
	}
	isolate.Hasten(in)
	r := &rig{Input: in, t: t, env: sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})), log: new(sdktest.Buffer)}
	r.env.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	r.env.Launch = r.launch
	r.env.Interval, r.env.Timeout = 10*time.Millisecond, 10*time.Second
	r.batch = sdk.NewBatch(r.env.Catalog)
	return r
}

// hasty makes a call that takes half a second one that hangs. Others than the tests of hangs do not hurry: a child may
// take so long to start on a busy machine.
func (r *rig) hasty() *rig {
	r.env.Timeout = 500 * time.Millisecond
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

func (r *rig) launch(args ...string) (*sdk.Child, error) {
	c, err := launch.Self(args...)
	if err != nil {
		return nil, err
	}
	return r.adopt(c), nil
}

// adopt notes a child.
func (r *rig) adopt(c *sdk.Child) *sdk.Child {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.children = append(r.children, c)
	return c
}

// child returns the child that was started last, and how many there were.
func (r *rig) child() (*sdk.Child, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.children[len(r.children)-1], len(r.children)
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

// readError reads until there is an error.
func (r *rig) readError() (err error) {
	r.t.Helper()
	r.read(func(_ *sdk.Batch, failed error) bool {
		err = failed
		return err != nil
	})
	return err
}

// await waits until ok, for 10 s.
func (r *rig) await(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not within 10 s\n%s", what, r.log)
		}
	}
}

func (r *rig) wantLog(parts ...string) {
	r.t.Helper()
	for _, part := range parts {
		r.await("the log has "+part, func() bool { return strings.Contains(r.log.String(), part) })
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
