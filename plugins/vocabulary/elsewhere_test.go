package vocabulary_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func TestNamesElsewhere(t *testing.T) {
	f := func(as func(string, string) (vocabulary.Name, bool), field, metric, name string, typ sdk.Type, kind sdk.Kind) {
		t.Helper()
		n, ok := as(vocabulary.GPU, field)
		if !ok || n.Measurement != metric || n.Field != (sdk.Field{Name: name, Type: typ, Kind: kind}) {
			t.Errorf("%s is %v %+v", field, ok, n)
		}
	}
	dcgm, telegraf := vocabulary.AsDCGM, vocabulary.AsTelegraf
	f(dcgm, "utilization_ratio", "DCGM_FI_DEV_GPU_UTIL", "value", sdk.Float, sdk.Gauge)
	f(dcgm, "utilization_ratio_p95", "DCGM_FI_DEV_GPU_UTIL_p95", "value", sdk.Float, sdk.Gauge)
	f(dcgm, "utilization_ratio_max_time", "DCGM_FI_DEV_GPU_UTIL_max_time", "value", sdk.Int, sdk.Info)
	f(dcgm, "remapped_rows_correctable", "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "value", sdk.Float, sdk.Counter)
	f(dcgm, "row_remap_failed", "DCGM_FI_DEV_ROW_REMAP_FAILURE", "value", sdk.Float, sdk.Gauge)
	f(telegraf, "utilization_ratio", "nvidia_smi", "utilization_gpu", sdk.Int, sdk.Gauge)
	f(telegraf, "utilization_ratio_min", "nvidia_smi", "utilization_gpu_min", sdk.Int, sdk.Gauge)
	f(telegraf, "utilization_ratio_p95", "nvidia_smi", "utilization_gpu_p95", sdk.Float, sdk.Gauge)
	f(telegraf, "power_watts", "nvidia_smi", "power_draw", sdk.Float, sdk.Gauge)

	for _, field := range []string{"up", "power_wats", "", "_max", "up_max", "driver_version"} {
		if n, ok := dcgm(vocabulary.GPU, field); ok {
			t.Errorf("DCGM has %s: %+v", field, n)
		}
	}
	if n, ok := dcgm(vocabulary.Info, "driver_version"); ok {
		t.Errorf("DCGM has a text: %+v", n)
	}
	for _, field := range []string{"up", "pstate", "energy_joules", "power_limit_watts_max"} {
		if n, ok := telegraf(vocabulary.GPU, field); ok {
			t.Errorf("Telegraf has %s: %+v", field, n)
		}
	}
	if n, ok := telegraf(vocabulary.Info, "driver_version"); !ok || n.Field.Type != sdk.String {
		t.Errorf("driver_version is %v %+v", ok, n)
	}
}

// TestNamesElsewhereAreUnique holds that no two fields of ours, results included, share a name elsewhere.
func TestNamesElsewhereAreUnique(t *testing.T) {
	seen := make(map[string]string)
	for _, r := range vocabulary.All() {
		suffixes := []string{""}
		if r.Type.Numeric() {
			for _, s := range vocabulary.Results() {
				suffixes = append(suffixes, s.Suffix)
			}
		}
		for _, suffix := range suffixes {
			field := r.Name + suffix
			for _, as := range []func(string, string) (vocabulary.Name, bool){vocabulary.AsDCGM, vocabulary.AsTelegraf} {
				n, ok := as(r.Metric, field)
				if !ok {
					continue
				}
				if n.Result != (suffix != "") {
					t.Errorf("%s: a result: %v", field, n.Result)
				}
				key := n.Measurement + " " + n.Field.Name
				if other := seen[key]; other != "" {
					t.Errorf("%s is both %s and %s", key, other, field)
				}
				seen[key] = field
			}
		}
	}
}

func TestValuesElsewhere(t *testing.T) {
	f := func(as func(string, string) (vocabulary.Name, bool), metric, field string, in, want sdk.Value) {
		t.Helper()
		n, ok := as(metric, field)
		if !ok {
			t.Errorf("no %s", field)
			return
		}
		got, ok := n.Value(in)
		if !ok || !cmp.Equal(want, got) {
			t.Errorf("%s: %v is %v (%v), want %v", field, in, got, ok, want)
		}
	}
	fl, in, no := sdk.FloatValue, sdk.IntValue, sdk.StringValue
	dcgm, telegraf := vocabulary.AsDCGM, vocabulary.AsTelegraf
	f(dcgm, "gpu", "utilization_ratio", fl(0.07), fl(7))
	f(dcgm, "gpu", "utilization_ratio_mean", fl(0.985), fl(98.5))
	f(dcgm, "gpu", "utilization_ratio_above_seconds", fl(0.07), fl(0.07))
	f(dcgm, "gpu", "utilization_ratio_samples", in(7), fl(7))
	f(dcgm, "gpu", "utilization_ratio_max_time", in(1_800_000_000_500_000_001), in(1_800_000_000_500_000_001))
	f(dcgm, "gpu", "memory_used_bytes", in(85899345920), fl(81920))
	f(dcgm, "gpu", "clock_sm_hertz", in(1980000000), fl(1980))
	f(dcgm, "gpu", "energy_joules", fl(600.25), fl(600250))
	f(dcgm, "gpu", "energy_joules_rate", fl(300), fl(300000))
	f(dcgm, "gpu", "throttle_hw_thermal_seconds", fl(0.5), fl(5e8))
	f(telegraf, "gpu", "utilization_ratio", fl(0.985), in(99))
	f(telegraf, "gpu", "utilization_ratio_max_time", in(math.MaxInt64), in(math.MaxInt64))
	f(telegraf, "gpu", "memory_used_bytes", in(85899345920), in(81920))
	f(telegraf, "gpu", "remapped_rows_correctable", in(math.MaxInt64), in(math.MaxInt64))
	f(telegraf, "gpu_info", "driver_version", no("550"), no("550"))

	none := func(as func(string, string) (vocabulary.Name, bool), metric, field string, in sdk.Value) {
		t.Helper()
		n, _ := as(metric, field)
		if v, ok := n.Value(in); ok {
			t.Errorf("%s: %v is %v", field, in, v)
		}
	}
	none(dcgm, "gpu", "power_watts", no("300"))
	none(dcgm, "gpu", "power_watts", sdk.BoolValue(true))
	none(telegraf, "gpu_info", "driver_version", fl(550))
	none(telegraf, "gpu", "utilization_ratio", fl(math.NaN()))
	none(telegraf, "gpu", "memory_used_bytes", fl(math.Inf(1)))
}

func TestTagsElsewhere(t *testing.T) {
	device := vocabulary.Device{UUID: "a", Index: "b", Name: "c", PCIBusID: "d", GI: "e", CI: "f", Source: "g", Host: "h"}
	f := func(name func(string) (string, bool), want map[string]string) {
		t.Helper()
		got := make(map[string]string)
		for _, tag := range device.Tags() {
			if theirs, known := name(tag.Key); known {
				got[tag.Value] = theirs
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got\n%s", d)
		}
	}
	f(vocabulary.DCGMTag, map[string]string{"a": "UUID", "b": "gpu", "c": "modelName", "d": "pci_bus_id", "e": "GPU_I_ID", "g": "", "h": "Hostname"})
	f(vocabulary.TelegrafTag, map[string]string{"a": "uuid", "b": "index", "c": "name", "d": "", "g": ""})
}
