// Command gpucheck measures gpuline on a host with a GPU: whether its inputs agree with nvidia-smi, which
// bursts of work they show, what the agent costs, and what the work feels of it. It prints a report in
// Markdown for docs/performance.md, and keeps what it recorded.
//
// It needs nvidia-smi, and python3 with torch for the work (load.py).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

// bench is what the measurements work with.
type bench struct {
	gpuline string // the agent's binary
	python  string
	load    string // load.py
	out     string // folder for what is recorded
	length  time.Duration
	bursts  int
	gap     time.Duration // between two of them, in the mean
	pairs   int           // how often a loop is measured with and without the agent, in turn
	only    string
	which   string // GPU

	gpu       card
	nvidiaSMI string
}

func main() {
	var b bench
	flag.StringVar(&b.gpuline, "gpuline", "bin/gpuline", "the agent's binary, built with cgo")
	flag.StringVar(&b.python, "python", "python3", "a Python with torch")
	flag.StringVar(&b.load, "load", "cmd/gpucheck/load.py", "the program that works the GPU")
	flag.StringVar(&b.out, "out", "bin/gpu-check", "folder for the report and what is recorded")
	flag.DurationVar(&b.length, "length", 20*time.Second, "length of each measurement")
	flag.IntVar(&b.bursts, "bursts", 25, "bursts of each length")
	flag.DurationVar(&b.gap, "gap", 1400*time.Millisecond, "time between two bursts, in the mean")
	flag.IntVar(&b.pairs, "pairs", 5, "runs of the inference loop with the agent, and as many without, at each rate")
	flag.StringVar(&b.which, "gpu", "", "the GPU, by index or UUID; the first that CUDA_VISIBLE_DEVICES names, or 0, where empty")
	flag.StringVar(&b.only, "only", "", "measure these alone: readings, trace, bursts, cost, feel; separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gpucheck:", err)
		os.Exit(1)
	}
}

// run makes all measurements. One that fails is told in the report, and the others go on.
func (b *bench) run(ctx context.Context) error {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	if err := b.find(ctx); err != nil {
		return fmt.Errorf("find the GPU: %w", err)
	}
	report, err := os.Create(b.out + "/report.md")
	if err != nil {
		return err
	}
	defer func() { _ = report.Close() }()
	say := func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
		_, _ = fmt.Fprintf(report, format+"\n", args...)
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	say("### %s, driver %s\n\nKernel %s, %d processors.\n", b.gpu.name, b.gpu.driver, strings.TrimSpace(string(kernel)), runtime.NumCPU())
	if b.gpu.mig {
		say("It is cut into MIG instances: the driver gives no utilisation, and the load works one of them.\n")
	}
	failed := 0
	for _, m := range []struct {
		word, name string
		f          func(context.Context, func(string, ...any)) error
	}{
		{"readings", "Readings against nvidia-smi", b.compare},
		{"trace", "What the driver gives", b.trace},
		{"bursts", "Bursts shown", b.showBursts},
		{"cost", "Own cost", b.cost},
		{"feel", "What an inference loop feels", b.feel},
	} {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), m.word) {
			continue
		}
		say("#### %s\n", m.name)
		if err := m.f(ctx, say); err != nil {
			failed++
			say("could not be measured: %v\n", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d measurements failed; %s/report.md has the rest", failed, b.out)
	}
	return nil
}

// wait lets time pass, unless the measurement is given up.
func (b *bench) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
