package tegrastats

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// inputOf returns an input that reads the fake, and shortens what it waits for, but for stalls: the machine
// may be busy.
func inputOf(t testing.TB, scenario string, adjust ...func(*follower)) *Input {
	in := &Input{config: testConfig()}
	in.config.BinPath, in.config.Root = childtest.Program(t, scenario), plant(t, orin())
	in.adjust = func(f *follower) {
		f.timing = timing{first: 5 * time.Second, stall: 5 * time.Second, pauses: child.Pauses{First: 10 * time.Millisecond, Longest: 100 * time.Millisecond}}
		for _, change := range adjust {
			change(f)
		}
	}
	return in
}

func testConfig() *Config {
	c := new(Config)
	sdk.Defaults(c)
	return c
}

func open20(t *testing.T, in *Input) *sdk.Env {
	t.Helper()
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Interval = 20 * time.Millisecond
	if err := in.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return env
}

// harvest is what an input gave.
type harvest struct {
	lines  int // rows of the GPU
	busy   []float64
	fields map[string]bool
	errs   []error
}

// read reads until enough says so, for 10 s at most.
func read(t *testing.T, in *Input, enough func(*harvest) bool) *harvest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := &harvest{fields: map[string]bool{}}
	last := map[string]int64{}
	for b := newBatch(); ctx.Err() == nil && !enough(got); {
		b.Reset()
		ack, err := in.Read(ctx, b)
		if ack != nil {
			t.Error("nothing needs an Ack")
		}
		if err != nil {
			got.errs = append(got.errs, err)
		}
		sdktest.Foreseen(t, &Config{}, b)
		for m := range b.All() {
			if key := m.Series().String(); m.Class() == sdk.ClassSample && m.Time() <= last[key] {
				t.Errorf("%s: time %d after %d", key, m.Time(), last[key])
			} else {
				last[key] = m.Time()
			}
			if m.Name() == vocabulary.GPU {
				got.lines++
				v, _ := m.Number("utilization_ratio")
				got.busy = append(got.busy, v)
			}
			for _, f := range m.Schema().Fields() {
				got.fields[strings.TrimSpace(m.Name()+" "+m.Tag("name"))+" "+f.Name] = true
			}
		}
	}
	if !enough(got) {
		t.Fatalf("not enough was read: %d lines, errors %v", got.lines, got.errs)
	}
	return got
}

func total(env *sdk.Env, name string) float64 {
	for t := range env.Meter.Totals() {
		if t.Name == "gpuline_tegrastats_"+name {
			return t.Value
		}
	}
	return -1
}

func TestFollow(t *testing.T) {
	for _, scenario := range []string{"normal", "pieces"} {
		in := inputOf(t, scenario)
		env := open20(t, in)
		got := read(t, in, func(h *harvest) bool { return h.lines >= 6 })
		if want := []float64{0.01, 0.02, 0.03, 0.04, 0.05, 0.06}; !slices.Equal(got.busy[:6], want) || len(got.errs) > 0 {
			t.Errorf("%s: %v, want %v; errors %v", scenario, got.busy, want, got.errs)
		}
		for _, want := range []string{
			"gpu up", "gpu power_watts", "gpu fan_ratio", "gpu encoder_ratio", "gpu_info serial", "gpu_info power_rail",
			"soc 1 powered", "soc nvenc utilization_ratio", "soc VDD_CPU_CV power_watts", "soc tj temperature_celsius", "soc pwm_tach fan_rpm",
		} {
			if !got.fields[want] {
				t.Errorf("%s: no %s", scenario, want)
			}
		}
		if n := total(env, "noise_lines_total") + total(env, "invalid_values_total"); n != 0 || total(env, "starts_total") != 1 {
			t.Errorf("%s: %v lines of noise or invalid values", scenario, n)
		}
	}
}

func TestNoiseIsCounted(t *testing.T) {
	in := inputOf(t, "noise")
	env := open20(t, in)
	got := read(t, in, func(h *harvest) bool { return h.lines >= 4 })
	if n := total(env, "noise_lines_total"); n < 4 || n > 8 || len(got.errs) > 0 {
		t.Errorf("%v lines of noise, errors %v", n, got.errs)
	}
}

func TestEndlessLine(t *testing.T) {
	in := inputOf(t, "endless")
	in.adjust = func(f *follower) { f.timing.first = 300 * time.Millisecond }
	env := open20(t, in)
	got := read(t, in, func(h *harvest) bool { return len(h.errs) > 0 })
	if !strings.Contains(got.errs[0].Error(), "printed no line for 320ms") || total(env, "noise_lines_total") == 0 {
		t.Errorf("%v, %v lines of noise", got.errs[0], total(env, "noise_lines_total"))
	}
}

func TestResumes(t *testing.T) {
	f := func(scenario, why string) {
		t.Helper()
		t.Run(scenario, func(t *testing.T) {
			in := inputOf(t, scenario, func(f *follower) { f.timing.stall = 400 * time.Millisecond })
			env := open20(t, in)
			got := read(t, in, func(h *harvest) bool { return len(h.errs) > 0 && h.lines >= 6 })
			if !strings.Contains(got.errs[0].Error(), why) {
				t.Errorf("error %q, want %q", got.errs[0], why)
			}
			if slices.Contains(got.busy, 0.99) {
				t.Error("a torn line was read")
			}
			if total(env, "starts_total") < 2 || total(env, "abandoned_total") != 0 {
				t.Errorf("%v starts, %v abandoned", total(env, "starts_total"), total(env, "abandoned_total"))
			}
		})
	}
	f("stalls", "printed no line for 400ms: it is stopped, and another one started")
	f("stubborn", "printed no line")
	f("ends", "tegrastats ended with status 0")
	f("grandchild", "tegrastats ended with status 0")
}

func TestFailures(t *testing.T) {
	f := func(scenario, want string) {
		t.Helper()
		in := inputOf(t, scenario, func(f *follower) { f.timing.first = 500 * time.Millisecond })
		open20(t, in)
		got := read(t, in, func(h *harvest) bool { return len(h.errs) >= 2 })
		if err := got.errs[1].Error(); err != want {
			t.Errorf("%s: %q, want %q", scenario, err, want)
		}
	}
	f("fails", `tegrastats ended with status 3; it said: "tegrastats: cannot read the statistics"`)
	f("says", `tegrastats ended with status 1; it said: "Run as root, please"`)
	f("mute", "tegrastats printed no line for 520ms: it is stopped, and another one started")
}

// TestUnkillable plays processes that hang in the kernel: nothing kills them.
func TestUnkillable(t *testing.T) {
	var mu sync.Mutex
	var hanging []int
	in := inputOf(t, "stalls", func(f *follower) {
		f.timing.stall = 400 * time.Millisecond
		f.launcher.Patience.Term, f.launcher.Patience.Kill = 20*time.Millisecond, 20*time.Millisecond
		f.launcher.Kill = func(group int, _ syscall.Signal) error {
			mu.Lock()
			defer mu.Unlock()
			hanging = append(hanging, group)
			return nil
		}
	})
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Interval = 20 * time.Millisecond
	if err := in.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	got := read(t, in, func(h *harvest) bool { return len(h.errs) > 0 && h.lines >= 6 })
	if n := total(env, "abandoned_total"); n != 1 || len(got.errs) != 1 {
		t.Errorf("%v processes were left behind, want 1; errors %v", n, got.errs)
	}
	began := time.Now()
	if err := in.Close(); err != nil { // abandons the second
		t.Error(err)
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("Close took %v", d)
	}
	if _, err := in.follower.launcher.Start("--interval", "20"); !errors.Is(err, child.ErrStuck) {
		t.Errorf("a third process was started beside two that hang: %v", err)
	}
	mu.Lock()
	for _, group := range hanging {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	mu.Unlock()
	for deadline := time.Now().Add(5 * time.Second); in.follower.launcher.Stuck() > 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the processes have ended, and still count as stuck")
		}
	}
}

// TestSlowReader checks that a reader that falls behind costs lines and nothing else.
func TestSlowReader(t *testing.T) {
	in := inputOf(t, "normal")
	env := open20(t, in)
	for deadline := time.Now().Add(10 * time.Second); total(env, "dropped_lines_total") < 10; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was dropped")
		}
	}
	got := read(t, in, func(h *harvest) bool { return h.lines >= 2*pending })
	if len(got.errs) > 0 || got.busy[0] < 0.08 {
		t.Errorf("errors %v; the first line read is the %v-th", got.errs, 100*got.busy[0])
	}
}

func TestSysfsMode(t *testing.T) {
	in := &Input{config: testConfig()}
	in.config.BinPath, in.config.Root = "no-tegrastats-here", plant(t, orin())
	open20(t, in)
	began := time.Now()
	got := read(t, in, func(h *harvest) bool { return h.lines >= 4 })
	if d := time.Since(began); d < 60*time.Millisecond || len(got.errs) > 0 {
		t.Errorf("4 readings at 20 ms in %v; errors %v", d, got.errs)
	}
	if !slices.Equal(got.busy, []float64{0.375, 0.375, 0.375, 0.375}) || got.fields["soc 0 powered"] {
		t.Errorf("%v, %v", got.busy, got.fields)
	}
}

func TestOpenFails(t *testing.T) {
	f := func(mode, bin, root, want string) {
		t.Helper()
		in := &Input{config: &Config{Mode: mode, BinPath: bin, Root: root}}
		err := in.Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mode, err, want)
		}
	}
	empty := t.TempDir()
	f(modeAuto, "nowhere-to-be-found", empty, "look for nowhere-to-be-found and for the GPU of a Jetson below "+empty+": neither is there")
	f(modeTegrastats, "nowhere-to-be-found", plant(t, orin()), "install nvidia-l4t-tools, or set `bin_path`")
	f(modeSysfs, "tegrastats", empty, "set `root`")
}

func TestKeepsTheContract(t *testing.T) {
	t.Run("tegrastats", func(t *testing.T) {
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader { return every20{inputOf(t, "normal")} })
	})
	t.Run("sysfs", func(t *testing.T) {
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
			in := &Input{config: testConfig()}
			in.config.Mode, in.config.Root = modeSysfs, plant(t, orin())
			return every20{in}
		})
	})
}

// every20 is an input that reads each 20 ms.
type every20 struct{ *Input }

func (e every20) Open(ctx context.Context, env *sdk.Env) error {
	env.Interval = 20 * time.Millisecond
	return e.Input.Open(ctx, env)
}
