package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
)

// newCheck returns the command that loads files and names every fault at once.
func newCheck(p *program) *cobra.Command {
	var from source
	c := command("check PATH...", "Check configuration files; open nothing", 0, unlimited, func(args []string) error {
		return check(p, append(from.Config, args...))
	})
	c.SuggestFor = []string{"validate", "verify", "test", "lint"}
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(from.Config)+len(args) == 0 {
			return errors.New("name a configuration file, such as gpuline check agent.toml")
		}
		return nil
	}
	from.add(c, "")
	return c
}

// check loads the files. Of external plugins it asks the programs.
func check(p *program, paths []string) error {
	plan, err := conf.Check(p.registry, paths)
	complain(p.stderr, plan, err)
	if err != nil {
		return errReported
	}
	processors := len(plan.Processors)
	for _, in := range plan.Inputs {
		processors += len(in.Processors)
	}
	for _, out := range plan.Outputs {
		processors += len(out.Processors)
	}
	said := fmt.Sprintf("ok: %s, %s, %s", count(len(plan.Inputs), "input"), count(processors, "processor"), count(len(plan.Outputs), "output"))
	if n := len(plan.Warnings); n > 0 {
		said += ", " + count(n, "warning")
	}
	_, err = fmt.Fprintln(p.stdout, said)
	return err
}

// complain prints what is odd about a configuration, and then what is wrong with it.
func complain(w io.Writer, plan *pipeline.Plan, err error) {
	for _, warning := range plan.Warnings {
		_, _ = fmt.Fprintln(w, "warning:", warning)
	}
	if err != nil {
		_, _ = fmt.Fprintln(w, err)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
