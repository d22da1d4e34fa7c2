package host

import (
	"fmt"

	_ "embed" // the samples

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Name is that of the plugins: [[inputs.external]] and so on.
const Name = "external"

var (
	//go:embed sample_input.toml
	sampleInput string
	//go:embed sample_processor.toml
	sampleProcessor string
	//go:embed sample_output.toml
	sampleOutput string
)

// Definitions returns the three plugins that run other programs.
func Definitions() []sdk.Definition {
	p := &programs{}
	return []sdk.Definition{
		{
			Role: sdk.RoleInput, Name: Name, Sample: sampleInput,
			Summary:   "An input that is a program of its own, in whatever language",
			NewConfig: func() any { return prepare(&InputConfig{}, sdk.RoleInput, p) },
			New:       func(config any) (any, error) { return newInput(config) },
			Probe:     probe,
		},
		{
			Role: sdk.RoleProcessor, Name: Name, Sample: sampleProcessor,
			Summary:   "A processor that is a program of its own, in whatever language",
			NewConfig: func() any { return prepare(&ProcessorConfig{}, sdk.RoleProcessor, p) },
			New:       func(config any) (any, error) { return newProcessor(config) },
			Probe:     probe,
		},
		{
			Role: sdk.RoleOutput, Name: Name, Sample: sampleOutput,
			Summary:   "An output that is a program of its own, in whatever language",
			NewConfig: func() any { return prepare(&OutputConfig{}, sdk.RoleOutput, p) },
			New:       func(config any) (any, error) { return newOutput(config) },
			Probe:     probe,
		},
	}
}

// common is what the three configurations have in common.
type common interface{ common() *Config }

func (c *Config) common() *Config { return c }

func prepare[C common](c C, role sdk.Role, p *programs) C {
	sdk.Defaults(c)
	c.common().role, c.common().programs = role, p
	return c
}

func probe(config any) error { return config.(common).common().Probe() }

func wrong(config any) error { return fmt.Errorf("configuration is a %T", config) }

func newInput(config any) (any, error) {
	c, ok := config.(*InputConfig)
	if !ok {
		return nil, wrong(config)
	}
	found := c.programs.inspect(&c.Config)
	l := newLife(&c.Config, found.plugin, c.program().launch)
	switch {
	case found.traits == nil:
		l.plugin = ""
		return &late{life: l}, nil
	case found.traits.GetReads():
		return &reader{life: l, finite: found.traits.GetFinite()}, nil
	}
	return &gatherer{life: l, finite: found.traits.GetFinite()}, nil
}

func newProcessor(config any) (any, error) {
	c, ok := config.(*ProcessorConfig)
	if !ok {
		return nil, wrong(config)
	}
	l := newLife(&c.Config, c.programs.inspect(&c.Config).plugin, c.program().launch)
	return l.processor(c), nil
}

func newOutput(config any) (any, error) {
	c, ok := config.(*OutputConfig)
	if !ok {
		return nil, wrong(config)
	}
	l := newLife(&c.Config, c.programs.inspect(&c.Config).plugin, c.program().launch)
	return &output{life: l, deadLetter: c.DeadLetter}, nil
}
