package main

import "github.com/gpuline/gpuline/cmd/gpuline/launch"

type childCommand struct{}

// Run is what a child process does that an isolated input of the agent has started.
func (childCommand) Run(p *program) error { return launch.Serve(p.registry) }
