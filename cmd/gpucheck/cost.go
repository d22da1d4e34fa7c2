package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// cost measures what the agent uses by itself, child included, at several rates.
func (b *bench) cost(ctx context.Context, say func(string, ...any)) error {
	say("| interval | share of a core | memory (PSS) | anonymous |\n|---|---|---|---|")
	for _, interval := range rates {
		_, end, cmd, err := b.agent(ctx, "cost-"+interval.String(), fmt.Sprintf("[[inputs.nvml]]\ninterval = %q\n[[processors.average]]\nperiod = \"10s\"\n[[processors.peak]]\nperiod = \"10s\"\n", interval))
		if err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
		before, began := cpu(cmd.Process.Pid), time.Now()
		select {
		case <-time.After(b.length):
		case <-ctx.Done():
		}
		used := (cpu(cmd.Process.Pid) - before) / time.Since(began).Seconds()
		pss, anonymous := memory(cmd.Process.Pid)
		if err := end(); err != nil {
			return err
		}
		say("| %v | %.2f %% | %.1f MiB | %.1f MiB |", interval, 100*used, pss/(1<<20), anonymous/(1<<20))
	}
	say("")
	return nil
}

// pairs is how often a loop is measured with and without the agent, in turn.
const pairs = 5

// feel measures a fixed inference loop with and without the agent, and says how much slower it was: the
// median over pairs, so that a drift of the host cancels out.
func (b *bench) feel(ctx context.Context, say func(string, ...any)) error {
	say("| interval | mean latency | slow-down, median of %d pairs | p99, the same | noise |\n|---|---|---|---|---|", pairs)
	for _, interval := range rates {
		var slower, slowerP99, noise, means []float64
		last := 0.0
		for range pairs {
			without, err := b.loop(ctx)
			if err != nil {
				return err
			}
			_, end, _, err := b.agent(ctx, "feel-"+interval.String(), fmt.Sprintf("[[inputs.nvml]]\ninterval = %q\n[[processors.average]]\nperiod = \"10s\"\n[[processors.peak]]\nperiod = \"10s\"\n", interval))
			if err != nil {
				return err
			}
			time.Sleep(time.Second)
			with, err := b.loop(ctx)
			if err := errors.Join(err, end()); err != nil {
				return err
			}
			slower = append(slower, with.Mean/without.Mean-1)
			slowerP99 = append(slowerP99, with.P99/without.P99-1)
			means = append(means, without.Mean)
			if last > 0 {
				noise = append(noise, abs(without.Mean/last-1))
			}
			last = without.Mean
		}
		say("| %v | %.1f µs | %+.2f %% | %+.2f %% | ± %.2f %% |", interval, 1e6*median(means), 100*median(slower), 100*median(slowerP99), 100*median(noise))
	}
	say("\nNoise is by how much two runs without the agent differ.\n")
	return nil
}

type latencies struct {
	Mean float64 `json:"mean_seconds"`
	P99  float64 `json:"p99_seconds"`
}

func (b *bench) loop(ctx context.Context) (l latencies, err error) {
	out, err := exec.CommandContext(ctx, b.python, b.load, "loop", "--seconds", fmt.Sprint((b.length / 4).Seconds())).Output()
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal(out, &l)
}

func abs(v float64) float64 { return max(v, -v) }
