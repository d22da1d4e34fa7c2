package main

import (
	"errors"
	"fmt"

	"github.com/gpuline/gpuline/conf"
)

type checkCommand struct {
	Config []string `short:"c" name:"config" placeholder:"PATH" help:"Configuration file, or folder of *.toml; may be repeated."`
	Files  []string `arg:"" optional:"" name:"path" help:"The same, without -c."`
}

// Run loads the files and names every fault at once. Of external plugins it asks the programs.
func (c checkCommand) Run(p *program) error {
	paths := append(c.Config, c.Files...)
	if len(paths) == 0 {
		return errors.New("check: name a configuration file, such as gpuline check conf/gpuline.toml")
	}
	plan, err := conf.Check(p.registry, paths)
	if err != nil {
		_, _ = fmt.Fprintln(p.stderr, err)
		return errReported
	}
	processors := len(plan.Processors)
	for _, in := range plan.Inputs {
		processors += len(in.Processors)
	}
	for _, out := range plan.Outputs {
		processors += len(out.Processors)
	}
	_, _ = fmt.Fprintf(p.stdout, "ok: %d inputs, %d processors, %d outputs\n", len(plan.Inputs), processors, len(plan.Outputs))
	return nil
}
