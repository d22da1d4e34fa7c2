package externaltest

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// Program is a program to check.
type Program struct {
	Path   string         // absolute, or from the folder at work
	Plugin string         // only this one; all where it is ""
	Config map[string]any // of the plugins, as a TOML decoder yields it
	Keys   map[string]any // further keys of its table in the agent's file, such as env
	Stream string         // metrics for processors, see sdktest.Parse; some of GPUs where it is ""
	Traits []sdktest.Trait
}

// Stream is what processors get where a program names nothing else.
const Stream = `
	gpu,gpu_index=0,gpu_uuid=GPU-0 power_watts=300.5,utilization_ratio=0.5,memory_used_bytes=1024u,temperature_celsius=60i 1s
	gpu,gpu_index=1,gpu_uuid=GPU-1 power_watts=310,utilization_ratio=0.25,memory_used_bytes=2048u,temperature_celsius=61i 1s
	gpu,gpu_index=0,gpu_uuid=GPU-0 power_watts=305.5,utilization_ratio=1,memory_used_bytes=1024u,temperature_celsius=62i 2s
	gpu,gpu_index=1,gpu_uuid=GPU-1 power_watts=320,utilization_ratio=0.75,energy_joules=1000 2s
	inference,model=llm,version=1 requests_total=100u,latency_seconds=0.125 2s
	gpu,gpu_index=0,gpu_uuid=GPU-0 power_watts=301,utilization_ratio=0.5,energy_joules=2000 3s
	inference,model=llm,version=1 requests_total=160u,latency_seconds=0.25 3s
	gpu_process,gpu_index=0,pid=42 memory_used_bytes=512u,name="server" 3s
	gpu,gpu_index=0,gpu_uuid=GPU-0 power_watts=299,utilization_ratio=0.5,energy_joules=2300 4s
	inference,model=llm,version=1 requests_total=220u,latency_seconds=0.5 4s
`

// An agent that is killed leaves no plugin behind for longer than this.
const patience = 2 * time.Second

// Test runs all checks of a program, each as a subtest.
func Test(t *testing.T, p Program) {
	path, err := filepath.Abs(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	p.Path = path
	var info *host.Info
	t.Run("describes itself", func(t *testing.T) { info = p.describe(t) })
	if info == nil {
		return
	}
	t.Run("ends with its standard input", func(t *testing.T) {
		if took, err := host.Lifeline(t.Context(), p.config(t, sdk.RoleInput), patience); err != nil {
			t.Errorf("after %v: %v", took, err)
		}
	})
	for i, def := range info.Plugins {
		if p.Plugin != "" && p.Plugin != def.Name && p.Plugin != def.Role.String()+"."+def.Name {
			continue
		}
		t.Run(def.Role.String()+"."+def.Name, func(t *testing.T) {
			t.Run("configuration", func(t *testing.T) { p.configuration(t, def, info.Schemas[i]) })
			p.contract(t, def)
		})
	}
}

func (p *Program) describe(t *testing.T) *host.Info {
	info, err := host.Inspect(t.Context(), p.config(t, sdk.RoleInput))
	if err != nil {
		t.Fatal(strings.TrimPrefix(err.Error(), sdk.ErrPermanent.Error()+": "))
	}
	if len(info.Plugins) == 0 {
		t.Fatal("the program has no plugin")
	}
	t.Logf("version %q", info.Version)
	seen := make(map[string]bool)
	for _, def := range info.Plugins {
		name := def.Role.String() + "." + def.Name
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
		if def.Name == "" || def.Summary == "" {
			t.Errorf("%s has no name, or no summary", name)
		}
		t.Logf("%s: %s", name, def.Summary)
	}
	return info
}

// table is the plugin's table in an agent's file.
func (p *Program) table(plugin string) map[string]any {
	table := map[string]any{"path": p.Path}
	if plugin != "" {
		table["plugin"] = plugin
	}
	if p.Config != nil {
		table["config"] = p.Config
	}
	maps.Copy(table, p.Keys)
	return table
}

func (p *Program) config(t testing.TB, role sdk.Role) *host.Config {
	t.Helper()
	c := &host.Config{}
	sdk.Defaults(c)
	table := p.table("")
	delete(table, "config")
	if role != sdk.RoleInput {
		for _, key := range []string{"deadline", "on_fault", "dead_letter"} {
			delete(table, key)
		}
	}
	for _, fault := range sdk.Configure(c, table) {
		t.Fatal(fault)
	}
	return c
}

// configuration checks that the schema and what the plugin says of a configuration fit together.
func (p *Program) configuration(t *testing.T, def sdk.Definition, schema []sdk.Option) {
	ask := func(config map[string]any) []sdk.Fault {
		c := p.config(t, def.Role)
		c.Plugin, c.Config = def.Name, config
		faults, err := host.Checked(c, def.Role)
		if err != nil {
			t.Fatal(err)
		}
		return faults
	}
	for _, fault := range ask(p.Config) {
		t.Errorf("the configuration is refused: %v", fault)
	}
	unknown := maps.Clone(p.Config)
	if unknown == nil {
		unknown = map[string]any{}
	}
	unknown["no_such_key_in_any_plugin"] = int64(1)
	if len(ask(unknown)) == 0 {
		t.Error("an unknown key is no fault")
	}
	for i := range schema {
		if schema[i].Doc == "" {
			t.Errorf("key %s has no doc", schema[i].Key)
		}
	}
}

// contract runs the suite for the plugin's kind.
func (p *Program) contract(t *testing.T, def sdk.Definition) {
	build := func(t testing.TB) any {
		t.Helper()
		outer := sdk.Registry(host.Definitions()).Find(def.Role, host.Name)
		config := outer.NewConfig()
		for _, fault := range sdk.Configure(config, p.table(def.Name)) {
			t.Fatal(fault)
		}
		i, err := outer.New(config)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	switch def.Role {
	case sdk.RoleInput:
		if _, polled := build(t).(sdk.Gatherer); polled {
			sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer { return build(t).(sdk.Gatherer) })
			return
		}
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader { return build(t).(sdk.Reader) })
	case sdk.RoleProcessor:
		stream := p.Stream
		if stream == "" {
			stream = Stream
		}
		sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { return build(t).(sdk.Processor) }, stream, slices.Clone(p.Traits)...)
	case sdk.RoleOutput:
		sdktest.TestOutput(t, func(t testing.TB) sdk.Output { return build(t).(sdk.Output) })
	}
}
