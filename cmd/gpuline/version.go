package main

import (
	"fmt"
	"runtime"
)

// version is set by the linker: see the Makefile.
var version = "dev"

type versionCommand struct{}

// Run prints the version and how the binary was built.
func (versionCommand) Run(p *program) error {
	_, err := fmt.Fprintf(p.stdout, "gpuline %s %s %s/%s %s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, built)
	return err
}
