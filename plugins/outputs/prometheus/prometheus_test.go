package prometheus

import (
	"context"
	"errors"
	"flag"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

var update = flag.Bool("update", false, "write testdata anew")

// rig is an output with a clock that the test moves.
type rig struct {
	*Prometheus
	t       testing.TB
	catalog *sdk.Catalog
	clock   time.Time
	meter   *sdk.Meter
	totals  []sdk.Total
	mux     *sdktest.Mux
}

func newRig(t testing.TB, c Config) *rig {
	t.Helper()
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Expire, 5*time.Minute)
	if c.Path == "" {
		c.Path = "/metrics"
	}
	if c.MaxSeries == 0 {
		c.MaxSeries = 100_000
	}
	p, err := New(&c)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Prometheus: p, t: t, catalog: sdk.NewCatalog(sdk.Limits{}), clock: time.Unix(1_700_000_000, 0)}
	env := sdktest.Env(t, r.catalog)
	env.Now = func() time.Time { return r.clock }
	env.Totals = func() iter.Seq[sdk.Total] {
		return func(yield func(sdk.Total) bool) {
			for _, t := range r.totals {
				if !yield(t) {
					return
				}
			}
		}
	}
	r.meter, r.mux = env.Meter, env.Mux.(*sdktest.Mux)
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) write(lines string) error {
	r.t.Helper()
	return r.Write(r.t.Context(), sdktest.Batch(r.t, r.catalog, lines))
}

func (r *rig) mustWrite(lines string) {
	r.t.Helper()
	if err := r.write(lines); err != nil {
		r.t.Fatal(err)
	}
}

// page is the page that a scrape gets now; it fails the test where the format is broken.
func (r *rig) page() string {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, r.config.Path, nil))
	if w.Code != http.StatusOK {
		r.t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if _, err := parse(w.Body.String()); err != nil {
		r.t.Fatalf("%v in\n%s", err, w.Body)
	}
	return w.Body.String()
}

// lines returns the page without comments.
func (r *rig) lines() string {
	r.t.Helper()
	var kept []string
	for line := range strings.SplitSeq(strings.TrimSpace(r.page()), "\n") {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func (r *rig) want(lines ...string) {
	r.t.Helper()
	if diff := cmp.Diff(strings.Join(lines, "\n"), r.lines()); diff != "" {
		r.t.Errorf("page: -want +got\n%s", diff)
	}
}

func (r *rig) total(name string) float64 {
	for t := range r.meter.Totals() {
		if t.Name == name {
			return t.Value
		}
	}
	r.t.Errorf("no total %s", name)
	return 0
}

const stream = `
	gpu,gpu_index=0,gpu_uuid=GPU-0,host=a,source=nvml up=1i,utilization_ratio=0.93,power_watts=612.25,memory_used_bytes=85899345920i,energy_joules:counter=812345.678,throttle_sw_power_seconds:counter=12.5,throttle_hw_thermal_seconds:counter=0,throttle_reasons=4i,pstate=0i,pcie_tx_bytes:counter=123456789i 1700000000000000000
	gpu,gpu_index=1,gpu_uuid=GPU-1,host=a,source=nvml up=0i 1700000000000000000
	gpu,gpu_index=0,gpu_uuid=GPU-0,host=a,source=nvml,window=10s power_watts_mean=600.5,power_watts_max=700,power_watts_max_time=1699999995123456000i,power_watts_samples=100i,power_watts_resolution_seconds=0.1,utilization_ratio_above_seconds=4.5,utilization_ratio_excursions=3i,energy_joules_rate=601,energy_joules:counter=812345.678,throttle_sw_power_seconds_rate=0.25,pstate=0i 1700000000000000000 class=result
	gpu,gpu_index=0,gpu_uuid=GPU-0,host=a,part=head,source=nvml,window=10s power_watts_mean=1 1700000000000000000 class=result
	gpu_event,code=79,event=xid,gpu_index=0,gpu_uuid=GPU-0,severity=critical message="fell off the bus" 1700000000500000000 class=event
	gpu_event,code=79,event=xid,gpu_index=0,gpu_uuid=GPU-0,severity=critical message="again" 1700000000750000000 class=event
	gpu_info,gpu_index=0,gpu_uuid=GPU-0 driver_version="595.45",serial="16\"5\\",power_limit_max_watts=700 1700000000000000000 class=info
	gpu_process,gpu_uuid=GPU-0,pid=17,process=tr\ iton memory_used_bytes=1048576i 1700000000000000000
	inference,model=a\nb latency_seconds=0.0125,requests_total:counter=17i,ready=true,state="up" 1700000000000000000
`

func TestPage(t *testing.T) {
	r := newRig(t, Config{PeakHold: time.Minute})
	r.totals = []sdk.Total{
		{Name: "gpuline_gathers_total", Help: "Gathers.", Kind: sdk.Counter, Tags: []sdk.Tag{{Key: "input", Value: "nvml"}}, Value: 17},
		{Name: "gpuline_resident_bytes", Help: "Memory.", Value: 2.5e7},
		{Name: "gpuline_gathers_total", Help: "Gathers.", Kind: sdk.Counter, Tags: []sdk.Tag{{Key: "input", Value: "a \"b\"\n"}}, Value: 1.5},
	}
	r.mustWrite(stream)
	got, golden := r.page(), filepath.Join("testdata", "page.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("page: -want +got\n%s", diff)
	}
}

func TestContract(t *testing.T) {
	sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
		p, err := New(&Config{Path: "/metrics", Expire: time.Minute, PeakHold: time.Minute, MaxSeries: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}

func TestNoServer(t *testing.T) {
	p, err := New(&Config{Path: "/metrics", Expire: time.Minute, MaxSeries: 1})
	if err != nil {
		t.Fatal(err)
	}
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Mux = nil
	err = p.Open(context.Background(), env)
	if !errors.Is(err, sdk.ErrPermanent) || !strings.Contains(err.Error(), "[agent] http") {
		t.Errorf("error %v", err)
	}
}

func TestDefinition(t *testing.T) {
	d := Definition()
	want := &Config{Path: "/metrics", Expire: 5 * time.Minute, PeakHold: time.Minute, MaxSeries: 100_000}
	if diff := cmp.Diff(want, d.NewConfig()); diff != "" {
		t.Errorf("defaults: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"samples": true, "required": false, "flush_interval": "0s"}, d.Common); diff != "" {
		t.Errorf("common: -want +got\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	f := func(path string, want bool) {
		t.Helper()
		if err := (&Config{Path: path}).Validate(); (err == nil) != want {
			t.Errorf("path %q: %v", path, err)
		}
	}
	f("/metrics", true)
	f("/gpu/metrics", true)
	f("metrics", false)
	f("", false)
	f("/", false)
	f("/healthz", false)
	f("/{x}", false)
	f("GET /metrics", false)
}
