package host_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gpuline/gpuline/plugins/external/externaltest"
	scrape "github.com/gpuline/gpuline/plugins/inputs/prometheus"
	"github.com/gpuline/gpuline/plugins/inputs/replay"
	"github.com/gpuline/gpuline/plugins/inputs/simulate"
	"github.com/gpuline/gpuline/plugins/outputs/influxdb"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/naming"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/processors/threshold"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// builtins are those that need neither a device, nor a sender or another program, nor the agent's own page or output.
func builtins() []sdk.Definition {
	return []sdk.Definition{
		simulate.Definition(), replay.Definition(), scrape.Definition(),
		average.Definition(), peak.Definition(), naming.Definition(), threshold.Definition(),
		influxdb.Definition(),
	}
}

// TestBuiltinsConform holds that a built-in plugin passes as a program of its own what it passes in the agent.
func TestBuiltinsConform(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, "# TYPE a_total counter\na_total{b=\"c\"} 1\n# TYPE d gauge\nd 2.5\n")
	}))
	t.Cleanup(far.Close)
	recording := filepath.Join(t.TempDir(), "x.lp")
	if err := os.WriteFile(recording, []byte("gpu,gpu_index=0 power_watts=300.5 1000\ngpu,gpu_index=0 power_watts=301 2000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(plugin string, own table, check func(t *testing.T, instance func(testing.TB) any)) {
		t.Run(plugin, func(t *testing.T) {
			both(t, func(t *testing.T, process bool) {
				def := find(plugin)
				check(t, func(t testing.TB) any { return instance(t, process, def.Role, plugin, own, nil) })
			})
		})
	}
	gatherer := func(t *testing.T, instance func(testing.TB) any) {
		sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer { return instance(t).(sdk.Gatherer) })
	}
	reader := func(t *testing.T, instance func(testing.TB) any) {
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader { return instance(t).(sdk.Reader) })
	}
	processor := func(traits ...sdktest.Trait) func(*testing.T, func(testing.TB) any) {
		return func(t *testing.T, instance func(testing.TB) any) {
			sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { return instance(t).(sdk.Processor) }, externaltest.Stream, traits...)
		}
	}
	output := func(t *testing.T, instance func(testing.TB) any) {
		sdktest.TestOutput(t, func(t testing.TB) sdk.Output { return instance(t).(sdk.Output) })
	}
	f("simulate", nil, gatherer)
	f("prometheus", table{"urls": []any{far.URL}}, gatherer)
	f("replay", table{"files": []any{recording}}, reader)
	f("average", table{"period": "1s", "stats": []any{"mean", "stddev", "p95"}}, processor())
	f("peak", table{"period": "1s"}, processor())
	f("naming", table{"vocabulary": "telegraf"}, processor(sdktest.ReadsResults))
	f("threshold", table{"rules": []any{table{"name": "hot", "metric": "gpu", "when": "power_watts > 305", "tags": table{"alert": "hot"}}}},
		processor(sdktest.ReadsResults))
	f("influxdb", table{"url": far.URL, "database": "gpu"}, output)
}

// find returns a built-in plugin; no two of these share a name.
func find(plugin string) *sdk.Definition {
	for _, def := range builtins() {
		if def.Name == plugin {
			return &def
		}
	}
	panic("there is no " + plugin)
}
