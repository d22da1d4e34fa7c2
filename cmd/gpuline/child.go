package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
)

// newChild returns the command that a child process runs which an isolated input of the agent has started.
func newChild(p *program) *cobra.Command {
	c := command("child", "Run an input for the agent, which starts this command itself", 0, 0, func([]string) error {
		err := launch.Serve(p.registry)
		if errors.Is(err, isolate.ErrTold) {
			return errReported
		}
		return err
	})
	c.Hidden = true
	return c
}
