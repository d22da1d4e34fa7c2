package prometheus

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// parseMetrics is a strict reader of OpenMetrics 1.0.0, as far as the page uses it, written from its
// specification: it ends in # EOF; each family is contiguous and has one TYPE before its samples; their
// names are the family's and the suffix of its type; a unit ends the name of its family; no family has the
// name of another's samples; counters are numbers, and infos 1.
func parseMetrics(text string) (map[string]float64, error) {
	body, ok := strings.CutSuffix(text, "# EOF\n")
	if !ok || strings.Contains(body, "# EOF") || body != "" && !strings.HasSuffix(body, "\n") {
		return nil, fmt.Errorf("the page does not end as it should")
	}
	suffixes := map[string]string{"gauge": "", "unknown": "", "counter": "_total", "info": "_info"}
	values, types, names := map[string]float64{}, map[string]string{}, map[string]bool{}
	family := ""
	var told []string // which comments the family has had
	for n, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
		fail := func(what any) (map[string]float64, error) {
			return nil, fmt.Errorf("line %d %q: %v", n+1, line, what)
		}
		if body == "" {
			break
		}
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			parts := strings.SplitN(comment, " ", 3)
			if len(parts) != 3 || !nameFormat.MatchString(parts[1]) {
				return fail("is no comment")
			}
			what, name, rest := parts[0], parts[1], parts[2]
			if name != family {
				if _, again := types[name]; again {
					return fail("a family in pieces")
				}
				family, told = name, nil
				types[name] = ""
			}
			if slices.Contains(told, what) || slices.Contains(told, "sample") {
				return fail("stands twice, or behind a sample")
			}
			told = append(told, what)
			switch what {
			case "TYPE":
				suffix, ok := suffixes[rest]
				if !ok {
					return fail("an unknown type")
				}
				if sample := name + suffix; names[sample] {
					return fail("another family has samples of this name")
				}
				names[name+suffix], types[name] = true, rest
			case "UNIT":
				if !strings.HasSuffix(name, "_"+rest) || types[name] == "info" {
					return fail("the unit is not in the name")
				}
			case "HELP":
				if _, err := unescape(rest, `\n"`); err != nil {
					return fail(err)
				}
			default:
				return fail("is no comment")
			}
			continue
		}
		told = append(told, "sample")
		parts := lineFormat.FindStringSubmatch(line)
		if parts == nil || types[family] == "" || parts[1] != family+suffixes[types[family]] {
			return fail("is no sample of " + types[family] + " " + family)
		}
		labels, err := parseLabels(parts[2])
		if err != nil {
			return fail(err)
		}
		v, err := strconv.ParseFloat(parts[3], 64)
		if err != nil {
			return fail(err)
		}
		if types[family] == "counter" && math.IsNaN(v) || types[family] == "info" && v != 1 {
			return fail("a value that the type cannot have")
		}
		if _, twice := values[parts[1]+labels]; twice {
			return fail("stands twice")
		}
		values[parts[1]+labels] = v
	}
	return values, nil
}

func TestParseMetricsIsStrict(t *testing.T) {
	f := func(text string, ok bool) {
		t.Helper()
		if _, err := parseMetrics(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	f("# EOF\n", true)
	f("# TYPE a_joules counter\n# UNIT a_joules joules\n# HELP a_joules \\\"x\\\"\na_joules_total 1\n# EOF\n", true)
	f("# TYPE a info\na_info{b=\"c\"} 1\n# TYPE a_b gauge\na_b NaN\n# EOF\n", true)
	f("# TYPE a unknown\na 1\n# EOF\n", true)
	f("", false)
	f("# TYPE a gauge\na 1\n", false)
	f("# TYPE a gauge\na 1\n# EOF\n# EOF\n", false)
	f("# TYPE a_total counter\na_total 1\n# EOF\n", false)
	f("# TYPE a counter\na 1\n# EOF\n", false)
	f("# TYPE a counter\na_total NaN\n# EOF\n", false)
	f("# TYPE a info\na_info 2\n# EOF\n", false)
	f("# TYPE a gauge\n# UNIT a joules\na 1\n# EOF\n", false)
	f("# TYPE a gauge\na 1\n# HELP a x\n# EOF\n", false)
	f("# TYPE a gauge\n# HELP a \"x\"\na 1\n# EOF\n", false)
	f("# TYPE a counter\na_total 1\n# TYPE a gauge\na 1\n# EOF\n", false)
	f("# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total{b=\"1\"} 1\n# EOF\n", false)
}

const acceptMetrics = "application/openmetrics-text; version=1.0.0"

// metrics is the page in OpenMetrics; it fails the test where the format is broken, or where its lines
// differ from those of the text format.
func (r *rig) metrics() string {
	r.t.Helper()
	req := httptest.NewRequest(http.MethodGet, r.config.Path, nil)
	req.Header.Set("Accept", acceptMetrics)
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, req)
	if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != "application/openmetrics-text; version=1.0.0; charset=utf-8" {
		r.t.Fatalf("status %d, type %q", w.Code, got)
	}
	if _, err := parseMetrics(w.Body.String()); err != nil {
		r.t.Fatalf("%v in\n%s", err, w.Body)
	}
	return w.Body.String()
}

func TestOpenMetricsPage(t *testing.T) {
	r := newRig(t, Config{PeakHold: time.Minute})
	r.totals = []sdk.Total{
		{Name: "gpuline_gathers_total", Help: "Gathers, \"all\".", Kind: sdk.Counter, Tags: []sdk.Tag{{Key: "input", Value: "nvml"}}, Value: 17},
		{Name: "gpuline_resident_bytes", Help: "Memory.", Value: 2.5e7},
	}
	r.mustWrite(stream)
	got, golden := r.metrics(), filepath.Join("testdata", "page.openmetrics.txt")
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
	plain, err := parse(r.page())
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := parseMetrics(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain, metrics); diff != "" {
		t.Errorf("the two formats differ: -text +OpenMetrics\n%s", diff)
	}
}

// Families that would have one name in OpenMetrics keep their lines, and lose their type.
func TestFamiliesOfOneStem(t *testing.T) {
	r := newRig(t, Config{Expire: time.Minute})
	f := func(lines string, want ...string) {
		t.Helper()
		r.mustWrite(lines)
		var types []string
		for line := range strings.Lines(r.metrics()) {
			if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
				types = append(types, strings.TrimSpace(rest))
			}
		}
		if diff := cmp.Diff(want, types); diff != "" {
			t.Errorf("%s: -want +got\n%s", lines, diff)
		}
	}
	f("gpu x:counter=1 1s", "gpu_x counter")
	f("gpu x_total:counter=2,y=1 2s", "gpu_x counter", "gpu_y gauge")
	f("gpu,i=1 x:gauge=3 2s", "gpu_x gauge", "gpu_x_total unknown", "gpu_y gauge")
	f(`gpu_info,gpu_uuid=u driver_version="1" 2s class=info`, "gpu info", "gpu_x gauge", "gpu_x_total unknown", "gpu_y gauge")
	f("gpu value=1 3s", "gpu gauge", "gpu_info unknown", "gpu_x gauge", "gpu_x_total unknown", "gpu_y gauge")
	r.clock = r.clock.Add(2 * time.Minute)
	f("gpu x:counter=5 4s", "gpu_x counter")
}

func TestCountersThatAreNoNumbers(t *testing.T) {
	r := newRig(t, Config{})
	r.totals = []sdk.Total{
		{Name: "gpuline_z", Value: 1},
		{Name: "gpuline_z_total", Kind: sdk.Counter, Value: 2},
		{Name: "gpuline_y_total", Kind: sdk.Counter, Value: math.NaN()},
	}
	r.mustWrite("gpu x:counter=1,y=1 1s\n gpu,i=1 x:counter=1 1s")
	if got := r.metrics(); !strings.Contains(got, "gpu_x_total 1\n") || !strings.Contains(got, "# TYPE gpuline_z_total unknown\n") {
		t.Errorf("page %s", got)
	}
	r.store.byName["gpu_x_total"].values[0] = math.NaN()
	r.version++
	if got := r.metrics(); strings.Contains(got, "NaN") || !strings.Contains(got, "gpu_x_total{i=\"1\"} 1\n") {
		t.Errorf("page %s", got)
	}
}

func TestWanted(t *testing.T) {
	f := func(want format, accept ...string) {
		t.Helper()
		if got := wanted(http.Header{"Accept": accept}); got != want {
			t.Errorf("%q: format %d, want %d", accept, got, want)
		}
	}
	f(plainText)
	f(plainText, "")
	f(plainText, "*/*")
	f(plainText, "text/html, application/xhtml+xml, */*;q=0.8")
	f(openMetrics, acceptMetrics)
	f(openMetrics, "application/openmetrics-text")
	f(openMetrics, "Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8")
	// Prometheus 3
	f(openMetrics, "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"+
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
	f(plainText, "text/plain;version=1.0.0;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5")
	f(openMetrics, "text/plain", acceptMetrics)
	f(plainText, acceptMetrics+"; q=0")
	f(plainText, acceptMetrics+"; q=0, text/plain; q=0")
	f(plainText, "application/openmetrics-text; version=2.0.0")
	f(plainText, "application/openmetrics-text; version=0.0.1")
	f(plainText, "application/openmetrics-text; q=x")
	f(plainText, "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
	f(plainText, ";;;, application/openmetrics-text;;=")
}

func FuzzWanted(f *testing.F) {
	f.Add("text/plain", "gzip")
	f.Add("application/openmetrics-text;version=1.0.0;q=0.6,*/*;q=0.2", "gzip;q=0")
	f.Fuzz(func(_ *testing.T, accept, coding string) {
		h := http.Header{"Accept": {accept}, "Accept-Encoding": {coding}}
		wanted(h)
		takesGzip(h)
	})
}

// A rule is told again each minute: its state stays for so long, though expire be shorter, and goes with
// the rule.
func TestStateOfRules(t *testing.T) {
	r := newRig(t, Config{Expire: 10 * time.Second})
	tell := func(active, at int) {
		t.Helper()
		r.mustWrite(fmt.Sprintf("gpu_threshold,gpu_uuid=u,rule=thermal,rule_window=10s active=%di %ds class=info", active, at))
	}
	sample := func(at int, notes string) {
		t.Helper()
		r.mustWrite(fmt.Sprintf("gpu,gpu_uuid=u a=1 %ds%s", at, notes))
	}
	state := func(active int) string {
		return fmt.Sprintf(`gpu_threshold_active{gpu_uuid="u",rule="thermal",rule_window="10s"} %d`, active)
	}
	sample(1, "")
	tell(0, 1)
	r.want(`gpu_a{gpu_uuid="u"} 1`, state(0))
	tell(1, 2)
	sample(2, " notes=alert=thermal")
	r.want(`gpu_a{gpu_uuid="u"} 1`, state(1))
	for i := range 7 {
		r.clock = r.clock.Add(9 * time.Second)
		sample(3+i, " notes=alert=thermal")
		r.want(`gpu_a{gpu_uuid="u"} 1`, state(1))
	}
	tell(0, 65)
	r.want(`gpu_a{gpu_uuid="u"} 1`, state(0))
	for i := range 20 {
		r.clock = r.clock.Add(9 * time.Second)
		sample(66+i, "")
	}
	r.want(`gpu_a{gpu_uuid="u"} 1`)
}

func TestNamesOfOthers(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite(`DCGM_FI_DEV_GPU_TEMP,gpu=0 value=61 1s
		DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION,gpu=0 value=5000 1s
		DCGM_FI_DEV_POWER_USAGE,gpu=0,window=10s value_max=700,value_max_time=1000000000i,value=300 1s class=result
		DCGM_FI_DEV_SM_CLOCK_max,gpu=0,window=10s value=1980 1s class=result
		my_total,gpu=0 value:counter=3 1s
		my_count,gpu=0 value:counter=4 1s`)
	r.want(`DCGM_FI_DEV_GPU_TEMP{gpu="0"} 61`,
		`DCGM_FI_DEV_POWER_USAGE_max{gpu="0",window="10s"} 700`,
		`DCGM_FI_DEV_POWER_USAGE_max_timestamp_seconds{gpu="0",window="10s"} 1`,
		`DCGM_FI_DEV_SM_CLOCK_max{gpu="0",window="10s"} 1980`,
		`DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0"} 5000`,
		`my_count{gpu="0"} 4`,
		`my_total{gpu="0"} 3`)
	f := func(page string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains("\n"+page, "\n"+w+"\n") {
				t.Errorf("no %q in\n%s", w, page)
			}
		}
	}
	temperature, _ := vocabulary.ByDCGMName("DCGM_FI_DEV_GPU_TEMP")
	help := "# HELP DCGM_FI_DEV_GPU_TEMP " + temperature.Help
	f(r.page(), help, "# TYPE DCGM_FI_DEV_GPU_TEMP gauge", "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter",
		"# TYPE my_total counter", "# TYPE my_count counter")
	f(r.metrics(), help, "# TYPE DCGM_FI_DEV_GPU_TEMP gauge", "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION unknown",
		"# TYPE my counter", "# TYPE my_count unknown")
}
