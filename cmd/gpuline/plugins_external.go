package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/gpuline/gpuline/cmd/gpuline/scaffold"
	"github.com/gpuline/gpuline/plugins/external/externaltest"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

type sha256Command struct {
	Paths []string `arg:"" name:"path" help:"Programs of external plugins."`
}

// Run prints what to pin, in the manner of sha256sum.
func (c sha256Command) Run(p *program) error {
	var errs []error
	for _, path := range c.Paths {
		sum, err := host.SHA256(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_, _ = fmt.Fprintf(p.stdout, "%s  %s\n", sum, path)
	}
	return errors.Join(errs...)
}

type newCommand struct {
	Kind    string `required:"" enum:"input,processor,output" help:"input, processor or output."`
	Name    string `required:"" help:"Of the plugin: lower-case letters, digits and _."`
	Module  string `help:"Path of the Go module; the name where it is not set."`
	Replace string `placeholder:"DIR" help:"Build against a checkout of gpuline instead of a published version."`
	Dir     string `arg:"" help:"Where to write the project; it must be empty or not there."`
}

// Run writes a project.
func (c newCommand) Run(p *program) error {
	if c.Replace == "" && published() == "" {
		return errors.New("this gpuline is no published version, which the project could need: give --replace DIR, a checkout of gpuline")
	}
	project := scaffold.Project{Kind: c.Kind, Name: c.Name, Module: c.Module, Replace: c.Replace, Version: published()}
	if err := project.Write(c.Dir); err != nil {
		return err
	}
	next := "go test ./..."
	if c.Replace == "" {
		next = "go mod tidy && " + next
	}
	_, _ = fmt.Fprintf(p.stdout, "written: %s\nnext: cd %s && %s\n", c.Dir, c.Dir, next)
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

type testCommand struct {
	Path         string   `arg:"" help:"The plugin's program."`
	Plugin       string   `help:"Only this plugin of the program."`
	Config       string   `placeholder:"FILE" help:"TOML file with the plugin's own keys, as they stand below config."`
	Stream       string   `placeholder:"FILE" help:"Metrics for a processor, as package sdktest reads them."`
	Env          []string `placeholder:"NAME=VALUE" help:"Environment variables for the program."`
	ReadsResults bool     `help:"The processor reads metrics that are no samples."`
	AddsUnasked  bool     `help:"The processor adds metrics though it has seen none."`
}

// Run runs the conformance suite against a program. The process ends with it.
func (c testCommand) Run(*program) error {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return err
	}
	tested := externaltest.Program{Path: path, Plugin: c.Plugin, Keys: map[string]any{}}
	if c.Config != "" {
		if _, err := toml.DecodeFile(c.Config, &tested.Config); err != nil {
			return fmt.Errorf("%s: %w", c.Config, err)
		}
	}
	if c.Stream != "" {
		text, err := os.ReadFile(c.Stream)
		if err != nil {
			return err
		}
		tested.Stream = string(text)
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
