package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// BenchmarkNVMLProcess runs the whole program, and the child that its calls are in, over the fake driver: 8
// GPUs with bursts of work, all rings drained and counters read at 100 ms. core-% and the memory are those of
// both processes; the fake driver's own work is part of it.
func BenchmarkNVMLProcess(b *testing.B) {
	lib, err := fakedriver.Build(b.TempDir())
	if err != nil {
		b.Skipf("the fake driver cannot be built: %v", err)
	}
	path := build(b)
	f := func(name, rest string) {
		b.Run(name, func(b *testing.B) {
			s := fakedriver.New(nil, 8)
			s.Loaded = -time.Hour
			for i, g := range s.GPUs {
				period := time.Duration(300+40*i) * time.Millisecond
				g.Line(fakedriver.Power).Base(90_000).Burst(period/2, 40*time.Millisecond, 600_000).Loop(period)
				g.Line(fakedriver.GPUUtil).Base(0).Burst(period/2, 40*time.Millisecond, 100).Loop(period)
			}
			scenario := filepath.Join(b.TempDir(), "scenario")
			if err := s.WriteFile(scenario); err != nil {
				b.Fatal(err)
			}
			config := configFile(b, fmt.Sprintf("[agent]\nhttp = \"127.0.0.1:0\"\n[[inputs.nvml]]\ninterval = \"100ms\"\nlibrary = %q\n%s[[outputs.prometheus]]\n", lib, rest))
			const during = 20 * time.Second
			var steady float64
			var pss, anonymous float64
			for b.Loop() {
				cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
				cmd.Env = append(os.Environ(), fakedriver.Env+"="+scenario)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				both := []int{cmd.Process.Pid, childOf(b, cmd.Process.Pid)}
				begun := processorTime(b, both[0]) + processorTime(b, both[1])
				time.Sleep(during)
				steady += processorTime(b, both[0]) + processorTime(b, both[1]) - begun
				p, a := 0.0, 0.0
				for _, pid := range both {
					p += rollup(b, pid, "Pss:")
					a += rollup(b, pid, "Anonymous:")
				}
				pss, anonymous = max(pss, p), max(anonymous, a)
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					b.Fatal(err)
				}
				if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), "balance=ok") {
					b.Fatalf("%v\n%s", err, &stderr)
				}
			}
			b.ReportMetric(100*steady/float64(b.N)/during.Seconds(), "core-%")
			b.ReportMetric(pss, "PSS-MiB")
			b.ReportMetric(anonymous, "anonymous-MiB")
		})
	}
	f("plain", "")
	f("windows", "[[processors.average]]\nperiod = \"10s\"\n[[processors.peak]]\nperiod = \"10s\"\n")
}

// childOf returns the one child of a process.
func childOf(b *testing.B, pid int) int {
	b.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if child, bad := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && bad == nil {
			return child
		}
	}
	b.Fatal("the agent has no child")
	return 0
}

// rollup returns a figure of a process's memory in MiB.
func rollup(b *testing.B, pid int, key string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Skipf("no account of memory in /proc: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == key {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}
