//go:build integration

package prometheus_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/prometheus"
	"github.com/gpuline/gpuline/plugins/outputs/prometheus/promtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// peculiar is what is hard to write: quotes, line ends, names that meet, others' names, no numbers.
const peculiar = `
	DCGM_FI_DEV_GPU_TEMP,gpu=0 value=61 1s
	DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION,gpu=0 value=5000 1s
	gpu,gpu_uuid=u,na.me=1,na\ me=2 x_total:counter=1,up=1i 1s
	gpu,gpu_uuid=v x:gauge=2 1s
	gpu value=7 1s
	gpu_info,gpu_uuid=u driver_version="a\"b\\c",serial="é" 1s class=info
	9lives,t=\{"}\,\=# value=9 1s
	gpu_threshold,gpu_uuid=u,rule=hot\ \"one\" active=1i 1s class=info
`

// Whatever names and texts there are, a real Prometheus reads the page, and reads the same in both formats.
func TestPeculiarPage(t *testing.T) {
	p, err := prometheus.New(&prometheus.Config{Path: "/metrics", Expire: time.Hour, MaxSeries: 1000})
	if err != nil {
		t.Fatal(err)
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	env := sdktest.Env(t, catalog)
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	batch := sdktest.Batch(t, catalog, peculiar)
	batch.Add(catalog.Series("gpu", sdk.Tag{Key: "line", Value: "a\nb"}), 1e9).Float("nan_ratio", math.NaN())
	if err := p.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(env.Mux.(http.Handler))
	defer site.Close()
	address := strings.TrimPrefix(site.URL, "http://")
	server := promtest.Start(t, promtest.Config{Targets: []promtest.Target{
		{Job: "text", Address: address, Protocol: "PrometheusText0.0.4"},
		{Job: "openmetrics", Address: address, Protocol: "OpenMetricsText1.0.0"},
	}})
	f := func(selector, want string) {
		t.Helper()
		for _, job := range []string{"text", "openmetrics"} {
			expr := strings.Replace(selector, "{", `{job="`+job+`",`, 1)
			got := server.Await(expr, 10*time.Second)
			if len(got) != 1 || fmt.Sprint(got[0].Value) != want {
				t.Errorf("%s: %v, want one of %s", expr, got, want)
			}
		}
	}
	f(`up{}`, "1")
	f(`DCGM_FI_DEV_GPU_TEMP{gpu="0"}`, "61")
	f(`DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0"}`, "5000")
	f(`gpu_x_total{gpu_uuid="u"}`, "1")
	f(`gpu_x{gpu_uuid="v"}`, "2")
	f(`gpu{}`, "7")
	f(`gpu_info{gpu_uuid="u",driver_version="a\"b\\c",serial="é"}`, "1")
	f(`gpu_nan_ratio{line="a\nb"}`, "NaN")
	f(`_9lives{t!=""}`, "9")
	f(`gpu_threshold_active{rule="hot \"one\""}`, "1")

	page, _ := get(t, address, "")
	promtest.Promtool(t, strings.NewReader(page), "check", "metrics", "--lint=none", "--extended")
}
