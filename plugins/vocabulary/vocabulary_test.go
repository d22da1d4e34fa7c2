package vocabulary_test

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func TestFixedNames(t *testing.T) {
	// The names that dashboards rest on, with what each is.
	f := func(names, unit string, typ sdk.Type, kind sdk.Kind) {
		t.Helper()
		for name := range strings.FieldsSeq(names) {
			want := sdk.Field{Name: name, Unit: sdk.Unit(unit), Type: typ, Kind: kind}
			if got, ok := vocabulary.Coerce(vocabulary.GPU, name); !ok || got != want {
				t.Errorf("%s is %+v, want %+v", name, got, want)
			}
			if got := vocabulary.Field(vocabulary.GPU, name); got != want {
				t.Errorf("Field(%s) = %+v, want %+v", name, got, want)
			}
		}
	}
	f("utilization_ratio memory_activity_ratio encoder_ratio decoder_ratio memory_used_ratio fan_ratio", "ratio", sdk.Float, sdk.Gauge)
	f("sm_active_ratio sm_occupancy_ratio tensor_active_ratio dram_active_ratio", "ratio", sdk.Float, sdk.Gauge)
	f("memory_used_bytes memory_free_bytes memory_reserved_bytes memory_total_bytes", "bytes", sdk.Int, sdk.Gauge)
	f("up", "", sdk.Int, sdk.Gauge)
	f("power_watts power_average_watts power_limit_watts", "watts", sdk.Float, sdk.Gauge)
	f("energy_joules", "joules", sdk.Float, sdk.Counter)
	f("temperature_celsius memory_temperature_celsius", "celsius", sdk.Float, sdk.Gauge)
	f("clock_sm_hertz clock_memory_hertz", "hertz", sdk.Int, sdk.Gauge)
	f("pstate throttle_reasons", "", sdk.Int, sdk.Info)
	f("throttle_sw_power_seconds throttle_sw_thermal_seconds throttle_hw_thermal_seconds", "seconds", sdk.Float, sdk.Counter)
	f("throttle_power_brake_seconds throttle_sync_boost_seconds", "seconds", sdk.Float, sdk.Counter)
	f("pcie_tx_bytes pcie_rx_bytes nvlink_tx_bytes nvlink_rx_bytes", "bytes", sdk.Int, sdk.Counter)
	f("ecc_corrected_errors ecc_uncorrected_errors", "", sdk.Int, sdk.Counter)
}

func TestRows(t *testing.T) {
	units := []string{"bytes_per_second", "ratio", "bytes", "watts", "joules", "celsius", "hertz", "seconds"}
	style := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, r := range vocabulary.All() {
		want := sdk.Unit("")
		for _, u := range units {
			if strings.HasSuffix(r.Name, "_"+u) {
				want = sdk.Unit(u)
				break
			}
		}
		if r.Unit != want {
			t.Errorf("%s has the unit %q, its name says %q", r.Name, r.Unit, want)
		}
		if r.Type == sdk.Uint || r.Type == sdk.Bool {
			t.Errorf("%s is of type %s, which not every database holds", r.Name, r.Type)
		}
		if !style.MatchString(r.Name) || strings.HasSuffix(r.Name, "_total") {
			t.Errorf("%s is not in the style of the table", r.Name)
		}
		if r.Help == "" || !strings.HasSuffix(r.Help, ".") || strings.Contains(r.Help, "|") {
			t.Errorf("%s: help %q is not a sentence", r.Name, r.Help)
		}
		if !slices.Contains([]string{vocabulary.GPU, vocabulary.Process, vocabulary.Info, vocabulary.Event, vocabulary.SoC, vocabulary.Threshold, vocabulary.Pod, vocabulary.Inference}, r.Metric) {
			t.Errorf("%s belongs to the measurement %q", r.Name, r.Metric)
		}
		if r.Metric == vocabulary.Info && r.Kind != sdk.Info {
			t.Errorf("gpu_info %s is a %s", r.Name, r.Kind)
		}
		made := []string{vocabulary.Event, vocabulary.Threshold, vocabulary.Pod, vocabulary.Inference}
		if !slices.Contains(made, r.Metric) && r.NVML == "" && r.XML == "" && r.CSV == "" && r.DCGM.ID == 0 && r.Tegra == "" {
			t.Errorf("%s %s has no source", r.Metric, r.Name)
		}
		if _, ok := vocabulary.ResultField(r.Field, "_mean"); !ok {
			t.Errorf("no mean of %s", r.Name)
		}
	}
}

func TestUnique(t *testing.T) {
	seen := map[string]string{}
	once := func(kind, name string, r vocabulary.Reading) {
		if name == "" {
			return
		}
		key := kind + " " + name
		if other, twice := seen[key]; twice {
			t.Errorf("%s is both %s and %s", key, other, r.Name)
		}
		seen[key] = r.Name
	}
	for _, r := range vocabulary.All() {
		once(r.Metric, r.Name, r)
		once("Telegraf", r.Telegraf.Field, r)
		for _, name := range append([]string{r.CSV}, r.CSVOlder...) {
			once("CSV", name, r)
			if got, ok := vocabulary.ByCSV(name); name != "" && (!ok || got.Name != r.Name) {
				t.Errorf("ByCSV(%s) = %s", name, got.Name)
			}
		}
		for _, d := range append([]vocabulary.DCGM{r.DCGM}, r.DCGMBetter...) {
			if d.ID == 0 {
				continue
			}
			once("DCGM", strconv.Itoa(d.ID), r)
			once("DCGM", d.Name, r)
			once("DCGM", d.NewName, r)
			for _, name := range []string{d.Name, d.NewName} {
				if got, ok := vocabulary.ByDCGMName(name); name != "" && (!ok || got.Name != r.Name || got.DCGM != d) {
					t.Errorf("ByDCGMName(%s) = %s %+v", name, got.Name, got.DCGM)
				}
			}
		}
		if got, ok := vocabulary.ByTelegraf(r.Telegraf.Field); r.Telegraf.Field != "" && (!ok || got.Name != r.Name) {
			t.Errorf("ByTelegraf(%s) = %s", r.Telegraf.Field, got.Name)
		}
	}
	if _, ok := vocabulary.ByCSV(""); ok {
		t.Error("the empty name names a reading")
	}
	if _, ok := vocabulary.ByDCGMName(""); ok {
		t.Error("the empty name names a field of DCGM")
	}
}

func TestAllIsACopy(t *testing.T) {
	vocabulary.All()[0].Name = "changed"
	if vocabulary.All()[0].Name == "changed" {
		t.Error("All hands out the table itself")
	}
}

func TestUnknownField(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Field of an unknown name does not panic")
		}
	}()
	vocabulary.Field(vocabulary.GPU, "power_wats")
}

func TestFactors(t *testing.T) {
	f := func(name string, theirs, ours float64) {
		t.Helper()
		r, ok := vocabulary.ByCSV(name)
		if got := r.FromSMI(theirs); !ok || got != ours {
			t.Errorf("%s %v is %v, want %v", name, theirs, got, ours)
		}
	}
	f("clocks.sm", 1980, 1980e6)
	f("clocks.mem", 2619, 2619e6)
	f("utilization.gpu", 95, 0.95)
	f("utilization.gpu", 7, 0.07)
	f("memory.used", 81559, 81559<<20)
	f("power.draw", 68.57, 68.57)
	f("clocks_event_reasons_counters.sw_power_cap", 7015662857, 7015.662857)
	for mhz := range 4000 { // whole MHz are whole hertz
		r, _ := vocabulary.ByCSV("clocks.sm")
		if got := r.FromSMI(float64(mhz)); got != float64(mhz*1e6) {
			t.Fatalf("%d MHz is %v hertz", mhz, got)
		}
	}
	d := func(name string, theirs, ours float64) {
		t.Helper()
		r, ok := vocabulary.ByDCGMName(name)
		if got := r.DCGM.Ours(theirs); !ok || got != ours {
			t.Errorf("DCGM %s %v is %v, want %v", name, theirs, got, ours)
		}
		if got := r.DCGM.Theirs(ours); math.Abs(got-theirs) > 1e-9*math.Abs(theirs) {
			t.Errorf("DCGM %s %v becomes %v, want %v", name, ours, got, theirs)
		}
	}
	d("DCGM_FI_DEV_GPU_UTIL", 13, 0.13)
	d("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", 0.25, 0.25)
	d("DCGM_FI_DEV_FB_USED", 1024, 1<<30)
	d("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 600000, 600)
	d("DCGM_FI_DEV_SM_CLOCK", 345, 345e6)
	d("DCGM_FI_DEV_PCIE_TX_THROUGHPUT", 500, 500e3)
	d("DCGM_FI_PROF_PCIE_TX_BYTES", 500, 500)
	d("DCGM_FI_PROF_PCIE_TX_BYTES_TOTAL", 500, 500)
	d("DCGM_FI_DEV_NVLINK_COUNT_RX_BYTES", 500, 500)
	d("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", 2.5e9, 2.5)
	d("DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL", 2, 2048000)
	if r, _ := vocabulary.ByTelegraf("memory_used"); r.Telegraf.Theirs(1<<30) != 1024 {
		t.Error("Telegraf's memory_used is not in MiB")
	}
}

func TestValid(t *testing.T) {
	f := func(metric, field string, v float64, want bool) {
		t.Helper()
		r, _ := vocabulary.Find(metric, field)
		if got := r.Valid(v); got != want {
			t.Errorf("%s %v is valid: %v, want %v", field, v, got, want)
		}
	}
	f("gpu", "utilization_ratio", 0, true)
	f("gpu", "utilization_ratio", 1, true)
	f("gpu", "utilization_ratio", 1.01, false)
	f("gpu", "utilization_ratio", -0.01, false)
	f("gpu", "utilization_ratio", math.NaN(), false)
	f("gpu", "power_watts", 700, true)
	f("gpu", "power_watts", math.NaN(), false)
	f("gpu", "power_watts", math.Inf(1), false)
	f("gpu", "temperature_margin_celsius", -3, true)
	f("gpu", "temperature_celsius", 131, true)
	f("gpu", "temperature_celsius", 345, false)
	f("gpu", "memory_temperature_celsius", 644245923, false)
	f("gpu_info", "temperature_shutdown_celsius", 4294967295, false)
	f("gpu", "pstate", 8, true)
	f("gpu", "pstate", 16, false)
	f("gpu", "up", 2, false)
	f("gpu", "fan_ratio", 1.5, true)
	f("gpu", "fan_ratio", 2.5, false)
	f("soc", "fan_ratio", 1.5, false)
	f("gpu_process", "sm_ratio", 1.2, false)
}

func TestCoerce(t *testing.T) {
	f := func(measurement, field string, want sdk.Field) {
		t.Helper()
		want.Name = field
		if got, ok := vocabulary.Coerce(measurement, field); !ok || got != want {
			t.Errorf("%s %s is %+v, want %+v", measurement, field, got, want)
		}
	}
	f("gpu", "memory_used_bytes", sdk.Field{Unit: "bytes", Type: sdk.Int})
	f("gpu", "memory_used_bytes_mean", sdk.Field{Unit: "bytes", Type: sdk.Float})
	f("gpu", "memory_used_bytes_max", sdk.Field{Unit: "bytes", Type: sdk.Int})
	f("gpu", "memory_used_bytes_min", sdk.Field{Unit: "bytes", Type: sdk.Int})
	f("gpu", "memory_used_bytes_max_time", sdk.Field{Type: sdk.Int, Kind: sdk.Info})
	f("gpu", "power_watts_stddev", sdk.Field{Unit: "watts", Type: sdk.Float})
	f("gpu", "power_watts_p50", sdk.Field{Unit: "watts", Type: sdk.Float})
	f("gpu", "power_watts_p95", sdk.Field{Unit: "watts", Type: sdk.Float})
	f("gpu", "memory_used_bytes_p99", sdk.Field{Unit: "bytes", Type: sdk.Float})
	f("gpu", "utilization_ratio_above_seconds", sdk.Field{Unit: "seconds", Type: sdk.Float})
	f("gpu", "utilization_ratio_excursions", sdk.Field{Type: sdk.Int})
	f("gpu", "utilization_ratio_samples", sdk.Field{Type: sdk.Int})
	f("gpu", "utilization_ratio_resolution_seconds", sdk.Field{Unit: "seconds", Type: sdk.Float})
	f("gpu", "energy_joules_rate", sdk.Field{Unit: "watts", Type: sdk.Float})
	f("gpu", "pcie_tx_bytes_rate", sdk.Field{Unit: "bytes_per_second", Type: sdk.Float})
	f("gpu", "throttle_sw_power_seconds_rate", sdk.Field{Unit: "ratio", Type: sdk.Float})
	f("gpu", "pcie_replays_rate", sdk.Field{Unit: "per_second", Type: sdk.Float})
	f("gpu_process", "sm_ratio_max", sdk.Field{Unit: "ratio", Type: sdk.Float})
	f("gpu_info", "serial", sdk.Field{Type: sdk.String, Kind: sdk.Info})
	f("gpu_event", "message", sdk.Field{Type: sdk.String, Kind: sdk.Info})

	none := func(measurement, field string) {
		t.Helper()
		if got, ok := vocabulary.Coerce(measurement, field); ok {
			t.Errorf("%s %s is %+v, want nothing", measurement, field, got)
		}
	}
	none("gpu", "power_watts_median")
	none("gpu", "_mean")
	none("gpu", "")
	none("cpu", "power_watts")
	none("gpu_info", "serial_max")
	none("gpu_info", "power_watts")
}

func TestResultSuffixes(t *testing.T) {
	for _, r := range vocabulary.Results() {
		if got, ok := vocabulary.Coerce("gpu", "temperature_celsius"+r.Suffix); !ok || got.Name != "temperature_celsius"+r.Suffix {
			t.Errorf("%s is not known", r.Suffix)
		}
	}
	if _, ok := vocabulary.ResultField(sdk.Field{Name: "x"}, "_median"); ok {
		t.Error("_median is a result")
	}
	for gauge, counter := range vocabulary.FromCounter() {
		if vocabulary.Field("gpu", gauge).Kind != sdk.Gauge || vocabulary.Field("gpu", counter).Kind != sdk.Counter {
			t.Errorf("%s cannot come from %s", gauge, counter)
		}
	}
}

func TestMarkdown(t *testing.T) {
	text := vocabulary.Markdown()
	if text != vocabulary.Markdown() {
		t.Error("Markdown differs from call to call")
	}
	cells := 0
	for line := range strings.SplitSeq(text, "\n") {
		switch n := strings.Count(line, "|"); {
		case n == 0:
			cells = 0
		case cells == 0:
			cells = n
		case n != cells:
			t.Errorf("a row of %d cells in a table of %d: %s", n-1, cells-1, line)
		}
	}
	for _, r := range vocabulary.All() {
		if !strings.Contains(text, "| `"+r.Name+"` |") {
			t.Errorf("%s is not in the text", r.Name)
		}
	}
	for _, want := range []string{"## gpu_process", "| `throttle` |", "`_resolution_seconds`", "`0x40`", "fallen off the bus", "1/1048576", "`DCGM_FI_DEV_FB_USED` × 1/1048576"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the text", want)
		}
	}
}
