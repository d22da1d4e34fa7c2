package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func newPlugins(p *program) *cobra.Command {
	return group("plugins", "Show plugins, and make and test external ones",
		newList(p),
		command("sample PLUGIN", "Print a plugin's sample configuration, such as that of inputs.nvidia_smi", 1, 1,
			func(args []string) error { return sample(p, args[0]) }),
		command("docs [configuration|metrics]", "Print the reference of all settings, or of all metrics",
			0, 1, func(args []string) error { return reference(p, args) }),
		command("sha256 PATH...", "Print the checksums of programs, for the key sha256 of external plugins", 1, unlimited,
			func(args []string) error { return checksums(p, args) }),
		newTest(),
		newNew(p),
	)
}

// sample prints the sample of one plugin.
func sample(p *program, plugin string) error {
	for _, d := range p.registry {
		if plugin == d.Role.String()+"."+d.Name {
			_, err := fmt.Fprint(p.stdout, d.Sample)
			return err
		}
	}
	known := names(p.registry)
	if near := likely(plugin, known); len(near) > 0 {
		return fmt.Errorf("there is no plugin %q: did you mean %s?", plugin, strings.Join(near, " or "))
	}
	return fmt.Errorf("there is no plugin %q; there are\n  %s", plugin, strings.Join(known, "\n  "))
}

// likely returns what a name may have been meant for: nvml for inputs.nvml.
func likely(plugin string, known []string) (near []string) {
	for _, full := range known {
		if _, name, _ := strings.Cut(full, "."); sdk.Nearest(plugin, []string{name}) != "" {
			near = append(near, full)
		}
	}
	if full := sdk.Nearest(plugin, known); full != "" {
		return []string{full}
	}
	return near
}

func names(r sdk.Registry) []string {
	var names []string
	for _, d := range r {
		names = append(names, d.Role.String()+"."+d.Name)
	}
	return names
}

// reference prints a generated page of the documentation.
func reference(p *program, topic []string) error {
	var text string
	switch {
	case len(topic) == 0 || topic[0] == "configuration":
		text = conf.Reference(p.registry)
	case topic[0] == "metrics":
		text = vocabulary.Markdown()
	default:
		return fmt.Errorf("there is no page %q; there are configuration and metrics", topic[0])
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}
