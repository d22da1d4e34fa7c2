// Command gpuline reads GPUs, reduces what it reads to averages and captured peaks, and delivers it.
// One TOML file says what: see docs/configuration.md.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
)

type commands struct {
	Run     runCommand     `cmd:"" help:"Run the agent until its inputs end or it is told to stop."`
	Once    onceCommand    `cmd:"" help:"Read twice, write what came of it, and end."`
	Check   checkCommand   `cmd:"" help:"Check configuration files; open nothing."`
	Init    initCommand    `cmd:"" help:"Write a configuration file for this host, or from one of dcgm-exporter."`
	Rules   rulesCommand   `cmd:"" help:"Try rules out, offline."`
	Queue   queueCommand   `cmd:"" help:"Look into a queue on disk."`
	Plugins pluginsCommand `cmd:"" help:"Show plugins, and make and test external ones."`
	Version versionCommand `cmd:"" help:"Show the version."`
	Child   childCommand   `cmd:"" hidden:"" help:"Run an input for the agent, which starts this command itself."`
}

// program is what the commands work with.
type program struct {
	stdout   io.Writer
	stderr   io.Writer
	registry sdk.Registry
}

// errReported ends a command that has said what is wrong.
var errReported = errors.New("reported")

func main() {
	os.Exit(execute(os.Args[1:], program{stdout: os.Stdout, stderr: os.Stderr, registry: all.Plugins()}))
}

// execute runs one command line and returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func execute(args []string, p program) int {
	status := -1
	parser, err := kong.New(&commands{},
		kong.Name("gpuline"),
		kong.Description("Reads GPUs at the driver's resolution, and delivers averages and captured peaks."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { status = code }),
		kong.UsageOnError(),
	)
	if err != nil {
		_, _ = fmt.Fprintln(p.stderr, "gpuline:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if status >= 0 { // --help has been served
		return status
	}
	if err != nil {
		_, _ = fmt.Fprintf(p.stderr, "gpuline: %v (see gpuline --help)\n", err)
		return 2
	}
	if err := command.Run(&p); err != nil {
		if !errors.Is(err, errReported) {
			_, _ = fmt.Fprintln(p.stderr, "gpuline:", err)
		}
		return 1
	}
	return 0
}
