package ruletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/processors/threshold"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Chain is processors, in order, that tests send their data through.
type Chain struct {
	Registry   sdk.Registry // with inputs.replay, where a test has a trace
	Processors []pipeline.Processor
}

// Rules returns the names of the rules in the chain.
func (c Chain) Rules() ([]string, error) {
	rules, err := c.rules()
	return slices.Sorted(maps.Keys(rules)), err
}

// rules returns the rules in the chain, and the measurement that each reads.
func (c Chain) rules() (map[string]string, error) {
	all := make(map[string]string)
	for _, p := range c.Processors {
		made, err := p.New()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Where, err)
		}
		if t, ok := made.(*threshold.Threshold); ok {
			maps.Copy(all, t.Rules())
		}
	}
	return all, nil
}

// grace bounds the end of a run whose context has ended; no other run waits for it.
const grace = 10 * time.Second

// Run sends the data of a test through the chain, with relative paths starting from dir, and returns what
// is not as expected. The error says why the test could not be run as it is written.
func (c Chain) Run(ctx context.Context, t *Test, dir string) ([]Failure, error) {
	var log bytes.Buffer // written by one handler, and read once all is over
	all, err := c.rules()
	if err != nil {
		return nil, err
	}
	record := newRecord(all)
	plan := pipeline.Plan{
		Agent:  pipeline.Agent{Hostname: "localhost", ShutdownGrace: grace, LogLevel: slog.LevelWarn},
		Inputs: []pipeline.Input{t.source(c.Registry, dir)},
	}
	for _, p := range c.Processors {
		p.New = lasting(p.New)
		plan.Processors = append(plan.Processors, p)
	}
	last := pipeline.Processor{}
	last.Name, last.New = "record", func() (any, error) { return record, nil }
	plan.Processors = append(plan.Processors, last)

	agent, err := pipeline.New(plan, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		Level: slog.LevelWarn, ReplaceAttr: withoutTime,
	})))
	if err != nil {
		return nil, err
	}
	if err := agent.Run(ctx); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if said, _, _ := strings.Cut(log.String(), "\n"); said != "" {
		return nil, errors.New(said)
	}
	record.settle()
	return t.judge(record)
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// lasting lets time go on for rules when their data has ended.
func lasting(build func() (any, error)) func() (any, error) {
	return func() (any, error) {
		made, err := build()
		if t, ok := made.(*threshold.Threshold); ok {
			return rules{t}, err
		}
		return made, err
	}
}
