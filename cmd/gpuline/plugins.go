package main

import (
	"fmt"
	"strings"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

type pluginsCommand struct {
	List   listCommand   `cmd:"" help:"List the plugins."`
	Sample sampleCommand `cmd:"" help:"Print a plugin's sample configuration."`
	Docs   docsCommand   `cmd:"" help:"Print the reference of all settings, or of all metrics."`
	SHA256 sha256Command `cmd:"" name:"sha256" help:"Print the checksums of programs, for the key sha256 of external plugins."`
	Test   testCommand   `cmd:"" help:"Check that a program keeps the plugin protocol, and its plugins the contract."`
	New    newCommand    `cmd:"" help:"Write the project of an external plugin."`
}

type sampleCommand struct {
	Plugin string `arg:"" help:"Such as inputs.nvidia_smi."`
}

// Run prints the sample of one plugin.
func (c sampleCommand) Run(p *program) error {
	for _, d := range p.registry {
		if c.Plugin == d.Role.String()+"."+d.Name {
			_, err := fmt.Fprint(p.stdout, d.Sample)
			return err
		}
	}
	return fmt.Errorf("there is no plugin %q; there are %s", c.Plugin, strings.Join(names(p.registry), ", "))
}

func names(r sdk.Registry) []string {
	var names []string
	for _, d := range r {
		names = append(names, d.Role.String()+"."+d.Name)
	}
	return names
}

type docsCommand struct {
	Topic string `arg:"" optional:"" enum:"configuration,metrics" default:"configuration" help:"configuration or metrics."`
}

// Run prints a generated page of the documentation.
func (c docsCommand) Run(p *program) error {
	text := conf.Reference(p.registry)
	if c.Topic == "metrics" {
		text = vocabulary.Markdown()
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}
