package external

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gpuline/gpuline/plugins/external/internal/author"
	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// commands are what the program does without an agent.
type commands struct {
	name    string
	service *author.Service
	in      io.Reader
	out     io.Writer
	err     io.Writer
}

const usage = `This program is a plugin of gpuline, which starts it: see [[%s.external]] in its configuration.
By hand it answers to

  %[2]s describe              what it offers
  %[2]s sample [PLUGIN]       a sample of its configuration
  %[2]s docs [PLUGIN]         its keys, in Markdown
  %[2]s check FILE [PLUGIN]   whether the table in a TOML file is right; - for standard input

PLUGIN is one of %[3]s.
`

// run does what args ask for, and returns the exit status.
func (c *commands) run(args []string) int {
	command, file := "", ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	if command == "check" && len(args) > 0 {
		file, args = args[0], args[1:]
	}
	known := map[string]func(sdk.Definition, string) error{
		"describe": c.describe, "sample": c.sample, "docs": c.docs, "check": c.check,
	}
	do := known[command]
	if do == nil || len(args) > 1 || command == "check" && file == "" {
		c.usage()
		return 2
	}
	chosen, err := c.choose(args, command == "check")
	for _, def := range chosen {
		if err == nil {
			err = do(def, file)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(c.err, err)
		return 1
	}
	return 0
}

func (c *commands) usage() {
	r := c.service.Registry
	_, _ = fmt.Fprintf(c.err, usage, r[0].Role, c.name, strings.Join(c.names(), ", "))
}

func (c *commands) names() []string {
	var names []string
	for _, def := range c.service.Registry {
		names = append(names, fullName(def))
	}
	return names
}

func fullName(def sdk.Definition) string { return def.Role.String() + "." + def.Name }

// choose returns the plugin that args name, or all; one says that there must be one.
func (c *commands) choose(args []string, one bool) ([]sdk.Definition, error) {
	if len(args) == 0 {
		if one && len(c.service.Registry) > 1 {
			return nil, fmt.Errorf("which plugin? there are %s", strings.Join(c.names(), ", "))
		}
		return c.service.Registry, nil
	}
	for _, def := range c.service.Registry {
		if args[0] == def.Name || args[0] == fullName(def) {
			return []sdk.Definition{def}, nil
		}
	}
	return nil, fmt.Errorf("there is no plugin %q; there are %s", args[0], strings.Join(c.names(), ", "))
}

func (c *commands) describe(def sdk.Definition, _ string) error {
	_, err := fmt.Fprintf(c.out, "%s\t%s\tversion %s, protocol %d\n", fullName(def), def.Summary, c.service.Version, wire.Version)
	return err
}

func (c *commands) sample(def sdk.Definition, _ string) error {
	_, err := fmt.Fprintln(c.out, strings.TrimSpace(def.Sample))
	return err
}

func (c *commands) docs(def sdk.Definition, _ string) error {
	options, err := sdk.Options(def.NewConfig())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "## %s\n\n%s\n%s", fullName(def), def.Summary, sdk.KeyTable(options))
	return err
}

func (c *commands) check(def sdk.Definition, file string) error {
	in := c.in
	if file == "-" {
		file = "standard input"
	} else {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	table := make(map[string]any)
	if _, err := toml.NewDecoder(in).Decode(&table); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	config, err := wire.FromConfig(table)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	reply, err := c.service.Check(context.Background(), &proto.CheckRequest{
		Role: wire.Role(def.Role), Plugin: def.Name, Config: config,
	})
	if err != nil {
		return err
	}
	if len(reply.GetFaults()) == 0 {
		_, err := fmt.Fprintln(c.out, "ok")
		return err
	}
	var lines []string
	for _, p := range reply.GetFaults() {
		fault := sdk.Fault{Path: p.GetPath(), Problem: p.GetProblem(), Remedy: p.GetRemedy()}
		lines = append(lines, file+": "+fault.Error())
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}
