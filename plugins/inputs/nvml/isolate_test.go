//go:build cgo

package nvml

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// apart is the input as operators have it, its calls in a child process, in real time.
type apart struct {
	*host
	in   sdk.Reader
	said *sdktest.Buffer

	mu       sync.Mutex
	children []*sdk.Child
}

// child returns the child that was started as number n, and how many there have been.
func (a *apart) child(n int) (*sdk.Child, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.children[n], len(a.children)
}

func newApart(t *testing.T, gpus int, scene func(*fakedriver.Scenario)) *apart {
	t.Helper()
	var c Config
	sdk.Defaults(&c)
	c.Library = buildDriver(t)
	s := fakedriver.New(nil, gpus)
	if err := s.StartNow(); err != nil {
		t.Fatal(err)
	}
	s.Loaded = -time.Hour
	scene(s)
	h := &host{t: t, epoch: time.Now()}
	h.play(s)
	catalog := sdk.NewCatalog(sdk.Limits{})
	a := &apart{host: h, said: new(sdktest.Buffer)}
	h.batch = sdk.NewBatch(catalog)
	h.env = &sdk.Env{
		Log: a.said.Log(), Host: "h", Interval: 50 * ms, Timeout: time.Second, Catalog: catalog,
		Meter: sdk.NewMeter(), Now: time.Now,
		Launch: func(args ...string) (*sdk.Child, error) {
			child, err := launch.Self(args...)
			if err != nil {
				return nil, err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.children = append(a.children, child)
			return child, nil
		},
	}
	in, err := New(&c)
	if err != nil {
		t.Fatal(err)
	}
	a.in = in.(sdk.Reader)
	if err := a.in.(sdk.Opener).Open(t.Context(), h.env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.in.(interface{ Close() error }).Close() })
	return a
}

// read collects rows until a time after the start.
func (a *apart) read(until time.Duration) (all []row) {
	a.t.Helper()
	ctx, cancel := context.WithDeadline(a.t.Context(), a.epoch.Add(until))
	defer cancel()
	for ctx.Err() == nil {
		_, err := a.in.Read(ctx, a.batch)
		all = append(all, a.rows()...)
		a.batch.Reset()
		if err != nil && ctx.Err() == nil {
			a.errs = append(a.errs, err)
		}
	}
	return all
}

// wantOnce holds that the samples of power between two instants came once each, whatever became of the
// process that read them; no sample may lie at these instants. Time stamps are those of the host, to within what two readings of clocks differ.
func (a *apart) wantOnce(truth *fakedriver.Truth, rows []row, from, to time.Duration) {
	a.t.Helper()
	var got []row
	for _, r := range with(of(rows, "gpu", "0"), "power_watts") {
		if _, tier := r.fields["up"]; !tier && r.at > from && r.at <= to {
			got = append(got, r)
		}
	}
	want := truth.Samples(fakedriver.PowerSamples, from, to)
	for i := range min(len(got), len(want)) {
		if off := got[i].at - want[i].At; off < -5*ms || off > 5*ms || got[i].fields["power_watts"] != float64(want[i].Value)/1e3 {
			a.t.Fatalf("sample %d is %v at %v, want %v at %v", i, got[i].fields["power_watts"], got[i].at, float64(want[i].Value)/1e3, want[i].At)
		}
	}
	if len(got) != len(want) {
		a.t.Errorf("%d samples of %d", len(got), len(want))
	}
}

// ramp gives every sample of power a value of its own.
func ramp(g *fakedriver.GPU) *fakedriver.Truth {
	l := g.Line(fakedriver.Power).Base(50_000)
	for i := range int64(1000) {
		l.At(time.Duration(i)*10*ms, 50_000+i*100)
	}
	return g.Truth()
}

// TestChildIsReplaced kills the child, and has the driver exchanged under it: a new one goes on where it
// stopped, and no sample is lost or told twice.
func TestChildIsReplaced(t *testing.T) {
	f := func(name string, scene func(*fakedriver.Scenario), act func(*apart), restarts int) {
		t.Run(name, func(t *testing.T) {
			var truth *fakedriver.Truth
			a := newApart(t, 2, func(s *fakedriver.Scenario) {
				truth = ramp(s.GPUs[0])
				scene(s)
			})
			rows := a.read(1500 * ms)
			act(a)
			rows = append(rows, a.read(4*time.Second)...)
			a.wantOnce(truth, rows, 510*ms, 3510*ms) // between samples, which come each 20 ms
			if _, n := a.child(0); n != 1+restarts {
				t.Errorf("%d children, want %d; errors %v; the log:\n%s", n, 1+restarts, a.errs, a.said)
			}
		})
	}
	f("undisturbed", func(*fakedriver.Scenario) {}, func(*apart) {}, 0)
	f("killed", func(*fakedriver.Scenario) {}, func(a *apart) { c, _ := a.child(0); _ = c.Kill() }, 1)
	f("driver exchanged", func(s *fakedriver.Scenario) { s.Mismatch(2*time.Second, "600.10") }, func(*apart) {}, 1)
}

// TestChildThatHangs has the driver hang as a whole: it is reported, the child is killed and replaced, and
// the new one goes on once the driver does.
func TestChildThatHangs(t *testing.T) {
	hanging := filepath.Join(t.TempDir(), "hang")
	if err := os.WriteFile(hanging, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := newApart(t, 1, func(s *fakedriver.Scenario) {
		// At the start of the next process, too: there is no way around it.
		s.GPUs[0].Hang("DeviceGetUUID", time.Second, fakedriver.Never, hanging, true)
		s.GPUs[0].Hang("DeviceGetTotalEnergyConsumption", time.Second, fakedriver.Never, hanging, true)
	})
	a.read(1500 * ms)
	first, _ := a.child(0)
	_ = syscall.Kill(first.PID, syscall.SIGSTOP) // the whole process stands still, as it does in a kernel that hangs
	a.read(8 * time.Second)
	if _, n := a.child(0); n < 2 {
		t.Fatalf("the child was not replaced; the log:\n%s", a.said)
	}
	select {
	case <-first.Exited:
	default:
		t.Error("the child that hung is still there")
	}
	if err := os.Remove(hanging); err != nil {
		t.Fatal(err)
	}
	for deadline := 12 * time.Second; ; deadline += time.Second {
		if rows := a.read(deadline); len(with(of(rows, "gpu", "0"), "energy_joules")) > 5 {
			break
		}
		if deadline > 30*time.Second {
			t.Fatalf("no row after the driver went on; the log:\n%s", a.said)
		}
	}
}

// TestFigures holds that what the child measures is on the agent's page.
func TestChildFigures(t *testing.T) {
	a := newApart(t, 1, func(*fakedriver.Scenario) {})
	a.read(2500 * ms)
	for _, name := range []string{"gpuline_nvml_sample_period_seconds", "gpuline_nvml_call_seconds", "gpuline_child_cpu_seconds_total", "gpuline_child_resident_bytes"} {
		if v := a.total(name); v <= 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
}
