package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// flagFault says what is wrong with a flag, and which one may have been meant.
func flagFault(c *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	if c.HasSubCommands() {
		if before := c.Flags().Args(); len(before) > 0 {
			return noCommand(c, before[0])
		}
		return fmt.Errorf("%w: the command comes first", err)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := sdk.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Errorf("%w: did you mean --%s?", err, near)
	}
	return err
}

// noCommand says that a group has no such command, and which one may have been meant.
func noCommand(g *cobra.Command, name string) error {
	if near := g.SuggestionsFor(name); name != "" && len(near) > 0 {
		return fmt.Errorf("%s has no command %q: did you mean %s?", g.CommandPath(), name, near[0])
	}
	return fmt.Errorf("%s has no command %q", g.CommandPath(), name)
}

// helpCommand returns the command help, which knows what there is no help about.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]...", Short: "Show the help of a command", DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 && about.HasSubCommands() {
				return noCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// completion returns the command that cobra makes scripts for shells with, after which a shell that it does not
// know is wrong usage.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short, c.Args, c.RunE = "Print a script that completes command lines in a shell", cobra.ArbitraryArgs, lead
			c.SuggestionsMinimumDistance = 2
		}
	}
}
