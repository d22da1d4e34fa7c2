package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/cmd/gpuline/scaffold"
	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/external/externaltest"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// checksums prints what to pin, in the manner of sha256sum.
func checksums(p *program, paths []string) error {
	var failed error
	for _, path := range paths {
		sum, err := host.SHA256(path)
		if err != nil {
			_, _ = fmt.Fprintln(p.stderr, "gpuline:", err)
			failed = errReported
			continue
		}
		if _, err := fmt.Fprintf(p.stdout, "%s  %s\n", sum, path); err != nil {
			return err
		}
	}
	return failed
}

func newNew(p *program) *cobra.Command {
	project := scaffold.Project{Version: published()}
	c := command("new --kind KIND --name NAME DIR", "Write the project of an external plugin into a folder that is empty or not there",
		1, 1, func(args []string) error { return writeProject(p, project, args[0]) })
	f := c.Flags()
	f.StringVar(&project.Kind, "kind", "", "`KIND` of the plugin: input, processor or output")
	f.StringVar(&project.Name, "name", "", "`NAME` of the plugin: lower-case letters, digits and _")
	f.StringVar(&project.Module, "module", "", "`PATH` of the Go module; the name where it is not set")
	f.StringVar(&project.Replace, "replace", "", "`DIR` of a checkout of gpuline, to build against instead of a published version")
	for _, name := range []string{"kind", "name"} {
		_ = c.MarkFlagRequired(name) // it is there
	}
	return c
}

// writeProject writes a project.
func writeProject(p *program, project scaffold.Project, dir string) error {
	if err := project.Check(); err != nil {
		return err
	}
	if project.Replace == "" && project.Version == "" {
		return errors.New("this build of gpuline is no published version, which a project could require: give --replace DIR, a checkout of gpuline")
	}
	if err := project.Write(dir); err != nil {
		return err
	}
	next := "go test ./..."
	if project.Replace == "" {
		next = "go mod tidy && " + next
	}
	_, _ = fmt.Fprintf(p.stdout, "written: %s\nnext: cd %s && %s\n", dir, dir, next)
	return nil
}

// published returns the version that this program was built as, where that is one of the module's, or "".
func published() string {
	for _, v := range []string{version, mainVersion()} {
		if strings.HasPrefix(v, "v") && !strings.Contains(v, "dirty") && strings.Count(v, ".") >= 2 {
			return v
		}
	}
	return ""
}

func mainVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

// testCommand runs the conformance suite against a program.
type testCommand struct {
	Plugin       string
	Config       string
	Stream       string
	Env          []string
	ReadsResults bool
	AddsUnasked  bool
}

func newTest() *cobra.Command {
	var c testCommand
	cmd := command("test [--config FILE] PATH", "Check that a program keeps the plugin protocol, and its plugins the contract", 1, 1,
		func(args []string) error { return c.Run(args[0]) })
	f := cmd.Flags()
	f.StringVar(&c.Plugin, "plugin", "", "`NAME` of the one plugin of the program that is tested")
	f.StringVar(&c.Config, "config", "", "TOML `FILE` with the plugin's own keys, as they stand below config")
	f.StringVar(&c.Stream, "stream", "", "`FILE` of metrics for a processor, as package sdktest reads them")
	f.StringArrayVar(&c.Env, "env", nil, "`NAME=VALUE` of an environment variable for the program; may be repeated")
	f.BoolVar(&c.ReadsResults, "reads-results", false, "the processor reads metrics that are no samples")
	f.BoolVar(&c.AddsUnasked, "adds-unasked", false, "the processor adds metrics though it has seen none")
	return cmd
}

// Run ends the process with the suite.
func (c testCommand) Run(program string) error {
	path, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	tested := externaltest.Program{Path: path, Plugin: c.Plugin, Keys: map[string]any{}}
	if c.Config != "" {
		text, err := conf.ReadText(c.Config)
		if err == nil {
			_, err = toml.Decode(text, &tested.Config)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Config, err)
		}
	}
	if c.Stream != "" {
		if tested.Stream, err = conf.ReadText(c.Stream); err != nil {
			return fmt.Errorf("%s: %w", c.Stream, err)
		}
	}
	env := make(map[string]any)
	for _, pair := range c.Env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("--env %s is not NAME=VALUE", pair)
		}
		env[name] = value
	}
	tested.Keys["env"] = env
	if c.ReadsResults {
		tested.Traits = append(tested.Traits, sdktest.ReadsResults)
	}
	if c.AddsUnasked {
		tested.Traits = append(tested.Traits, sdktest.AddsUnasked)
	}
	testing.Init()
	if err := flag.CommandLine.Parse([]string{"-test.v", "-test.timeout=10m"}); err != nil {
		return err
	}
	testing.Main(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: filepath.Base(path), F: func(t *testing.T) { externaltest.Test(t, tested) }}}, nil, nil)
	return nil
}
