package naming

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/simulate"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// simulated returns what leaves after 12 s of two simulated GPUs, one row for each name of a metric, a
// dot and its field. With windows, results of ten seconds are among them.
func simulated(t *testing.T, words string, windows bool) map[string]map[string]string {
	t.Helper()
	config := simulate.Definition().NewConfig().(*simulate.Config)
	config.GPUs = 2
	in, err := simulate.New(config)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Now = func() time.Time { return now }
	if err := in.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	var chain []sdk.Processor
	if windows {
		a, errA := average.New(average.Definition().NewConfig().(*average.Config))
		p, errP := peak.New(peak.Definition().NewConfig().(*peak.Config))
		if errA != nil || errP != nil {
			t.Fatal(errA, errP)
		}
		chain = append(chain, a, p)
	}
	chain = append(chain, build(t, words))
	seen := make(map[string]map[string]string)
	b := sdk.NewBatch(env.Catalog)
	for range 121 {
		b.Reset()
		if err := in.Gather(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for m := range b.All() { // as the engine does
			b.Move(m, b.Catalog().With(m.Series(), sdk.Tag{Key: vocabulary.TagHost, Value: "node1"}))
		}
		b.Enter()
		for _, p := range chain {
			if err := p.Process(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		for m := range b.All() {
			tags := make(map[string]string)
			for _, tag := range m.Series().Tags() {
				tags[tag.Key] = tag.Value
			}
			for _, f := range m.Schema().Fields() {
				seen[m.Name()+"."+f.Name] = tags
			}
		}
		now = now.Add(100 * time.Millisecond)
	}
	return seen
}

// want fails unless there is data of a metric's field with all the tags.
func want(t *testing.T, seen map[string]map[string]string, name string, tags ...string) {
	t.Helper()
	got, ok := seen[name]
	if !ok {
		t.Errorf("no %s", name)
	}
	for _, tag := range tags {
		if ok && got[tag] == "" {
			t.Errorf("%s has no %s: %v", name, tag, got)
		}
	}
}

// TestDashboardOfDCGMExporter answers the queries of dcgm-exporter's dashboard, number 12239 on
// grafana.com; the label instance of its queries is Prometheus's own.
func TestDashboardOfDCGMExporter(t *testing.T) {
	seen := simulated(t, "dcgm", true)
	for _, query := range []string{
		`DCGM_FI_DEV_GPU_TEMP{instance=~"$instance", gpu=~"$gpu"}`,
		`avg(DCGM_FI_DEV_GPU_TEMP{instance=~"$instance", gpu=~"$gpu"})`,
		`DCGM_FI_DEV_POWER_USAGE{instance=~"$instance", gpu=~"$gpu"}`,
		`sum(DCGM_FI_DEV_POWER_USAGE{instance=~"$instance", gpu=~"$gpu"})`,
		`DCGM_FI_DEV_SM_CLOCK{instance=~"$instance", gpu=~"$gpu"} * 1000000`,
		`DCGM_FI_DEV_GPU_UTIL{instance=~"$instance", gpu=~"$gpu"}`,
		`DCGM_FI_DEV_FB_USED{instance=~"$instance", gpu=~"$gpu"}`,
		`DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{instance=~"$instance", gpu=~"$gpu"}`,
	} {
		metric, _, found := strings.Cut(query[strings.Index(query, "DCGM"):], "{")
		if !found {
			t.Fatal(query)
		}
		want(t, seen, metric+".value", "gpu", "Hostname", "modelName", "UUID", "device", "pci_bus_id", "DCGM_FI_DRIVER_VERSION")
		if _, windowed := seen[metric+".value"]["window"]; windowed {
			t.Errorf("%s: a dashboard's series has a window", metric)
		}
	}
	for _, metric := range []string{"DCGM_FI_DEV_GPU_UTIL_max", "DCGM_FI_DEV_GPU_UTIL_max_time", "DCGM_FI_DEV_POWER_USAGE_mean"} {
		want(t, seen, metric+".value", "gpu", "Hostname", "window")
	}
	for name, tags := range seen {
		if metric, isValue := strings.CutSuffix(name, ".value"); strings.HasPrefix(metric, "DCGM_") && (!isValue || tags["source"] != "" || tags["host"] != "") {
			t.Errorf("%s %v", name, tags)
		}
		if strings.HasPrefix(name, "gpu.") || strings.HasPrefix(name, "gpu_info.") {
			t.Errorf("%s kept its name", name)
		}
	}
}

// TestDashboardsOfTelegraf answers what dashboards over Telegraf's nvidia_smi ask for.
func TestDashboardsOfTelegraf(t *testing.T) {
	seen := simulated(t, "telegraf", false)
	fields := "utilization_gpu utilization_memory utilization_encoder utilization_decoder memory_used memory_total memory_free " +
		"power_draw power_limit temperature_gpu clocks_current_sm clocks_current_memory clocks_current_graphics clocks_current_video " +
		"pcie_link_gen_current pcie_link_width_current driver_version cuda_version"
	for field := range strings.FieldsSeq(fields) {
		want(t, seen, "nvidia_smi."+field, "host", "index", "name", "uuid", "pstate", "compute_mode")
	}
	// The simulated card has neither a fan nor encoder sessions; one that has gives these.
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), "gpu fan_ratio=0.3,encoder_sessions=1i,encoder_fps=30i,encoder_latency_seconds=0.002 5")
	got := strings.Join(run(t, build(t, "telegraf"), b), "")
	if want := "nvidia_smi fan_speed=30i,encoder_stats_session_count=1i,encoder_stats_average_fps=30i,encoder_stats_average_latency=2000i 5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	allowed := []string{"host", "index", "name", "uuid", "pstate", "compute_mode"}
	for name, tags := range seen {
		if strings.HasPrefix(name, "gpu.") || strings.HasPrefix(name, "gpu_info.") {
			t.Errorf("%s kept its name", name)
		}
		for tag := range maps.Keys(tags) {
			if strings.HasPrefix(name, "nvidia_smi.") && !slices.Contains(allowed, tag) {
				t.Errorf("%s has the tag %s", name, tag)
			}
		}
	}
}
