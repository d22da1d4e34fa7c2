package nvidiasmi

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestStreamLostGPU(t *testing.T) {
	s := streamOf(t, "lost")
	env := open(t, s)
	got := follow(t, s, func(r *harvest) bool { return r.events["found 1 info"] > 0 && r.atLeast(8) })
	if got.events["lost 1 critical"] != 1 || got.events["found 1 info"] != 1 || len(got.events) != 2 {
		t.Errorf("events %v", got.events)
	}
	f := func(index string, zeros int) {
		t.Helper()
		n := 0
		for _, v := range got.up[index] {
			if v == 0 {
				n++
			}
		}
		if n != zeros || len(got.up[index]) < 7 {
			t.Errorf("GPU %s: up %v, want %d zeros", index, got.up[index], zeros)
		}
	}
	f("0", 0)
	f("1", 3)
	f("2", 0)
	if n := total(env, "gpuline_nvidia_smi_noise_rows_total"); n != 0 {
		t.Errorf("%v rows taken for noise", n)
	}
}

func TestStreamVanishedGPU(t *testing.T) {
	s := streamOf(t, "vanished")
	open(t, s)
	got := follow(t, s, func(r *harvest) bool { return r.events["found 1 info"] > 0 })
	if got.events["lost 1 critical"] != 1 || len(got.events) != 2 {
		t.Errorf("events %v", got.events)
	}
	zeros := 0
	for _, v := range got.up["1"] {
		if v == 0 {
			zeros++
		}
	}
	if zeros < 3 || len(got.up["0"]) < 7 || len(got.up["2"]) < 7 {
		t.Errorf("up %v", got.up)
	}
}

func TestStreamNoise(t *testing.T) {
	s := streamOf(t, "noise")
	env := open(t, s)
	got := follow(t, s, func(r *harvest) bool { return r.atLeast(4) })
	if got.rows != 12 || len(got.events) != 0 || len(got.errs) != 0 {
		t.Errorf("%d rows, want 12; events %v, errors %v", got.rows, got.events, got.errs)
	}
	if n := total(env, "gpuline_nvidia_smi_noise_rows_total"); n < 8 {
		t.Errorf("%v lines of noise counted, want at least 8", n)
	}
}

func TestStreamUnknownProperty(t *testing.T) {
	f := func(scenario string, wantStarts int) {
		t.Helper()
		t.Run(scenario, func(t *testing.T) {
			s := streamOf(t, scenario)
			log := new(sdktest.Buffer)
			env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
			env.Log = slog.New(slog.NewTextHandler(log, nil))
			if err := s.Open(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			got := follow(t, s, func(r *harvest) bool { return r.atLeast(2) })
			if len(got.errs) > 0 {
				t.Errorf("errors %v", got.errs)
			}
			for name, want := range map[string]bool{
				"gpu power_watts": true, "gpu throttle_reasons": true, "gpu temperature_margin_celsius": false, "gpu utilization_ratio": true,
			} {
				if got.fields[name] != want {
					t.Errorf("%s: %v, want %v", name, got.fields[name], want)
				}
			}
			if n := len(childtest.Notes("start")); n != wantStarts {
				t.Errorf("%d starts, want %d", n, wantStarts)
			}
			if n := strings.Count(log.String(), "left_out"); n != 1 {
				t.Errorf("%d lines of log about it, want 1:\n%s", n, log.String())
			}
		})
	}
	f("old", 2)  // refused once, then the help is asked
	f("mute", 4) // there is no help: one refusal for each property
}

func TestStreamResumes(t *testing.T) {
	f := func(scenario, why string) {
		t.Helper()
		t.Run(scenario, func(t *testing.T) {
			s := streamOf(t, scenario)
			s.timing.stall = 400 * time.Millisecond
			env := open(t, s)
			got := follow(t, s, func(r *harvest) bool { return len(r.errs) > 0 && r.atLeast(6) })
			if !strings.Contains(got.errs[0].Error(), why) {
				t.Errorf("error %q, want %q", got.errs[0], why)
			}
			if n := total(env, "gpuline_nvidia_smi_starts_total"); n < 2 {
				t.Errorf("%v starts", n)
			}
			if n := total(env, "gpuline_nvidia_smi_abandoned_total"); n != 0 {
				t.Errorf("%v processes were left behind", n)
			}
			if len(got.events) != 0 {
				t.Errorf("events %v", got.events)
			}
		})
	}
	f("stalls", "printed no row")
	f("stubborn", "printed no row")
	f("ends", "ended with status 0")
	f("grandchild", "ended with status 0")
}

// TestStreamUnkillable plays processes that hang in the driver: nothing kills them.
func TestStreamUnkillable(t *testing.T) {
	s := streamOf(t, "stalls")
	s.timing.stall = 400 * time.Millisecond
	path, err := Look(s.config.BinPath)
	if err != nil {
		t.Fatal(err)
	}
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	l := newLauncher(path, env.Meter)
	l.Patience.Term, l.Patience.Kill = 20*time.Millisecond, 20*time.Millisecond
	var mu sync.Mutex
	var hanging []int
	l.Kill = func(group int, _ syscall.Signal) error {
		mu.Lock()
		defer mu.Unlock()
		hanging = append(hanging, group)
		return nil
	}
	s.prepare(env, l)
	s.begin()
	got := follow(t, s, func(r *harvest) bool { return len(r.errs) > 0 && r.atLeast(6) })
	if n := total(env, "gpuline_nvidia_smi_abandoned_total"); n != 1 || len(got.errs) != 1 {
		t.Errorf("%v processes were left behind, want 1; errors %v", n, got.errs)
	}
	began := time.Now()
	if err := s.Close(); err != nil { // abandons the second
		t.Error(err)
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("Close took %v", d)
	}
	if _, err := l.Start("-lms", "20"); !errors.Is(err, child.ErrStuck) {
		t.Errorf("a third process was started beside two that hang: %v", err)
	}
	mu.Lock()
	for _, group := range hanging {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	mu.Unlock()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if l.Stuck() == 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Error("the processes have ended, and still count as stuck")
}

func TestStreamFirstRowLate(t *testing.T) {
	s := streamOf(t, "slow")
	s.timing.firstRow = 50 * time.Millisecond
	open(t, s)
	got := follow(t, s, func(r *harvest) bool { return len(r.errs) >= 2 })
	if want := "no row for 50ms"; !strings.Contains(got.errs[0].Error(), want) {
		t.Errorf("error %q, want %q", got.errs[0], want)
	}
}

func TestStreamFailures(t *testing.T) {
	f := func(scenario string, want ...string) {
		t.Helper()
		t.Run(scenario, func(t *testing.T) {
			s := streamOf(t, scenario)
			open(t, s)
			got := follow(t, s, func(r *harvest) bool { return len(r.errs) >= 2 })
			for _, w := range want {
				if !strings.Contains(got.errs[0].Error(), w) {
					t.Errorf("error %q lacks %q", got.errs[0], w)
				}
			}
		})
	}
	f("no driver", "status 9", "driver is not loaded", "modprobe", "couldn't communicate")
	f("no library", "status 12", "libnvidia-ml.so.1", "Failed to initialize NVML")
	f("no gpu", "status 6", "No devices were found")
	f("nobody", "status 0", "No devices were found")
}

// TestStreamBlocked plays a lost GPU over which nvidia-smi refuses to read any.
// A stream that ends says why, and not what was noise before.
func TestStreamEndsWithItsReason(t *testing.T) {
	s := streamOf(t, "upgraded")
	open(t, s)
	got := follow(t, s, func(h *harvest) bool { return len(h.errs) > 0 })
	if err := got.errs[0].Error(); !strings.Contains(err, "reboot the host") || !strings.Contains(err, `it said: "Failed to initialize NVML: Driver/library version mismatch"`) {
		t.Errorf("it said %s", err)
	}
}

func TestStreamBlocked(t *testing.T) {
	s := streamOf(t, "blocked")
	open(t, s)
	got := follow(t, s, func(r *harvest) bool { return len(r.errs) >= 1 })
	if want := "status 15"; !strings.Contains(got.errs[0].Error(), want) || got.rows != 0 {
		t.Errorf("error %q, want %q", got.errs[0], want)
	}
	_ = s.Close()

	// The GPUs were seen before it happened.
	s = streamOf(t, "blocked")
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	path, _ := Look(s.config.BinPath)
	w := world{gpus: 3}
	s.prepare(env, newLauncher(path, env.Meter))
	for i := range w.gpus {
		s.asker.meet([]byte(w.uuid(i)), []byte(w.bus(i)))
	}
	s.begin()
	defer func() { _ = s.Close() }()
	got = follow(t, s, func(r *harvest) bool { return r.atLeast(4) })
	if len(got.errs) != 0 || len(got.up["0"]) < 3 || len(got.up["2"]) < 3 || len(got.up["1"]) != 0 {
		t.Errorf("up %v, errors %v", got.up, got.errs)
	}
}
