package isolate_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

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
		if err != nil && !errors.Is(err, sdk.ErrEnd) {
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

// launched lends an input the launcher, which sdktest has not.
type launched struct{ *isolate.Input }

func (l launched) Open(ctx context.Context, env *sdk.Env) error {
	env.Launch, env.Interval = launch.Self, 10*time.Millisecond
	return l.Input.Open(ctx, env)
}

func TestContract(t *testing.T) {
	f := func(plugin string) {
		t.Run(plugin, func(t *testing.T) {
			sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
				in, err := isolate.New(plugin, &probeConfig{Play: []string{":count", "gpu,gpu_index=0 power_watts=300,n=3i 1s"}})
				if err != nil {
					t.Fatal(err)
				}
				return launched{in}
			})
		})
	}
	f("probe")
	f("probe_reader")
}

func TestChildIsToldAll(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":count"}, Limits: map[string]int{"b": 2}, Pause: time.Minute})
	r.open()
	r.wantLog("host=testhost", "interval=10ms", "limits=2", "pause=1m0s", "since=0")
	if strings.Contains(r.log.String(), "too quiet") {
		t.Error("the child logs what nobody wants to know")
	}
}

func TestFaultyConfigurations(t *testing.T) {
	f := func(config any, want string) {
		t.Helper()
		_, err := isolate.New("probe", config)
		wantError(t, err, want)
	}
	type secretive struct{ Password sdk.Secret }
	type recursive struct{ F func() }
	f(&secretive{sdk.NewSecret("x")}, "configuration for a child process")
	f(&recursive{func() {}}, "configuration for a child process")
	f(probeConfig{}, "is no pointer")
	f(nil, "is no pointer")
	f(&probeConfig{Play: []string{strings.Repeat("x", 1<<20)}}, "are too many")
}

func TestOpenFails(t *testing.T) {
	timeout := 10 * time.Second
	f := func(plugin, open string, permanent bool, want string) {
		t.Helper()
		in, err := isolate.New(plugin, &probeConfig{Open: open})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, &probeConfig{})
		r.env.Timeout = timeout
		err = in.Open(t.Context(), r.env)
		wantError(t, err, want)
		if got := errors.Is(err, sdk.ErrPermanent); got != permanent {
			t.Errorf("%s: permanent is %v", open, got)
		}
		r.await("the child is gone", func() bool { c, _ := r.child(); return isGone(c) })
	}
	f("probe", ":error no driver", false, "no driver")
	f("probe", ":permanent no such device", true, "no such device")
	f("probe", ":fresh version mismatch", false, "version mismatch")
	f("probe", ":panic ouch", false, "panic: ouch")
	f("probe", ":complain boom;:exit", false, `exit status 3; it said: "boom"`)
	f("absent", "", true, `no input "absent"`)
	timeout = 500 * time.Millisecond
	f("probe", ":wait", false, "deadline exceeded")
}

func TestOpenWithoutALauncher(t *testing.T) {
	r := newRig(t, &probeConfig{})
	r.env.Launch = nil
	if err := r.Open(t.Context(), r.env); !errors.Is(err, sdk.ErrPermanent) {
		t.Error(err)
	}
	r.env.Launch = func(...string) (*sdk.Child, error) { return nil, os.ErrPermission }
	if err := r.Open(t.Context(), r.env); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}

func isGone(c *sdk.Child) bool {
	select {
	case <-c.Exited:
		return true
	default:
		return false
	}
}

// marked returns a configuration whose first child plays first, and whose later ones count on.
func marked(t *testing.T, first ...string) *probeConfig {
	return &probeConfig{Play: first, Marker: filepath.Join(t.TempDir(), "marker")}
}
