package conf_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/sdk"
)

type collector struct {
	mu   sync.Mutex
	rows map[string]int
}

func (c *collector) Write(_ context.Context, b *sdk.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range b.All() {
		c.rows[m.Name()]++
	}
	return nil
}

// TestNamingInTheEngine runs an agent whose outputs want three vocabularies: each gets its own, whatever
// stands beside it, and every metric is accounted for.
func TestNamingInTheEngine(t *testing.T) {
	got := map[string]*collector{"": {}, "dcgm": {}, "telegraf": {}, "filtered": {}}
	type config struct {
		Want string `toml:"want" doc:"Which."`
	}
	registry := append(all.Plugins(), sdk.DefineOutput("collector", "Collects.", "", func(c *config) (sdk.Output, error) {
		got[c.Want].rows = make(map[string]int)
		return got[c.Want], nil
	}))
	ledger := readTen(t, registry, `
[agent]
http = ""
interval = "20ms"
[[inputs.simulate]]
gpus = 2
[[processors.average]]
period = "40ms"
lateness = "0s"
[[outputs.collector]]
samples = true
[[outputs.collector]]
want = "dcgm"
naming = "dcgm"
[[outputs.collector.processors.peak]]
period = "40ms"
lateness = "0s"
[[outputs.collector]]
want = "telegraf"
naming = "telegraf"
samples = true
[[outputs.collector]]
want = "filtered"
naming = "dcgm"
samples = true
filter.metrics = ["DCGM_FI_DEV_GPU_UTIL"]
`)
	if !strings.Contains(ledger.String(), " dropped=0 ") {
		t.Error(ledger.String())
	}
	f := func(output string, has []string, hasNot ...string) {
		t.Helper()
		for _, name := range has {
			if got[output].rows[name] == 0 {
				t.Errorf("%q has no %s: %v", output, name, got[output].rows)
			}
		}
		for name := range got[output].rows {
			for _, prefix := range hasNot {
				if strings.HasPrefix(name, prefix) {
					t.Errorf("%q has %s", output, name)
				}
			}
		}
	}
	f("", []string{"gpu", "gpu_info"}, "DCGM", "nvidia")
	f("dcgm", []string{"DCGM_FI_DEV_GPU_UTIL_mean", "DCGM_FI_DEV_GPU_UTIL_max", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"}, "gpu", "nvidia")
	f("telegraf", []string{"nvidia_smi"}, "gpu", "DCGM")
	f("filtered", []string{"DCGM_FI_DEV_GPU_UTIL"}, "gpu", "nvidia", "DCGM_FI_DEV_P", "DCGM_FI_DEV_GPU_UTIL_")
	if n := got["dcgm"].rows["DCGM_FI_DEV_GPU_UTIL"]; n != 0 {
		t.Errorf("%d samples that a window has read reach an output without samples", n)
	}
}

// readTen runs the agent of a configuration until its inputs have read ten times, and returns its ledger, which
// balances.
func readTen(t *testing.T, registry sdk.Registry, text string) pipeline.Ledger {
	t.Helper()
	plan, err := conf.Parse(registry, "a.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	plan.Agent.Gathers = 10
	agent, err := pipeline.New(*plan, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ledger := agent.Ledger()
	if err := ledger.Check(); err != nil {
		t.Error(err)
	}
	return ledger
}

// TestNamingBehindAWindow: what no window has read of a reading is a sample in the other words, too, and what one has
// read is not.
func TestNamingBehindAWindow(t *testing.T) {
	got := map[string]*fields{"dcgm": {}, "telegraf": {}}
	type config struct {
		Want string `toml:"want" doc:"Which."`
	}
	registry := append(all.Plugins(), sdk.DefineOutput("fields", "Collects.", "", func(c *config) (sdk.Output, error) {
		got[c.Want].seen = make(map[string]bool)
		return got[c.Want], nil
	}))
	readTen(t, registry, `
[agent]
http = ""
interval = "20ms"
[[inputs.simulate]]
[[processors.peak]]
period = "40ms"
lateness = "0s"
filter.fields = ["power_watts"]
[[outputs.fields]]
want = "dcgm"
naming = "dcgm"
[[outputs.fields]]
want = "telegraf"
naming = "telegraf"
`)
	f := func(words, has, hasNot string) {
		t.Helper()
		for field := range strings.FieldsSeq(has) {
			if !got[words].seen[field] {
				t.Errorf("%s: no %s among %v", words, field, got[words].seen)
			}
		}
		if got[words].seen[hasNot] {
			t.Errorf("%s: %s has been read by a window, and passes", words, hasNot)
		}
	}
	f("dcgm", "DCGM_FI_DEV_GPU_TEMP.value DCGM_FI_DEV_POWER_USAGE_max.value", "DCGM_FI_DEV_POWER_USAGE.value")
	f("telegraf", "nvidia_smi.temperature_gpu nvidia_smi.power_draw_max", "nvidia_smi.power_draw")
}

// fields remembers which it has seen.
type fields struct{ seen map[string]bool }

func (f *fields) Write(_ context.Context, b *sdk.Batch) error {
	for m := range b.All() {
		for slot := range m.Len() {
			f.seen[m.Name()+"."+m.Field(slot).Name] = true
		}
	}
	return nil
}
