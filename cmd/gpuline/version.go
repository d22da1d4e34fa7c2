package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set by the linker: see the Makefile.
var version = "dev"

// newVersion returns the command that prints the version and how the binary was built.
func newVersion(p *program) *cobra.Command {
	return command("version", "Show the version", 0, 0, func([]string) error { return printVersion(p) })
}

func printVersion(p *program) error {
	_, err := fmt.Fprintf(p.stdout, "gpuline %s %s %s/%s %s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, built)
	return err
}
