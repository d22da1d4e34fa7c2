package sdk

import "fmt"

// Role is what a plugin does in the agent.
type Role uint8

const (
	RoleInput Role = iota
	RoleProcessor
	RoleOutput
)

var roleNames = [...]string{"inputs", "processors", "outputs"}

// String returns the role as it stands in a TOML heading: "inputs", "processors" or "outputs".
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return "unknown"
}

// Definition makes a plugin known to a binary. Make one with [DefineInput], [DefineProcessor] or
// [DefineOutput], in a function called Definition; the binary lists them in a [Registry].
type Definition struct {
	Role    Role
	Name    string // as in [[inputs.NAME]]
	Summary string // one line, for `gpuline plugins list`
	Sample  string // the plugin's sample.toml, embedded

	// Common holds defaults of the common keys (timeout, samples, required, …), as TOML values, where
	// this plugin's differ from the rest's.
	Common map[string]any

	// NewConfig returns a pointer to a configuration that holds the defaults.
	NewConfig func() any

	// New makes an instance from such a pointer. It opens nothing and starts nothing; an error is a
	// fault of the configuration.
	New func(config any) (any, error)

	// Probe, which may be nil, looks for what would keep the plugin from working on this host and is no
	// fault of the configuration: `gpuline check` reports it, and an agent starts all the same. It gets a
	// configuration without faults.
	Probe func(config any) error
}

// DefineInput describes an input whose configuration is a C: a struct with tags, see [Configure]. The
// plugin that build returns is a [Gatherer] or a [Reader]; which, may depend on the configuration.
func DefineInput[C any](name, summary, sample string, build func(*C) (any, error)) Definition {
	return define(RoleInput, name, summary, sample, func(c *C) (any, error) {
		p, err := build(c)
		if err != nil {
			return nil, err
		}
		switch p.(type) {
		case Gatherer, Reader:
			return p, nil
		}
		return nil, fmt.Errorf("input %s is a %T: neither a Gatherer nor a Reader", name, p)
	})
}

// DefineProcessor describes a processor whose configuration is a C.
func DefineProcessor[C any](name, summary, sample string, build func(*C) (Processor, error)) Definition {
	return define(RoleProcessor, name, summary, sample, func(c *C) (any, error) { return build(c) })
}

// DefineOutput describes an output whose configuration is a C.
func DefineOutput[C any](name, summary, sample string, build func(*C) (Output, error)) Definition {
	return define(RoleOutput, name, summary, sample, func(c *C) (any, error) { return build(c) })
}

func define[C any](role Role, name, summary, sample string, build func(*C) (any, error)) Definition {
	return Definition{
		Role: role, Name: name, Summary: summary, Sample: sample,
		NewConfig: func() any {
			c := new(C)
			Defaults(c)
			return c
		},
		New: func(config any) (any, error) {
			c, ok := config.(*C)
			if !ok {
				return nil, fmt.Errorf("%s.%s: configuration is a %T, not a %T", role, name, config, c)
			}
			return build(c)
		},
	}
}

// Registry lists the plugins of a binary. It is a plain value: a vendor who builds a binary of their
// own appends to it.
type Registry []Definition

// Find returns the definition of the plugin called name, or nil.
func (r Registry) Find(role Role, name string) *Definition {
	for i := range r {
		if r[i].Role == role && r[i].Name == name {
			return &r[i]
		}
	}
	return nil
}
