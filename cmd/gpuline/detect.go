package main

import (
	"errors"
	"fmt"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/inputs/nvidiasmi"
)

// detect returns a plan for the GPUs of this host. It looks for what reads them, and runs nothing.
func detect(p *program) (*pipeline.Plan, error) {
	found, err := nvidiasmi.Look("")
	if err != nil {
		return nil, fmt.Errorf("no configuration was given, and no GPU was found: %w; "+
			"or name a configuration with -c FILE, such as conf/demo.toml for simulated GPUs", err)
	}
	_, _ = fmt.Fprintf(p.stderr, "gpuline: no configuration was given; reading GPUs through %s\n", found)
	plan, err := conf.Parse(p.registry, "detected.toml", conf.Detected)
	if err != nil {
		return nil, errors.Join(errors.New("the built-in configuration is faulty"), err)
	}
	return plan, nil
}
