package main

import (
	"errors"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
)

type childCommand struct{}

// Run is what a child process does that an isolated input of the agent has started.
func (childCommand) Run(p *program) error {
	err := launch.Serve(p.registry)
	if errors.Is(err, isolate.ErrTold) {
		return errReported
	}
	return err
}
