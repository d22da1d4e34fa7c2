package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
)

// detect returns a plan for the GPUs of this host. It looks for what reads them, and runs nothing.
func detect(p *program) (*pipeline.Plan, error) {
	var errs []error
	for _, f := range lookForGPUs() {
		if f.Err != nil {
			errs = append(errs, f.Err)
			continue
		}
		_, _ = fmt.Fprintf(p.stderr, "gpuline: no configuration was given; reading GPUs through %s with inputs.%s\n", f.Found, f.Input)
		text := bytes.Replace(conf.Detected, []byte("[[inputs.nvml]]"), []byte("[[inputs."+f.Input+"]]"), 1)
		plan, err := conf.Parse(p.registry, "detected.toml", text)
		if err != nil {
			return nil, errors.Join(errors.New("the built-in configuration is faulty"), err)
		}
		return plan, nil
	}
	return nil, fmt.Errorf("no configuration was given, and no GPU was found: %w; "+
		"or name a configuration with -c FILE, such as conf/demo.toml for simulated GPUs", oneLine(errs))
}

// oneLine joins errors on one line.
func oneLine(errs []error) error {
	var all error
	for _, err := range errs {
		if all == nil {
			all = err
			continue
		}
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}
