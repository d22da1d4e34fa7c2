package conf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// warnings returns what is odd about a file with an input, an output and these lines, less what all warnings have.
func warnings(t *testing.T, text string) []string {
	t.Helper()
	if !strings.Contains(text, "[[inputs.") {
		text = "[[inputs.nvml]]\n" + text
	}
	if !strings.Contains(text, "[[outputs.") {
		text += "\n[[outputs.stdout]]"
	}
	plan, err := conf.Parse(all.Plugins(), "a.toml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var got []string
	for _, w := range plan.Warnings {
		got = append(got, strings.TrimPrefix(w, "a.toml:"))
	}
	return got
}

// rule is a file with one rule, in its third line.
func rule(when string) string {
	return "[[processors.threshold]]\nrules = [{ name = 'r', " + when + " }]"
}

// TestRulesThatWait: a rule that nothing can make active is said to be one, and no other.
func TestRulesThatWait(t *testing.T) {
	const (
		when    = ": `rules.when` in [[processors.threshold]]: line 1, column 1: nothing that comes here has "
		nothing = "3" + when
		never   = ": the rule never becomes active: "
	)
	f := func(text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, warnings(t, text)); diff != "" {
			t.Errorf("%s\n-want +got\n%s", text, diff)
		}
	}
	f(rule("when = 'power_watts > 300'"))
	f(rule("when = 'power > 300'"), nothing+"`power`"+never+"did you mean `power_watts`?")
	f(rule("when = 'temperature_gpu > 80'"), nothing+"`temperature_gpu`"+never+"did you mean `temperature_celsius`?")
	f(rule("when = 'DCGM_FI_DEV_GPU_TEMP > 80'"), nothing+"`DCGM_FI_DEV_GPU_TEMP`"+never+"did you mean `temperature_celsius`?")
	f(rule("when = 'heat > 80'"), nothing+"`heat`"+never+"docs/metrics.md has the names of fields")
	f(rule("when = 'soc_heat > 80', metric = 'soc'"), "3: `rules.when` in [[processors.threshold]]: nothing that comes here is a metric `soc`: the rule never becomes active: the metrics here are gpu, gpu_event, gpu_info, gpu_process")
	f(rule("when = 'memory_used_bytes > 80', metric = 'gpu_processes'"), "3: `rules.when` in [[processors.threshold]]: nothing that comes here is a metric `gpu_processes`: the rule never becomes active: did you mean `gpu_process`?")
	f(rule("when = 'power_watts > 300', clear = 'power_watt_hours < 2'"),
		"3: `rules.clear` in [[processors.threshold]]: line 1, column 1: nothing that comes here has `power_watt_hours`: the rule never ends by it: did you mean `power_watts`?")

	// Tags come from anywhere.
	f(rule(`when = 'power_watts > 300 and site == "a" and (rack in ("b") or not ("c" != row))'`))
	f(rule(`when = 'throttle_reasons has hw_thermal and power_watts in (1, 2)'`))
	f(rule(`when = 'heat in (1, 2) and site == "a"'`), nothing+"`heat`"+never+"docs/metrics.md has the names of fields")

	// Another input would give it.
	nvidiaSMI := "[[inputs.nvidia_smi]]\n"
	f(nvidiaSMI + rule("when = 'memory_used_ratio > 90%'"))
	f(nvidiaSMI+rule("when = 'tensor_active_ratio > 90%'"), nothing+"`tensor_active_ratio`"+never+"it comes from inputs.nvml, inputs.dcgm")
	f(nvidiaSMI + rule("when = 'tensor_active_ratio > 90%'") + "\n[[inputs.nvml]]")
	f("[[inputs.tegrastats]]\n[[processors.average]]\n[[processors.threshold]]\nrules = [\n{name='a', when='throttle_reasons > 1'}, {name='b', when='xid > 1'},\n {name='c', when='throttle_sw_power_seconds_rate > 1%'}]",
		"4: `rules` in [[processors.threshold]]: 2 more wait for what the inputs here do not give: \"b\", \"c\"",
		"5: `rules.when` in [[processors.threshold]]: line 1, column 1: nothing that comes here has `throttle_reasons`"+never+"it comes from inputs.nvml, inputs.nvidia_smi, inputs.dcgm")

	// What others bring, nobody knows.
	f("[[inputs.listener]]\n" + rule("when = 'heat > 80'"))
	f("[[inputs.replay]]\nfiles = ['x']\n" + rule("when = 'heat > 80'"))
	f("[[inputs.nvml]]\n[[inputs.listener]]\n" + rule("when = 'heat > 80'"))
	f("[[processors.naming]]\nvocabulary = 'dcgm'\n" + rule("when = 'heat > 80'"))
	triton := "[[inputs.prometheus]]\nurls = ['http://127.0.0.1:8002/metrics']\n"
	f(triton + rule("when = 'x > 80', metric = 'nv_inference_count'"))
	f(triton+rule("when = 'heat > 80'"), "4: `rules.when` in [[processors.threshold]]: nothing that comes here is a metric `gpu`: the rule never becomes active: the metrics here are inference")

	// Results come from windows before the rules, or from none.
	average, peak := "[[processors.average]]\n", "[[processors.peak]]\nabove = { utilization_ratio = 0.9 }\n"
	mean, takes := rule("when = 'utilization_ratio_mean > 90%'"), "it takes "
	f(average + mean)
	f("[[inputs.nvml]]\n[[inputs.nvml.processors.average]]\n" + mean)
	f(mean+"\n"+average, nothing+"`utilization_ratio_mean`"+never+takes+"[[processors.average]] before the rules")
	f(peak+rule("when = 'utilization_ratio_mean > 90%'"), "5"+when+"`utilization_ratio_mean`"+never+takes+"[[processors.average]] before the rules")
	f(average+rule("when = 'utilization_ratio_p95 > 90%'"), "4"+when+"`utilization_ratio_p95`"+never+takes+"[[processors.average]] with \"p95\" in its stats before the rules")
	f(average + "stats = ['p95']\n" + rule("when = 'utilization_ratio_p95 > 90%'"))
	f(peak + rule("when = 'utilization_ratio_above_seconds > 1s and utilization_ratio_max > 0.5 and utilization_ratio_samples > 3'"))
	f(peak+rule("when = 'power_watts_above_seconds > 1s'"), "5"+when+"`power_watts_above_seconds`"+never+takes+"[[processors.peak]] with above = { power_watts = LEVEL } before the rules")
	f(average+rule("when = 'energy_joules_mean > 1'"), "4"+when+"`energy_joules_mean`"+never+"of a counter windows give the rate: write `energy_joules_rate`")
	f(average+rule("when = 'power_watts_rate > 1'"), "4"+when+"`power_watts_rate`"+never+"of a gauge windows give the mean: write `power_watts_mean`")
	f(average+rule("when = 'pstate_mean > 1'"), "4"+when+"`pstate_mean`"+never+"windows make nothing of it: write `pstate`")
	f(average + peak + rule("when = 'utilization_ratio_mean > 90% and utilization_ratio_max > 90%'"))
	f("[[inputs.dcgm]]\n" + average + rule("when = 'power_watts_mean > 1'"))

	// Filters hide from windows, not from what follows.
	f(average+"filter = { fields = ['power*'] }\n"+mean, "5"+when+"`utilization_ratio_mean`"+never+takes+"[[processors.average]] before the rules")
	f(average + "filter = { fields = ['power*'] }\n" + rule("when = 'utilization_ratio > 90%'"))
}

// TestKeysThatNothingMeets: names of fields elsewhere, and filters.
func TestKeysThatNothingMeets(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, warnings(t, text)); diff != "" {
			t.Errorf("%s\n-want +got\n%s", text, diff)
		}
	}
	f("[[processors.peak]]\nabove = { power = 80, power_watts = 9 }",
		"3: `above.power` in [[processors.peak]]: nothing that comes here has this field: there is no time above the level to tell: did you mean `power_watts`?")
	f("[[inputs.nvidia_smi]]\n[[processors.average]]")
	f("[[inputs.nvidia_smi]]\n[[processors.average]]\nfrom_counter = { power_average_watts = 'energy_joules' }",
		"3: `from_counter.power_average_watts` in [[processors.average]]: nothing that comes here has `energy_joules`: the mean is that of `power_average_watts` itself: it comes from inputs.nvml, inputs.dcgm")
	f("[[inputs.nvml]]\nfilter = { fields = ['power*', 'temp*', '!fan_ratios', 'xyz*'], metrics = ['gpu'] }",
		"2: `filter.fields` in [[inputs.nvml]]: `!fan_ratios` matches no field that comes here: did you mean `fan_ratio`?",
		"2: `filter.fields` in [[inputs.nvml]]: `xyz*` matches no field that comes here")
	f("[[inputs.nvml]]\nfilter = { metrics = ['gpu', 'nvidia_smi'] }",
		"2: `filter.metrics` in [[inputs.nvml]]: `nvidia_smi` matches no metric that comes here: the metrics here are gpu, gpu_event, gpu_info, gpu_process")
	f("[[processors.peak]]\nfilter = { fields = ['power_watts_mean'] }",
		"3: `filter.fields` in [[processors.peak]]: `power_watts_mean` matches no field that comes here: did you mean `power_watts`?")
	f("[[processors.average]]\n[[outputs.stdout]]\nfilter = { fields = ['*_mean', '*_p95'] }",
		"4: `filter.fields` in [[outputs.stdout]]: `*_p95` matches no field that comes here")
	f("[[processors.average]]\n[[outputs.stdout]]\nfilter = { fields = ['*_p95', '*_max'] }\n[[outputs.stdout.processors.peak]]\n[[outputs.stdout.processors.average]]\nstats = ['p95']")
	f("[[outputs.stdout]]\nnaming = 'telegraf'\nfilter = { metrics = ['nvidia_smi'], fields = ['temperature_gpu'] }")
	f("[agent]\nself_interval = '10s'\n[[inputs.nvml]]\n[[outputs.stdout]]\nfilter = { metrics = ['gpuline_*'] }")
	f("[[inputs.listener]]\nfilter = { metrics = ['x'], fields = ['y'] }")
	f("[agent]\nhttp = ''\n[[inputs.nvml]]\n[[outputs.prometheus]]",
		"4: [[outputs.prometheus]]: cannot start: its page is on the agent's server, which is off: set [agent] http, such as http = \"127.0.0.1:9445\"")
	f("[[inputs.dcgm]]\nmode = 'exporter'\nurl = 'http://node-7:9400/metrics'")
	f("[[inputs.dcgm]]\nurl = 'http://node-7:9400/metrics'", "2: `url` in [[inputs.dcgm]]: is not read in the mode hostengine: set mode = \"exporter\"")
	f("[[inputs.dcgm]]\nmode = 'exporter'\naddress = 'node-7:9400'", "3: `address` in [[inputs.dcgm]]: is not used in the mode exporter: the page is `url`")
}

// TestHabits: what other programs would replace stays as it is, which is hardly meant.
func TestHabits(t *testing.T) {
	t.Setenv("NOTHING", "")
	t.Setenv("TOKEN", "$ECRET")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(value, want string) {
		t.Helper()
		got := strings.Join(warnings(t, "[[outputs.influxdb]]\nurl = 'http://127.0.0.1:8086'\norg = 'o'\nbucket = 'b'\ntoken = '"+value+"'"), " ")
		if want != "" {
			want = "6: `token` in [[outputs.influxdb]]: " + want
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", value, got, want)
		}
	}
	const shell = "looks like a variable of a shell, and stays as it is: write ${env:NAME} for an environment variable"
	const store = "looks like a reference to a store of secrets, and stays as it is: write ${env:NAME}, ${file:PATH} or ${cred:NAME}"
	f("$INFLUX_TOKEN", shell)
	f("$token", shell)
	f("$", "")
	f("$1", "")
	f("pa$$word", "")
	f("$2y$10$abc", "")
	f("$${NAME}", "")
	f("${env:TOKEN}", "")
	f("@{store:influx_token}", store)
	f("SECRET[backend.token]", store)
	f("{{ .Values.token }}", "looks like a template, and stays as it is: write ${env:NAME} for an environment variable, or have the template filled in first")
	f("${env:NOTHING}", "is empty: what it refers to is there, and holds nothing")
	f("${file:"+file+"}", "is empty: what it refers to is there, and holds nothing")
	f("", "")
	if got := warnings(t, "[[outputs.influxdb]]\nurls = ['http://127.0.0.1:8086', 'http://$HOST:8086']\ndatabase = 'd'"); len(got) != 1 || got[0] != "3: `urls` in [[outputs.influxdb]]: "+shell {
		t.Errorf("got %q", got)
	}
	if got := warnings(t, "[[outputs.nats]]\nurl = 'nats://127.0.0.1'\nsubject = 'x.$Y'"); got != nil {
		t.Errorf("got %q", got)
	}
}

// TestWarningsBesideFaults: what is odd is said in the same round as what is wrong, as far as that leaves it known.
func TestWarningsBesideFaults(t *testing.T) {
	f := func(text string, faults int, want ...string) {
		t.Helper()
		plan, err := conf.Parse(all.Plugins(), "a.toml", []byte(text))
		if n := strings.Count(fmt.Sprint(err), "a.toml"); err == nil || n != faults || plan.Inputs != nil {
			t.Errorf("%s\n%d faults, want %d: %v", text, n, faults, err)
		}
		if diff := cmp.Diff(want, plan.Warnings); diff != "" {
			t.Errorf("%s\n-want +got\n%s", text, diff)
		}
	}
	const (
		outputs = "[[outputs.influxdb]]\nurl = 'http://127.0.0.1:8086'\norg = 'o'\nbucket = 'b'\ntoken = '$TOKEN'\n"
		peak    = "[[processors.peak]]\nabove = { power = 80 }\n"
		token   = "`token` in [[outputs.influxdb]]: looks like a variable of a shell, and stays as it is: write ${env:NAME} for an environment variable"
		power   = "`above.power` in [[processors.peak]]: nothing that comes here has this field: there is no time above the level to tell: did you mean `power_watts`?"
	)
	f("[[inputs.nvml]]\nintervall = '1s'\n"+peak+outputs, 1, "a.toml:4: "+power, "a.toml:9: "+token)
	f("[[inputs.nvml]]\n"+peak+outputs+"tokn = 'x'\n", 1, "a.toml:3: "+power, "a.toml:8: "+token)
	f("[[inputs.nvml]]\n[[processors.average]]\nperiodd = '1s'\n"+outputs+"filter = { fields = ['xyz'] }", 1, "a.toml:8: "+token)
	f("[[inputs.nvml]]\ndevice = ['0']\n"+peak+outputs, 1, "a.toml:9: "+token)
	f("[[inputs.nvml]]\n[[outputs.stdout]]\nnamming = 'dcgm'\nfilter = { fields = ['DCGM_FI_DEV_POWER_USAGE'] }\n", 1)
	f("[[inputs.nvml]]\n[[input.simulate]]\n"+peak+outputs, 1, "a.toml:9: "+token)
	f("[[inputs.nvml]]\n[inputs.listener]\n"+peak+outputs, 1, "a.toml:9: "+token)
	f("[[inputs.nvml]]\n[[inputs.listner]]\n"+peak+outputs, 1, "a.toml:9: "+token)
	f("[agent]\nself_intervall = '1s'\n[[inputs.nvml]]\n[[outputs.stdout]]\nfilter = { metrics = ['gpuline_*'] }\n", 1)
}
