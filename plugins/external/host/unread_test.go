package host_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// stage is a processor of a chain, and the fields that its filter shows; none for all.
type stage struct {
	name   string
	own    table
	fields []string
}

// builtIn is a processor within the agent.
func builtIn(t *testing.T, name string, own table) pipeline.Plugin {
	t.Helper()
	def := sdk.Registry(builtins()).Find(sdk.RoleProcessor, name)
	config := def.NewConfig()
	for _, fault := range sdk.Configure(config, own) {
		t.Fatal(fault)
	}
	i, err := def.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Plugin{Name: name, New: func() (any, error) { return i, nil }}
}

// TestFieldsThatNoWindowReadsPassPrograms: what filters hide from all windows of a row reaches the outputs, whichever
// of the processors are programs of their own.
func TestFieldsThatNoWindowReadsPassPrograms(t *testing.T) {
	run := func(t *testing.T, chain []stage, external func(i int) bool) [2][]string {
		a := newAgent(t)
		var lines strings.Builder
		for s := range 12 {
			fmt.Fprintf(&lines, "gpu,gpu_uuid=GPU-a power_watts=%d,temperature_celsius=%d,fan_ratio=0.5,pstate=0i %ds\n", 300+s, 60+s, s)
		}
		a.script(sdktest.Step{Text: lines.String()})
		for i, s := range chain {
			p := builtIn(t, s.name, s.own)
			if external(i) {
				instance := instance(t, true, sdk.RoleProcessor, s.name, s.own, nil)
				p = pipeline.Plugin{Name: host.Name, New: func() (any, error) { return instance, nil }}
			}
			p.Filter.Fields = s.fields
			a.plan.Processors = append(a.plan.Processors, pipeline.Processor{Plugin: p})
		}
		results, everything := a.sink(), a.sink()
		a.plan.Outputs[0].Samples = false
		a.start()
		a.end(false)
		return [2][]string{results.Lines(), everything.Lines()}
	}
	f := func(name, passes, not string, chain ...stage) {
		t.Run(name, func(t *testing.T) {
			want := run(t, chain, func(int) bool { return false })
			samples := strings.Join(slices.DeleteFunc(slices.Clone(want[0]), func(line string) bool { return strings.Contains(line, "class=result") }), "\n")
			if !strings.Contains(samples, passes) || strings.Contains(samples, not) {
				t.Errorf("within the agent, %q is to pass and %q not:\n%s", passes, not, samples)
			}
			for programs := 1; programs < 1<<len(chain); programs++ {
				got := run(t, chain, func(i int) bool { return programs>>i&1 != 0 })
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("programs %b (-within the agent +got)\n%s", programs, diff)
				}
			}
		})
	}
	window := func(name string, fields ...string) stage {
		return stage{name, table{"period": "5s", "lateness": "0s"}, fields}
	}
	rule := table{"name": "hot", "metric": "gpu", "when": "temperature_celsius > 65", "tags": table{"alert": "hot"}}
	threshold := stage{"threshold", table{"rules": []any{rule}}, nil}
	naming := func(words string) stage { return stage{"naming", table{"vocabulary": words, "info_wait": "0s"}, nil} }

	f("a window", " temperature_celsius=60,fan_ratio=0.5,pstate=0i ", "power_watts=", window("peak", "power_watts"))
	f("behind a window", " temperature_celsius=60,fan_ratio=0.5,pstate=0i ", "power_watts=", window("peak", "power_watts"), threshold)
	f("two windows", " fan_ratio=0.5,pstate=0i ", "temperature_celsius=", window("peak", "power_watts"), window("average", "temp*"))
	f("named as DCGM's", "DCGM_FI_DEV_GPU_TEMP,", "DCGM_FI_DEV_POWER_USAGE", window("peak", "power_watts"), naming("dcgm"))
	f("named as Telegraf's", " temperature_gpu=60i,fan_speed=50i ", "power_draw=", window("peak", "power_watts"), threshold, naming("telegraf"))
}
