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
		"| sm_clock | ", "stamped by", "time since the start of the host",
		"| way | resolution | 5 ms | 20 ms | 50 ms | 200 ms |",
		"| gpuline, SM activity, every 100ms | 100ms |",
		"| 100ms | ", "| DeviceGetSamples | ",
		"slow-down, median of 2 pairs",
	} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	f, err := os.Open(filepath.Join(b.out, "rings.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	recorded, err := fakedriver.Replay(f)
	if err != nil {
		t.Fatal(err)
	}
	if r := recorded.GPUs[0].Ring(fakedriver.PowerSamples); r.Period != 20*time.Millisecond || r.Off || r.Epoch {
		t.Errorf("of what was recorded: %+v", r)
	}
	if t.Failed() {
		t.Logf("%s", report)
	}
}
