// Command gpuline reads GPUs, reduces what it reads to averages and captured peaks, and delivers it.
// One TOML file says what: see docs/configuration.md.
package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
)

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
	said := &utterance{to: p.stdout}
	p.stdout = said
	root := group("gpuline", "Reads GPUs at the driver's resolution, and delivers averages and captured peaks.",
		newRun(&p), newOnce(&p), newCheck(&p), newInit(&p), newRules(&p), newQueue(&p), newPlugins(&p), newVersion(&p),
		newChild(&p))
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(flagFault)
	asked := root.Flags().BoolP("version", "v", false, "show the version") // cobra's own way links templates in
	root.RunE = func(g *cobra.Command, args []string) error {
		if *asked && len(args) == 0 {
			return printVersion(&p)
		}
		return lead(g, args)
	}
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetHelpCommand(helpCommand(root))
	completion(root)
	chosen, err := root.ExecuteC()
	_, understood := errors.AsType[failure](err)
	switch {
	case said.err != nil:
		_, _ = fmt.Fprintln(p.stderr, "gpuline:", said.err)
	case err == nil:
		return 0
	case !understood:
		_, _ = fmt.Fprintf(p.stderr, "gpuline: %v (see %s --help)\n", err, chosen.CommandPath())
		return 2
	case !errors.Is(err, errReported):
		_, _ = fmt.Fprintln(p.stderr, "gpuline:", err)
	}
	return 1
}

// utterance is what a command writes to standard output. It remembers the first error: help is written by cobra, which
// returns none, and whoever reads an answer from a file must not take half of it for the whole.
type utterance struct {
	to  io.Writer
	err error
}

func (u *utterance) Write(b []byte) (int, error) {
	n, err := u.to.Write(b)
	if u.err == nil {
		u.err = err
	}
	return n, err
}

// failure is the error of a command that was called correctly: the program exits with 1 then, and not with 2.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// command returns a command that takes from least to most arguments and hands them to does. The caller adds its
// flags.
func command(use, short string, least, most int, does func(args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, DisableFlagsInUseLine: true,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) < least:
				return fmt.Errorf("an argument is missing: %s", c.UseLine())
			case len(args) > most && c.Flags().Lookup("config") != nil:
				return fmt.Errorf("unexpected argument %q: a configuration is named with -c %[1]s", args[most])
			case len(args) > most && c.Flags().Lookup("output") != nil:
				return fmt.Errorf("unexpected argument %q: the file to write is named with -o %[1]s", args[most])
			case len(args) > most:
				return fmt.Errorf("unexpected argument %q", args[most])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := does(args); err != nil {
				return failure{err}
			}
			return nil
		},
	}
}

// unlimited is the most of a command that takes any number of arguments.
const unlimited = math.MaxInt

// group returns a command that only leads to others; without one of them it prints its help.
func group(use, short string, of ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs, DisableFlagsInUseLine: true,
		SuggestionsMinimumDistance: 2,
		RunE:                       lead,
	}
	g.AddCommand(of...)
	return g
}

// lead runs a group for which none of its commands was named: it prints help, or says that there is no such command.
func lead(g *cobra.Command, args []string) error {
	if len(args) == 0 {
		return g.Help()
	}
	return noCommand(g, args[0])
}
