package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/inputs/dcgm/counters"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// smi is the source that every host with a driver has.
var smi = &gpuSources[1]

// undone takes the comment signs from settings and headings.
func undone(text string) string {
	return regexp.MustCompile(`(?m)^# ?([a-z0-9_]+ *= .*|\[[a-z0-9_.\[\]]+\])$`).ReplaceAllString(text, "$1")
}

func TestForHost(t *testing.T) {
	there := func(input string) finding {
		s := *smi
		if input != s.Input {
			s = gpuSource{Input: input, Sampling: "# gpus = 2\n"}
		}
		return finding{s, "/usr/bin/" + input, nil}
	}
	missing := finding{*smi, "", errors.New("look for nvidia-smi:\nit is not there")}
	f := func(findings []finding, inputs, remark string) {
		t.Helper()
		text, said := forHost(findings)
		if !strings.Contains(said, remark) {
			t.Fatalf("%q, want %q", said, remark)
		}
		headings := strings.Join(regexp.MustCompile(`(?m)^.*\[\[inputs\.[a-z_]+\]\]$`).FindAllString(text, -1), " ")
		if headings != inputs {
			t.Errorf("inputs %q, want %q", headings, inputs)
		}
		if !strings.Contains(inputs, "simulate") && strings.Contains(text, "simulated") {
			t.Error("a file for GPUs speaks of simulated ones")
		}
		for _, text := range []string{text, undone(text)} {
			if _, err := conf.Parse(all.Plugins(), "written.toml", []byte(text)); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
	}
	f([]finding{there("nvidia_smi")}, "[[inputs.nvidia_smi]]", "found /usr/bin/nvidia_smi, which [[inputs.nvidia_smi]]")
	f([]finding{there("nvidia_smi"), there("simulate")}, "[[inputs.nvidia_smi]] # [[inputs.simulate]]", "[[inputs.nvidia_smi]]")
	f([]finding{there("nvidia_smi"), missing}, "[[inputs.nvidia_smi]] # [[inputs.nvidia_smi]]", "[[inputs.nvidia_smi]]")
	f([]finding{missing}, "[[inputs.simulate]] # [[inputs.nvidia_smi]]", "no GPU was found, so the configuration simulates some until you change it:\n  inputs.nvidia_smi: look for")
}

func TestGPUSources(t *testing.T) {
	onHost := func(jetson bool, want ...string) {
		t.Helper()
		defer func(is func() bool) { onJetson = is }(onJetson)
		onJetson = func() bool { return jetson }
		var got []string
		for _, f := range lookForGPUs() {
			got = append(got, f.Input)
		}
		if !slices.Equal(got, want) {
			t.Errorf("on a Jetson, %v: %v, want %v", jetson, got, want)
		}
	}
	onHost(false, "nvml", "nvidia_smi", "dcgm")
	onHost(true, "tegrastats", "nvml", "nvidia_smi", "dcgm")
	for _, s := range append([]gpuSource{jetsonSource}, gpuSources...) {
		heading := "[[inputs." + s.Input + "]]\n"
		if s.Input == "dcgm" {
			heading += "mode = \"dmon\"\n"
		}
		for _, settings := range []string{s.Sampling, s.Polling, undone(s.Sampling), undone(s.Polling)} {
			if _, err := conf.Parse(all.Plugins(), s.Input, []byte(heading+settings+"[[outputs.stdout]]\n")); err != nil {
				t.Errorf("%v\n%s", err, settings)
			}
		}
	}
}

// TestDetectedInput holds that another input can stand in the place of that of conf/detected.toml.
func TestDetectedInput(t *testing.T) {
	if strings.Count(string(conf.Detected), detectedInput) != 1 {
		t.Errorf("conf/detected.toml does not hold %q", detectedInput)
	}
}

// TestServeDCGM holds that DCGM gives what the counters of its exporter ask for.
func TestServeDCGM(t *testing.T) {
	f := func(field, want string) {
		t.Helper()
		if name, reason := gpuSources[2].serve(counters.Counter{Field: field, Kind: "gauge"}); name+reason != want {
			t.Errorf("%s: %q, want %q", field, name+reason, want)
		}
	}
	f("DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_ACTIVE")
	f("DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERRORS")
	f("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")
}

func TestServe(t *testing.T) {
	f := func(field, kind, want string) {
		t.Helper()
		if name, reason := smi.serve(counters.Counter{Field: field, Kind: kind}); name+reason != want {
			t.Errorf("%s: %q, want %q", field, name+reason, want)
		}
	}
	f("DCGM_FI_DEV_GPU_TEMP", "gauge", "DCGM_FI_DEV_GPU_TEMP")
	f("DCGM_FI_DEV_GPU_TEMP_CELSIUS", "gauge", "DCGM_FI_DEV_GPU_TEMP")
	f("DCGM_FI_DEV_POWER_USAGE_INSTANT", "gauge", "DCGM_FI_DEV_POWER_USAGE")
	f("DCGM_FI_DEV_FB_USED_PERCENT", "gauge", "DCGM_FI_DEV_FB_USED_PERCENT")
	f("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "counter", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER")
	f("DCGM_FI_DEV_XID_ERRORS", "gauge", "inputs.nvidia_smi does not read it")
	f("DCGM_FI_PROF_SM_ACTIVE", "gauge", "needs DCGM's profiling counters, which inputs.nvidia_smi does not read")
	f("DCGM_FI_DEV_GPU_TMP", "gauge", "not known to gpuline; did you mean DCGM_FI_DEV_GPU_TEMP?")
	f("SOMETHING_ELSE_ENTIRELY_DIFFERENT", "gauge", "not known to gpuline")
	f("DCGM_EXP_XID_ERRORS_COUNT", "gauge", "dcgm-exporter counts this itself; gpuline makes events and rules of what happens")
	f("DCGM_FI_DEV_BRAND", "label", "a label that gpuline does not write")
	f("DCGM_FI_DRIVER_VERSION", "label", "DCGM_FI_DRIVER_VERSION")
	f("DCGM_FI_DRIVER_VERSION", "gauge", "a text, which is no metric")
}

// TestServeNVML holds that the driver's library gives what nvidia-smi does not.
func TestServeNVML(t *testing.T) {
	f := func(field, want string) {
		t.Helper()
		if name, reason := gpuSources[0].serve(counters.Counter{Field: field, Kind: "gauge"}); name+reason != want {
			t.Errorf("%s: %q, want %q", field, name+reason, want)
		}
	}
	f("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")
	f("DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERRORS")
	f("DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_ACTIVE")
	f("DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_GPU_TEMP")
}

// TestServeJetson holds what a counters file gets on a Jetson.
func TestServeJetson(t *testing.T) {
	f := func(field, want string) {
		t.Helper()
		if name, reason := jetsonSource.serve(counters.Counter{Field: field, Kind: "gauge"}); name+reason != want {
			t.Errorf("%s: %q, want %q", field, name+reason, want)
		}
	}
	f("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL")
	f("DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_POWER_USAGE")
	f("DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_SM_CLOCK")
	f("DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_USED")
	f("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "inputs.tegrastats does not read it")
	f("DCGM_FI_PROF_SM_ACTIVE", "needs DCGM's profiling counters, which inputs.tegrastats does not read")
}

// checkWritten checks a configuration made from counters: it loads, and it shows or explains each.
func checkWritten(t *testing.T, text string, list []counters.Counter) {
	t.Helper()
	if _, err := conf.Parse(all.Plugins(), "written.toml", []byte(text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	for _, c := range list {
		shown := strings.Contains(text, `  "`+c.Field+"\",\n") || strings.Contains(text, `", # `+c.Field+"\n") ||
			c.Kind == counters.Label && regexp.MustCompile("# As a label of each: .*"+c.Field).MatchString(text)
		explained := strings.Contains(text, "#   "+c.Field+": ")
		if shown == explained {
			t.Errorf("%s: shown %v, explained %v\n%s", c.Field, shown, explained, text)
		}
	}
}

// TestOnANode puts what asks the kubelet before the windows, and into what dcgm-exporter did.
func TestOnANode(t *testing.T) {
	before := onNode
	t.Cleanup(func() { onNode = before })
	for _, there := range []bool{true, false} {
		onNode = func() bool { return there }
		host, _ := forHost([]finding{{*smi, "/usr/bin/nvidia-smi", nil}})
		counted, _, err := forCounters(smi, "x.csv", []counters.Counter{{Field: "DCGM_FI_DEV_GPU_TEMP", Kind: "gauge"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{host, counted} {
			plan, err := conf.Parse(all.Plugins(), "written.toml", []byte(text))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if has := len(plan.Processors) > 0 && plan.Processors[0].Name == "kubernetes"; has != there {
				t.Errorf("a kubelet %v, the processor %v:\n%s", there, has, text)
			}
			if strings.Contains(text, "# PODS") || strings.Contains(text, "\n\n\n") {
				t.Errorf("%s", text)
			}
		}
	}
}

func TestForCounters(t *testing.T) {
	text, remark, err := forCounters(smi, "x\n.csv", []counters.Counter{
		{Field: "DCGM_FI_DEV_GPU_TEMP", Kind: "gauge"},
		{Field: "DCGM_FI_DEV_GPU_TEMP_CELSIUS", Kind: "gauge"},
		{Field: "DCGM_FI_DEV_BOARD_POWER_WATTS", Kind: "gauge"},
		{Field: "DCGM_FI_DEV_XID_ERRORS", Kind: "gauge"},
		{Field: "DCGM_FI_DRIVER_VERSION", Kind: "label"},
	})
	if err != nil || remark != "3 of 5 fields are served; the file says why the others are not" {
		t.Errorf("%q, %v", remark, err)
	}
	for _, want := range []string{
		`from "x\n.csv".`, "naming = \"dcgm\"\n",
		"metrics = [\n  \"DCGM_FI_DEV_GPU_TEMP\",\n  \"DCGM_FI_DEV_POWER_USAGE\", # DCGM_FI_DEV_BOARD_POWER_WATTS\n]\n",
		"]\n# As a label of each: DCGM_FI_DRIVER_VERSION\n",
		"#   DCGM_FI_DEV_GPU_TEMP_CELSIUS: DCGM_FI_DEV_GPU_TEMP is the same reading\n#   DCGM_FI_DEV_XID_ERRORS: ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	if _, remark, _ := forCounters(smi, "x.csv", []counters.Counter{{Field: "DCGM_FI_DEV_GPU_TEMP", Kind: "gauge"}}); remark != "1 of 1 fields are served" {
		t.Errorf("%q", remark)
	}
	for _, list := range [][]counters.Counter{nil, {{Field: "DCGM_FI_DEV_XID_ERRORS", Kind: "gauge"}}, {{Field: "DCGM_FI_DRIVER_VERSION", Kind: "label"}}} {
		if _, _, err := forCounters(smi, "x.csv", list); err == nil {
			t.Errorf("%v: a page without a filter would show everything", list)
		}
	}
}

// TestEveryDCGMName turns all names that there are into a configuration.
func TestEveryDCGMName(t *testing.T) {
	var list []counters.Counter
	for _, name := range dcgmNames() {
		list = append(list, counters.Counter{Field: name, Kind: "gauge"})
	}
	text, _, err := forCounters(smi, "all.csv", list)
	if err != nil {
		t.Fatal(err)
	}
	checkWritten(t, text, list)
	for _, r := range vocabulary.All() {
		if r.DCGM.ID != 0 && r.Type != sdk.String && smi.Reads(&r) && !strings.Contains(text, `  "`+r.DCGM.Name+`",`) {
			t.Errorf("%s is not shown", r.Name)
		}
	}
}

func TestCapturedCounters(t *testing.T) {
	folder := os.Getenv("GPULINE_CAPTURES")
	if folder == "" {
		t.Skip("GPULINE_CAPTURES is not set: counters files of dcgm-exporter are not tried")
	}
	files, err := filepath.Glob(filepath.Join(folder, "dcgm", "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list, faults := counters.Parse(string(text))
		if len(faults) > 0 || len(list) < 20 {
			t.Errorf("%s: %d counters, %v", file, len(list), faults)
		}
		written, _, err := forCounters(smi, file, list)
		if err != nil {
			t.Fatal(err)
		}
		checkWritten(t, written, list)
		if filepath.Base(file) == "default-counters.csv" {
			checkShipped(t, written)
		}
	}
}

// checkShipped compares conf/dcgm-exporter.toml with what init makes of dcgm-exporter's default.
func checkShipped(t *testing.T, written string) {
	t.Helper()
	want, err := conf.Parse(all.Plugins(), "written.toml", []byte(written))
	if err != nil {
		t.Fatal(err)
	}
	got, err := conf.Load(all.Plugins(), []string{"../../conf/dcgm-exporter.toml"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Outputs[0].Filter.Metrics, want.Outputs[0].Filter.Metrics) || got.Inputs[0].Interval != want.Inputs[0].Interval {
		t.Errorf("conf/dcgm-exporter.toml serves %q, and init makes %q of dcgm-exporter's default", got.Outputs[0].Filter.Metrics, want.Outputs[0].Filter.Metrics)
	}
}

func FuzzParseCounters(f *testing.F) {
	for _, seed := range []string{
		"# Format\nDCGM_FI_DEV_SM_CLOCK,  gauge, SM clock frequency (in MHz).\n",
		"DCGM_FI_DRIVER_VERSION, label, Driver Version\r\n\n\"DCGM_FI_DEV_GPU_TEMP\",\"gauge\",\"x, y\"",
		"\ufeffDCGM_FI_DEV_FB_USED,gauge\nDCGM_FI_DEV_XID_ERRORS,gauge,x\nDCGM_FI_DEV_POWER_USAGE_INSTANT,gauge,",
		"A,guage,\n\x00,,,\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, faults := counters.Parse(text)
		if len(faults) > 0 {
			return
		}
		written, _, err := forCounters(smi, text, list)
		if err == nil {
			checkWritten(t, written, list)
		}
	})
}
