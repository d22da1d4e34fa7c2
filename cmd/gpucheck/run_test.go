//go:build cgo

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestRun makes all measurements on a host with a fake driver, an nvidia-smi that agrees with it, and a torch
// that takes time and does nothing: nothing is left to find out on a host with a GPU but figures.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("works through programs of its own: make test has it")
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3: the load cannot be run")
	}
	dir := t.TempDir()
	if _, err := fakedriver.Build(dir); errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip("there is no gcc: nothing is read through the fake driver")
	} else if err != nil {
		t.Fatal(err)
	}
	b := bench{
		gpuline: filepath.Join(dir, "gpuline"), python: "python3", load: "load.py", out: filepath.Join(dir, "out"),
		length: 2 * time.Second, bursts: 1, gap: 100 * time.Millisecond, pairs: 2,
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", b.gpuline, "../gpuline").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := fakedriver.New(nil, 1)
	s.Loaded = -time.Hour
	if err := s.StartNow(); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteFile(filepath.Join(dir, "scenario")); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, filepath.Join(dir, "scenario"))
	t.Setenv("LD_LIBRARY_PATH", dir)
	t.Setenv("PATH", filepath.Join(here, "testdata")+":"+os.Getenv("PATH"))
	t.Setenv("PYTHONPATH", filepath.Join(here, "testdata", "torch"))
	if err := b.run(t.Context()); err != nil {
		t.Error(err)
	}
	report, err := os.ReadFile(filepath.Join(b.out, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### NVIDIA H100 80GB HBM3, driver 580.95.05",
		"| power, W | 70.0 | 70.0 | 70.0 | agree |",
		"| sm_clock | ", "stamped by", "time since the start of the host", "| power, instant (field 186) | 0, 70000 | ",
		"Profiling: NVML says 0, supported 1.", "Events: types 0xf01f (NVML says 0), registered 0, waiting 10 ms gives 10.",
		"| way | resolution | 5 ms | 20 ms | 50 ms | 200 ms |",
		"| gpuline, SM activity, every 100ms | 100ms |",
		"| 100ms | ", "| DeviceGetSamples | ",
		"slow-down, median of 2 pairs",
	} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if r := recorded(t, b.out); r.Period != 20*time.Millisecond || r.Off || r.Epoch {
		t.Errorf("of what was recorded: %+v", r)
	}
	without(t, b)
	if t.Failed() {
		t.Logf("%s", report)
	}
}

// recorded reads what was recorded of the ring of power.
func recorded(t *testing.T, dir string) *fakedriver.Ring {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "rings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s, err := fakedriver.Replay(f)
	if err != nil {
		t.Fatal(err)
	}
	return s.GPUs[0].Ring(fakedriver.PowerSamples)
}

// without measures where there is no torch: it is said, and the rings are recorded all the same.
func without(t *testing.T, b bench) {
	t.Helper()
	t.Setenv("PYTHONPATH", "")
	none := filepath.Join(t.TempDir(), "torch.py")
	if err := os.WriteFile(none, []byte("raise ImportError('there is none')\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", filepath.Dir(none))
	b.out, b.only = filepath.Join(t.TempDir(), "out"), "trace"
	if err := b.run(t.Context()); err == nil || !strings.Contains(err.Error(), "1 measurements failed") {
		t.Errorf("without torch: %v", err)
	}
	report, err := os.ReadFile(filepath.Join(b.out, "report.md"))
	if err != nil || !strings.Contains(string(report), "torch is missing") {
		t.Errorf("%v: %s", err, report)
	}
	if r := recorded(t, b.out); r.Period != 20*time.Millisecond {
		t.Errorf("of what was recorded without torch: %+v", r)
	}
}
