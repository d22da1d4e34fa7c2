package host

import (
	"context"
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
	defs := []sdk.Definition{
		sdk.DefineInput(Name, "An input that is a program of its own, in whatever language", sampleInput, newInput),
		sdk.DefineProcessor(Name, "A processor that is a program of its own, in whatever language", sampleProcessor, newProcessor),
		sdk.DefineOutput(Name, "An output that is a program of its own, in whatever language", sampleOutput, newOutput),
	}
	p := &programs{}
	for i := range defs {
		def := &defs[i]
		role, fresh := def.Role, def.NewConfig
		def.NewConfig = func() any {
			config := fresh()
			c := config.(common).common()
			c.role, c.programs = role, p
			return config
		}
		def.Probe = func(config any) error { return config.(common).common().Probe() }
	}
	return defs
}

// common is what the three configurations have in common.
type common interface{ common() *Config }

func (c *Config) common() *Config { return c }

func newInput(c *InputConfig) (any, error) {
	found := c.programs.inspect(context.Background(), &c.Config)
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

func newProcessor(c *ProcessorConfig) (sdk.Processor, error) {
	l := newLife(&c.Config, c.programs.inspect(context.Background(), &c.Config).plugin, c.program().launch)
	return l.processor(c), nil
}

func newOutput(c *OutputConfig) (sdk.Output, error) {
	l := newLife(&c.Config, c.programs.inspect(context.Background(), &c.Config).plugin, c.program().launch)
	return &output{life: l, deadLetter: c.DeadLetter}, nil
}
