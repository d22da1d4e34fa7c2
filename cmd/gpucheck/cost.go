package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// windows are what an agent makes of its samples in these measurements, as one in production does.
const windows = "[[processors.average]]\nperiod = \"10s\"\n[[processors.peak]]\nperiod = \"10s\"\n"

// cost measures what the agent uses by itself, child included, at several rates.
func (b *bench) cost(ctx context.Context, say func(string, ...any)) error {
	say("| interval | share of a core | memory (PSS) | anonymous |\n|---|---|---|---|")
	var files []string
	for _, interval := range rates {
		agent, err := b.agent(ctx, "cost-"+interval.String(), fmt.Sprintf("[[inputs.nvml]]\ninterval = %q\n", interval)+windows)
		if err != nil {
			return err
		}
		b.wait(ctx, b.length/5)
		pid := agent.cmd.Process.Pid
		before, began := cpu(pid), time.Now()
		b.wait(ctx, b.length)
		used := (cpu(pid) - before) / time.Since(began).Seconds()
		pss, anonymous := memory(pid)
		if err := agent.end(); err != nil {
			return err
		}
		if pss > 0 {
			say("| %v | %.2f %% | %.1f MiB | %.1f MiB |", interval, 100*used, pss/(1<<20), anonymous/(1<<20))
		} else { // not every kernel tells
			say("| %v | %.2f %% | not there | not there |", interval, 100*used)
		}
		files = append(files, agent.file)
	}
	say("\n| call into the driver, at %v | calls | takes |\n|---|---|---|", rates[1])
	text, err := os.ReadFile(files[1])
	if err != nil {
		return err
	}
	calls, err := parseCalls(text)
	if err != nil {
		return err
	}
	for _, c := range calls[:min(len(calls), 10)] {
		say("| %s | %.0f | %.1f µs |", c.name, c.count, 1e6*c.seconds)
	}
	say("")
	return nil
}

// call is what a call into the driver cost, as the agent's own metrics say.
type call struct {
	name           string
	count, seconds float64
}

// parseCalls returns the calls of which line protocol tells, the dearest in all first.
func parseCalls(text []byte) ([]call, error) {
	b, err := decode(text)
	if err != nil {
		return nil, err
	}
	last := map[string]call{}
	for m := range b.All() {
		if name := m.Tag("call"); m.Name() == "gpuline" && m.Class() == sdk.ClassSample && name != "" {
			c := call{name: name}
			c.count, _ = m.Number("nvml_calls_total")
			c.seconds, _ = m.Number("nvml_call_seconds")
			last[name] = c
		}
	}
	return slices.SortedFunc(maps.Values(last), func(a, b call) int {
		return cmp.Or(cmp.Compare(b.count*b.seconds, a.count*a.seconds), cmp.Compare(a.name, b.name))
	}), nil
}

// feel measures a fixed inference loop with and without the agent, and says how much slower it was: the
// median over pairs, so that a drift of the host cancels out.
func (b *bench) feel(ctx context.Context, say func(string, ...any)) (err error) {
	loop, err := b.work(ctx, "loop")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loop.end()) }()
	say("| interval | mean latency | slow-down, median of %d pairs | p99, the same | noise |\n|---|---|---|---|---|", b.pairs)
	for _, interval := range rates {
		var slower, slowerP99, noise, means []float64
		last := 0.0
		for range b.pairs {
			without, err := b.loop(loop)
			if err != nil {
				return err
			}
			agent, err := b.agent(ctx, "feel-"+interval.String(), fmt.Sprintf("[[inputs.nvml]]\ninterval = %q\n", interval)+windows)
			if err != nil {
				return err
			}
			b.wait(ctx, b.length/20)
			with, err := b.loop(loop)
			if err := errors.Join(err, agent.end()); err != nil {
				return err
			}
			slower = append(slower, with.Mean/without.Mean-1)
			slowerP99 = append(slowerP99, with.P99/without.P99-1)
			means = append(means, without.Mean)
			if last > 0 {
				noise = append(noise, max(without.Mean/last, last/without.Mean)-1)
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

func (b *bench) loop(l *load) (latencies, error) {
	err := l.ask((b.length / 4).Seconds())
	return l.answer.latencies, err
}
