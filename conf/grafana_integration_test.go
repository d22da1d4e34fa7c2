//go:build integration

package conf_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/prometheus/promtest"
)

// simulated is an agent whose windows close within a few seconds.
const simulated = `
[agent]
hostname = "demo"
http = "127.0.0.1:0"
interval = "100ms"
[[inputs.simulate]]
gpus = 2
scenario = "ecc"
[[processors.average]]
period = "1s"
[[processors.peak]]
period = "1s"
above = { utilization_ratio = 0.5 }
`

// mayBeEmpty names queries of the dashboard that may have no data, and why.
var mayBeEmpty = map[string]string{
	"Metrics dropped, by reason A": "nothing is dropped here",
	"Processor time B":             "no input here has a process of its own",
}

// Every query of the dashboard has data, and every alerting rule is evaluated, in a real Prometheus that scrapes
// an agent with its shipped rules.
func TestDashboardAndRulesInPrometheus(t *testing.T) {
	rules, err := filepath.Abs("prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	agent := promtest.Agent(t, simulated+"[[outputs.prometheus]]\n", "alerts.toml")
	server := promtest.Start(t, promtest.Config{Targets: []promtest.Target{{Address: agent}}, Rules: []string{rules}})
	d := readDashboard(t)
	fill := strings.NewReplacer("$host", ".*", "$gpu", ".*", "$window", "1s", "$agent", ".*",
		"$__rate_interval", "10s", "$__range", "1m")
	queries := make(map[string]string)
	for i := range d.Panels {
		for _, q := range d.Panels[i].Targets {
			queries[d.Panels[i].Title+" "+q.RefID] = fill.Replace(q.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			queries["variable "+v.Name] = fill.Replace(labelValues(t, v))
		}
	}
	if len(queries) < 40 {
		t.Fatalf("%d queries", len(queries))
	}
	for name, why := range mayBeEmpty {
		if queries[name] == "" {
			t.Errorf("%s: %s, but there is no such query", name, why)
		}
	}
	for name, expr := range queries {
		if mayBeEmpty[name] != "" {
			server.Query(expr) // fails where it is no query at all
			continue
		}
		server.Await(expr, time.Minute)
	}
	checkRules(t, server)
}

// checkRules fails for rules that Prometheus could not evaluate. What the simulated incident is must fire.
func checkRules(t *testing.T, server *promtest.Server) {
	t.Helper()
	server.Await(`ALERTS{alertname="GpuRecoveryAction", alertstate="firing"}`, time.Minute)
	server.Await(`gpu:throttle_share:rate2m`, time.Minute)
	var found struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	server.Get("/api/v1/rules", &found)
	evaluated := 0
	for _, g := range found.Groups {
		for _, r := range g.Rules {
			if evaluated++; r.Health != "ok" {
				t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if want := len(readRules(t)) + 1; evaluated != want {
		t.Errorf("%d rules were evaluated, not %d", evaluated, want)
	}
}

// labelValues returns a query with a result for each value that a variable offers; a label that is not there
// gives none.
func labelValues(t *testing.T, v variable) string {
	t.Helper()
	var q struct{ Query string }
	if err := json.Unmarshal(v.Query, &q); err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(q.Query)
	if part == nil {
		t.Fatalf("variable %s asks %q", v.Name, q.Query)
	}
	return fmt.Sprintf("group by (%[2]s) (%[1]s) unless group (%[1]s)", part[1], part[2])
}

// peer is a query of another exporter's dashboard, and what its values may be: in the wrong unit they are far off.
type peer struct {
	expr        string
	least, most float64
}

// What dcgm-exporter's dashboard (Grafana 12239) asks for: the revision in its repository, then the older one.
func TestDashboard12239InPrometheus(t *testing.T) {
	filter := `{Hostname=~"demo", gpu=~"0|1"}`
	older := `{instance=~".+", gpu=~"0|1"}`
	by := ` by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)`
	checkPeers(t, "dcgm", []peer{
		{`max(DCGM_FI_DEV_GPU_TEMP` + filter + `) by (Hostname, gpu, uuid)`, 20, 95},
		{`avg(DCGM_FI_DEV_GPU_TEMP` + filter + `)`, 20, 95},
		{`max(DCGM_FI_DEV_POWER_USAGE` + filter + `) by (Hostname, gpu, uuid)`, 30, 900},
		{`sum(max(DCGM_FI_DEV_POWER_USAGE` + filter + `) by (gpu))`, 60, 1800},
		{`max(DCGM_FI_DEV_SM_CLOCK` + filter + ` * 1000000) by (Hostname, UUID, gpu)`, 100e6, 4e9},
		{`max(DCGM_FI_PROF_GR_ENGINE_ACTIVE` + filter + `)` + by, 0, 1},
		{`max(DCGM_FI_PROF_PIPE_TENSOR_ACTIVE` + filter + `)` + by, 0, 1},
		{`max(DCGM_FI_DEV_FB_USED` + filter + `)` + by, 100, 200_000},
		{`group by (Hostname) (DCGM_FI_DEV_FB_FREE{Hostname!=""})`, 1, 1},
		{`group by (gpu) (DCGM_FI_DEV_FB_FREE{Hostname=~"demo", gpu!=""})`, 1, 1},

		{`DCGM_FI_DEV_GPU_TEMP` + older, 20, 95},
		{`avg(DCGM_FI_DEV_GPU_TEMP` + older + `)`, 20, 95},
		{`DCGM_FI_DEV_POWER_USAGE` + older, 30, 900},
		{`sum(DCGM_FI_DEV_POWER_USAGE` + older + `)`, 60, 1800},
		{`DCGM_FI_DEV_SM_CLOCK` + older + ` * 1000000`, 100e6, 4e9},
		{`DCGM_FI_DEV_GPU_UTIL` + older, 0, 100},
		{`max_over_time(DCGM_FI_DEV_GPU_UTIL` + older + `[10s])`, 1.5, 100}, // of 100, not of 1
		{`DCGM_FI_PROF_PIPE_TENSOR_ACTIVE` + older, 0, 1},
		{`DCGM_FI_DEV_FB_USED` + older, 100, 200_000},
		{`group by (modelName, UUID, pci_bus_id, device) (DCGM_FI_DEV_GPU_TEMP{modelName!="", UUID=~"GPU-.+"})`, 1, 1},
	})
}

// What the dashboards for Telegraf's nvidia_smi ask for, which filter by host, name, index or uuid. The
// simulated cards have no fan.
func TestTelegrafDashboardsInPrometheus(t *testing.T) {
	filter := `{host=~"demo", name=~".+", index=~"0|1", uuid=~"GPU-.+"}`
	checkPeers(t, "telegraf", []peer{
		{`nvidia_smi_utilization_gpu` + filter, 0, 100},
		{`max_over_time(nvidia_smi_utilization_gpu` + filter + `[10s])`, 1.5, 100},
		{`nvidia_smi_utilization_memory` + filter, 0, 100},
		{`nvidia_smi_memory_used` + filter, 100, 200_000},
		{`nvidia_smi_memory_free` + filter, 100, 200_000},
		{`nvidia_smi_memory_total` + filter, 1000, 200_000},
		{`100 * nvidia_smi_memory_used` + filter + ` / nvidia_smi_memory_total` + filter, 0.1, 100},
		{`nvidia_smi_power_draw` + filter, 30, 900},
		{`nvidia_smi_power_limit` + filter, 100, 900},
		{`nvidia_smi_temperature_gpu` + filter, 20, 95},
		{`nvidia_smi_clocks_current_sm` + filter, 100, 4000},
		{`nvidia_smi_clocks_current_memory` + filter, 100, 9000},
		{`nvidia_smi_clocks_current_graphics` + filter, 100, 4000},
		{`nvidia_smi_clocks_current_video` + filter, 100, 4000},
		{`nvidia_smi_pcie_link_gen_current` + filter, 1, 7},
		{`nvidia_smi_pcie_link_width_current` + filter, 1, 16},
	})
}

func checkPeers(t *testing.T, naming string, queries []peer) {
	t.Helper()
	agent := promtest.Agent(t, simulated+"[[outputs.prometheus]]\nnaming = \""+naming+"\"\n")
	server := promtest.Start(t, promtest.Config{Targets: []promtest.Target{{Address: agent}}})
	server.Await(queries[0].expr, time.Minute)
	server.Await(`count_over_time(up[15s]) >= 12`, time.Minute) // ranges have their scrapes
	for _, q := range queries {
		samples := server.Query(q.expr)
		if len(samples) == 0 {
			t.Errorf("no data: %s", q.expr)
		}
		for _, s := range samples {
			if !(s.Value >= q.least && s.Value <= q.most) {
				t.Errorf("%g is not between %g and %g: %s", s.Value, q.least, q.most, q.expr)
			}
		}
	}
}

// The alerting rules say what promtool understands, and fire and keep quiet as alerts_test.yml has it.
func TestAlertingRules(t *testing.T) {
	promtest.Promtool(t, nil, "check", "rules", "--lint-fatal", "prometheus/alerts.yml")
	promtest.Promtool(t, nil, "test", "rules", "prometheus/alerts_test.yml")
}
