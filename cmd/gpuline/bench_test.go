package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build builds the program as it is shipped and returns its path.
func build(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "gpuline")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", path, ".").CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	if info, err := os.Stat(path); err == nil {
		b.ReportMetric(float64(info.Size())/1e6, "binary-MB")
	}
	return path
}

// trace writes n lines of about 369 bytes: 8 series with 6 tags and 13 fields, each at 1 kHz.
func trace(b *testing.B, n int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "trace.lp")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		gpu := i % 8
		_, _ = fmt.Fprintf(w, "gpu,gpu_index=%d,gpu_name=H100\\ 80,gpu_uuid=GPU-5f%02d,host=n1,pci_bus_id=%02d:00,source=nvml "+
			"utilization_ratio=%.2f,memory_activity_ratio=%.2f,memory_used_bytes=%di,memory_total_bytes=85899345920i,power_watts=%.3f,"+
			"energy_joules=%.1f,temperature_celsius=%d,clock_sm_hertz=%di,fan_ratio=0,pstate=0i,up=1i,xid=0i,throttle_reasons=%di %d\n",
			gpu, gpu, gpu+16, rng.Float64(), rng.Float64(), 40_000_000_000+rng.Int64N(1e9), 300+100*rng.Float64(), 1e6+float64(i)*0.3, 60+rng.IntN(9), 1_500_000_000+rng.Int64N(1e8), rng.IntN(8), 1_700_000_000_000_000_000+int64(i/8)*1_000_000)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

func usage(cmd *exec.Cmd) (cpu float64, peakMiB float64) {
	cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peakMiB = float64(ru.Maxrss) / 1024
	}
	return cpu, peakMiB
}

// BenchmarkReplayProcess runs the whole program over a million lines: average and peak per second, to
// standard output. cpu-s and peak-MiB are the process's.
func BenchmarkReplayProcess(b *testing.B) {
	path, lines := build(b), trace(b, 1_000_000)
	config := configFile(b, fmt.Sprintf(`
[agent]
http = ""

[[inputs.replay]]
files = [%q]

[[processors.average]]
period = "1s"

[[processors.peak]]
period = "1s"

[[outputs.stdout]]
`, lines))
	var cpu, rss float64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil || !strings.Contains(stderr.String(), "read=1000000 ") || !strings.Contains(stderr.String(), "balance=ok") {
			b.Fatalf("%v\n%s", err, &stderr)
		}
		c, m := usage(cmd)
		cpu, rss = cpu+c, max(rss, m)
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s")
	b.ReportMetric(rss, "peak-MiB")
}

// BenchmarkIdleProcess runs the whole program over 8 simulated GPUs at 100 ms, with average, peak and
// prometheus. core-% is the processor time that it takes in 20 s, start-ms what it took in the 2 s before.
func BenchmarkIdleProcess(b *testing.B) {
	path := build(b)
	config := configFile(b, `
[agent]
http = "127.0.0.1:0"
interval = "100ms"

[[inputs.simulate]]
gpus = 8

[[processors.average]]
period = "10s"

[[processors.peak]]
period = "10s"

[[outputs.prometheus]]
`)
	const during = 20 * time.Second
	var start, steady, rss, anonymous float64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		begun := processorTime(b, cmd.Process.Pid)
		time.Sleep(during)
		steady += processorTime(b, cmd.Process.Pid) - begun
		start += begun
		anonymous = max(anonymous, anonymousMiB(cmd.Process.Pid))
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		_, m := usage(cmd)
		rss = max(rss, m)
	}
	b.ReportMetric(100*steady/float64(b.N)/during.Seconds(), "core-%")
	b.ReportMetric(1000*start/float64(b.N), "start-ms")
	b.ReportMetric(rss, "peak-MiB")
	b.ReportMetric(anonymous, "anonymous-MiB")
}

// processorTime returns the seconds that the threads of a process have run, to the nanosecond.
func processorTime(b *testing.B, pid int) (seconds float64) {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		b.Skipf("no account of threads in /proc: %v", err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		var ns float64
		_, _ = fmt.Sscan(string(text), &ns)
		seconds += ns / 1e9
	}
	return seconds
}

// BenchmarkFirstMetricProcess measures from the start of the program to its first line.
func BenchmarkFirstMetricProcess(b *testing.B) {
	path := build(b)
	config := configFile(b, `
[agent]
http = ""

[[inputs.simulate]]
gpus = 8

[[outputs.stdout]]
`)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), path, "run", "-c", config)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b.StartTimer()
	}
}

func anonymousMiB(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}
