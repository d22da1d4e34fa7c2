//go:build integration

package prometheus_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/prometheus/promtest"
)

const agent = `
[agent]
hostname = "test"
http = "127.0.0.1:0"
interval = "100ms"

[[inputs.simulate]]
gpus = 2

[[processors.average]]
period = "1s"

[[processors.peak]]
period = "1s"
above = { utilization_ratio = 0.8 }

[[processors.threshold]]
[[processors.threshold.rules]]
name = "drawing"
when = "power_watts > 1W"
tags = { alert = "drawing" }
[[processors.threshold.rules]]
name = "melting"
when = "temperature_celsius > 500C"

[[outputs.prometheus]]
`

// get reads the page as one who sends the Accept header, and returns the type of its content with it.
func get(t testing.TB, address, accept string) (page, contentType string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, r.Status, err)
	}
	return string(body), r.Header.Get("Content-Type")
}

// A real Prometheus scrapes the agent in both formats, and its queries have data.
func TestPrometheusScrapes(t *testing.T) {
	address := promtest.Agent(t, agent)
	server := promtest.Start(t, promtest.Config{Targets: []promtest.Target{
		{Job: "text", Address: address, Protocol: "PrometheusText0.0.4"},
		{Job: "openmetrics", Address: address, Protocol: "OpenMetricsText1.0.0"},
		{Job: "any", Address: address},
	}})
	jobs := []string{"text", "openmetrics", "any"}
	f := func(expr string, series int, least, most float64) {
		t.Helper()
		for _, job := range jobs {
			expr := strings.ReplaceAll(expr, "JOB", `job="`+job+`"`)
			got := server.Await(expr, 30*time.Second)
			if len(got) != series {
				t.Errorf("%s: %d series, want %d", expr, len(got), series)
			}
			for _, s := range got {
				if !(s.Value >= least && s.Value <= most) {
					t.Errorf("%s: %v is %v, want %v to %v", expr, s.Labels, s.Value, least, most)
				}
			}
		}
	}
	f(`up{JOB}`, 1, 1, 1)
	f(`gpu_up{JOB}`, 2, 1, 1)
	f(`gpu_power_watts{JOB}`, 2, 10, 2000)
	f(`gpu_power_watts_max{JOB, window="1s"}`, 2, 10, 2000)
	f(`gpu_power_watts_max{JOB} - on (gpu_uuid) gpu_power_watts_mean{JOB} > -1e-9`, 2, -1e-9, 2000)
	f(`time() - gpu_power_watts_max_timestamp_seconds{JOB}`, 2, -1, 120)
	f(`rate(gpu_energy_joules_total{JOB}[10s])`, 2, 10, 2000)
	f(`gpu_info{JOB, driver_version!=""}`, 2, 1, 1)
	f(`gpu_threshold_active{JOB, rule="drawing"}`, 2, 1, 1)
	f(`gpu_threshold_active{JOB, rule="melting"}`, 2, 0, 0)
	f(`gpu_events_total{JOB, event="rule", code="drawing"}`, 2, 1, 1)
	f(`gpuline_cpu_seconds_total{JOB}`, 1, 0, 1000)
	f(`scrape_samples_scraped{JOB}`, 1, 100, 10_000)
	if got := server.Query(`gpu_power_watts{alert!=""}`); len(got) > 0 {
		t.Errorf("an annotation became a label: %v", got)
	}

	type metadata struct{ Target, Metric, Type, Unit, Help string }
	g := func(job, name string, want metadata) {
		t.Helper()
		var all []struct {
			Target             map[string]string
			Metric, Type, Unit string
			Help               string
		}
		server.Get(`/api/v1/targets/metadata?metric=`+name+`&match_target=%7Bjob%3D%22`+job+`%22%7D`, &all)
		if len(all) != 1 || all[0].Type != want.Type || all[0].Unit != want.Unit || all[0].Help == "" {
			t.Errorf("%s of %s: %+v, want %+v", name, job, all, want)
		}
	}
	g("text", "gpu_power_watts", metadata{Type: "gauge"})
	g("text", "gpu_energy_joules_total", metadata{Type: "counter"})
	for _, job := range []string{"openmetrics", "any"} {
		g(job, "gpu_power_watts", metadata{Type: "gauge", Unit: "watts"})
		g(job, "gpu_energy_joules", metadata{Type: "counter", Unit: "joules"})
		g(job, "gpu", metadata{Type: "info"})
	}
}

func TestPromtoolFindsNoFault(t *testing.T) {
	address := promtest.Agent(t, agent)
	page := ""
	for end := time.Now().Add(20 * time.Second); !strings.Contains(page, "\ngpu_power_watts_max{") && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		page, _ = get(t, address, "")
	}
	page, contentType := get(t, address, "")
	if !strings.HasPrefix(contentType, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", contentType)
	}
	promtest.Promtool(t, strings.NewReader(page), "check", "metrics")

	page, contentType = get(t, address, "application/openmetrics-text; version=1.0.0")
	if !strings.HasPrefix(contentType, "application/openmetrics-text; version=1.0.0") || !strings.HasSuffix(page, "\n# EOF\n") {
		t.Errorf("content type %q, and at the end %q", contentType, page[max(0, len(page)-100):])
	}
}
