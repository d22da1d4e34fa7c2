package conf

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

func parse(t *testing.T, text string) *pipeline.Plan {
	t.Helper()
	plan, err := Parse(fakes(), "a.toml", []byte(text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return plan
}

func comparePlans(t *testing.T, want, got *pipeline.Plan) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(pipeline.Plugin{}, "New", "Fingerprint")); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	comparePlans(t, &pipeline.Plan{
		Agent: pipeline.Agent{ShutdownGrace: 10 * time.Second, HTTP: "127.0.0.1:9445", LogFormat: pipeline.LogText},
		Inputs: []pipeline.Input{
			{Plugin: pipeline.Plugin{Name: "meter", Where: "a.toml:1"}, Interval: time.Second, Timeout: 30 * time.Second},
			{Plugin: pipeline.Plugin{Name: "listener", Where: "a.toml:2"}, Interval: time.Second, Timeout: 5 * time.Second},
		},
		Outputs: []pipeline.Output{
			{
				Plugin:    pipeline.Plugin{Name: "store", Where: "a.toml:3"},
				Queue:     pipeline.Queue{MaxBytes: 16e6, WhenFull: pipeline.DropOldest},
				BatchSize: 1000, FlushInterval: time.Second, Timeout: 5 * time.Second, Required: true,
			},
			{
				Plugin:    pipeline.Plugin{Name: "page", Where: "a.toml:5"},
				Queue:     pipeline.Queue{MaxBytes: 1e6, WhenFull: pipeline.DropOldest},
				BatchSize: 50, FlushInterval: time.Second, Timeout: 5 * time.Second, Samples: true,
			},
		},
	}, parse(t, "[[inputs.meter]]\n[[inputs.listener]]\n[[outputs.store]]\nurl = \"x\"\n[[outputs.page]]\n"))
}

func TestEveryKey(t *testing.T) {
	comparePlans(t, &pipeline.Plan{
		Agent: pipeline.Agent{
			Hostname: "h", ShutdownGrace: time.Second, SelfInterval: time.Minute,
			Tags: []sdk.Tag{{Key: "rack", Value: "4"}, {Key: "site", Value: "edge-7"}}, LogLevel: slog.LevelWarn, LogFormat: pipeline.LogText,
		},
		Inputs: []pipeline.Input{{
			Plugin: pipeline.Plugin{
				Name: "meter", Alias: "m", Where: "a.toml:10", Level: slog.LevelDebug,
				Filter: pipeline.Filter{Metrics: []string{"gpu*"}, Fields: []string{"!fan_ratio"}, Tags: map[string][]string{"host": {"a", "b"}}},
			},
			Interval: 100 * time.Millisecond, Jitter: time.Second, Timeout: 2 * time.Second, Tags: []sdk.Tag{{Key: "a", Value: "b"}},
			Processors: []pipeline.Processor{{Plugin: pipeline.Plugin{Name: "peak", Where: "a.toml:18", Level: slog.LevelWarn}}},
		}},
		Processors: []pipeline.Processor{{Plugin: pipeline.Plugin{Name: "average", Where: "a.toml:20", Alias: "z", Level: slog.LevelWarn}}},
		Outputs: []pipeline.Output{{
			Plugin: pipeline.Plugin{Name: "page", Where: "a.toml:22", Level: slog.LevelError},
			Queue:  pipeline.Queue{MaxBytes: 1e6, MaxAge: time.Hour, WhenFull: pipeline.Block}, BatchSize: 7,
			FlushInterval: time.Minute, Timeout: 3 * time.Second, Required: true,
			Processors: []pipeline.Processor{{Plugin: pipeline.Plugin{Name: "peak", Where: "a.toml:30", Level: slog.LevelWarn}}},
		}},
	}, parse(t, `[agent]
hostname = "h"
interval = "10ms"
shutdown_grace = "1s"
http = ""
self_interval = "1m"
log_level = "warn"
tags = { site = "edge-7", rack = "4" }

[[inputs.meter]]
alias = "m"
log_level = "debug"
filter = { metrics = ["gpu*"], fields = ["!fan_ratio"], tags = { host = ["a", "b"] } }
interval = "100ms"
jitter = "1s"
timeout = "2s"
tags = { a = "b" }
[[inputs.meter.processors.peak]]

[[processors.average]]
alias = "z"
[[outputs.page]]
log_level = "error"
queue = { max_age = "1h", when_full = "block" }
batch_size = 7
flush_interval = "1m"
timeout = "3s"
samples = false
required = true
[[outputs.page.processors.peak]]
`))
}

// chain writes the names and lines of processors down.
func chain(list []pipeline.Processor) string {
	var s []string
	for _, p := range list {
		s = append(s, p.Name+strings.TrimPrefix(p.Where, "a.toml"))
	}
	return strings.Join(s, " ")
}

func TestOrderIsThatOfTheFile(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		plan := parse(t, text)
		var got []string
		for _, in := range plan.Inputs {
			got = append(got, fmt.Sprintf("%s(%s)", in.Name, chain(in.Processors)))
		}
		got = append(got, chain(plan.Processors))
		for _, out := range plan.Outputs {
			got = append(got, fmt.Sprintf("%s(%s)", out.Name, chain(out.Processors)))
		}
		if got := strings.Join(got, " | "); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	f("[[processors.peak]]\n[[processors.average]]\n[[processors.peak]]\n[[inputs.meter]]\n[[outputs.page]]\n[[processors.average]]",
		"meter() | peak:1 average:2 peak:3 average:6 | page()")
	f("[[inputs.meter]]\n[[inputs.meter.processors.threshold]]\n[[inputs.meter.processors.average]]\n[[inputs.listener]]\n[[inputs.meter]]\n[[inputs.meter.processors.peak]]\n[[inputs.meter.processors.average]]\n[[outputs.page]]",
		"meter(threshold:2 average:3) | listener() | meter(peak:6 average:7) |  | page()")
	f("[[outputs.page]]\n[[outputs.page.processors.peak]]\nabove = { a = 1 }\n[[outputs.page.processors.average]]\n[[outputs.page]]\n[[outputs.page.processors.average]]\n[[outputs.page.processors.peak]]\n[outputs.page.processors.peak.above]\nb = 2\n[[inputs.meter]]",
		"meter() |  | page(peak:2 average:4) | page(average:6 peak:7)")
	f("[[processors.average]]\n[inputs]\n[[inputs.meter]]\n[[processors.\"peak\"]]\n[[ outputs . page ]]\n[[processors.average]]",
		"meter() | average:1 peak:4 average:6 | page()")
	f("[[processors.average]]\n[[outputs.page]]\n[[inputs.meter]]\n[[inputs.meter]]\ndevices = [\n]\n[[inputs.meter.processors.average]]\n[[processors.peak]]",
		"meter() | meter(average:7) | average:1 peak:8 | page()")
}

func TestFilesMerge(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.toml", "[agent]\ninterval = \"2s\"\ntags.a = \"1\"\n[[inputs.meter]]\n[[processors.peak]]\n")
	write("d/2.toml", "[[processors.average]]\n[[outputs.page]]\n")
	write("d/1.toml", "[agent]\nhostname = \"h\"\ninterval = \"2s\"\n[agent.tags]\na = \"1\"\nb = \"2\"\n[[inputs.meter]]\n[[processors.threshold]]\n")
	write("d/.hidden.toml", "x = 1")
	write("d/notes.txt", "x = 1")
	write("d/sub/3.toml", "x = 1")
	plan, err := Load(fakes(), []string{"main.toml", "d", "d/../main.toml"})
	if err != nil {
		t.Fatal(err)
	}
	if got := chain(plan.Processors); got != "peakmain.toml:5 thresholdd/1.toml:8 averaged/2.toml:1" {
		t.Errorf("processors %s", got)
	}
	if len(plan.Inputs) != 2 || len(plan.Outputs) != 1 || plan.Inputs[1].Interval != 2*time.Second {
		t.Errorf("plan %+v", plan)
	}
	wantTags := []sdk.Tag{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	if diff := cmp.Diff(wantTags, plan.Agent.Tags); diff != "" || plan.Agent.Hostname != "h" {
		t.Errorf("host %q, tags\n%s", plan.Agent.Hostname, diff)
	}
}

func TestReferences(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GPULINE_TEST_A", "alpha")
	t.Setenv("GPULINE_TEST_EMPTY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("s3cret\r\n\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(in, want string) {
		t.Helper()
		text := fmt.Sprintf("[[inputs.meter]]\ntoken = %q\ndevices = [\"0\", %[1]q]\n[[outputs.page]]", in)
		plan, err := Parse(fakes(), filepath.Join(dir, "a.toml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		made, err := plan.Inputs[0].New()
		if err != nil {
			t.Fatal(err)
		}
		config := made.(meter).config
		if got := config.Token.Reveal(); got != want || config.Devices[1] != want {
			t.Errorf("%q became %q and %q, want %q", in, got, config.Devices[1], want)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", config.Token, config), "Token:"+want) {
			t.Errorf("%q prints", in)
		}
	}
	f("plain $ { } text", "plain $ { } text")
	f("${env:GPULINE_TEST_A}", "alpha")
	f("<${env:GPULINE_TEST_A}${env:GPULINE_TEST_EMPTY}-${env:GPULINE_TEST_A}>", "<alpha-alpha>")
	f("$${env:GPULINE_TEST_A}", "${env:GPULINE_TEST_A}")
	f("$$ ${env:GPULINE_TEST_A} $${", "$$ alpha ${")
	f("${file:"+file+"}", "s3cret\r\n")
	f("${file:token}", "s3cret\r\n")
	f("${cred:token}", "s3cret\r\n")
}

func TestNewMakesAFreshInstanceEachTime(t *testing.T) {
	plan := parse(t, "[[inputs.meter]]\ngpus = 3\ntimeout = \"7s\"\n[[outputs.page]]\n[[processors.peak]]\nabove = {a = 1}")
	if plan.Inputs[0].Timeout != 7*time.Second {
		t.Errorf("timeout %v", plan.Inputs[0].Timeout)
	}
	first, err := plan.Inputs[0].New()
	if err != nil {
		t.Fatal(err)
	}
	config := first.(meter).config
	if config.GPUs != 3 || config.Timeout != 7*time.Second || config.Mode != "stream" {
		t.Errorf("configuration %+v", config)
	}
	config.GPUs = 9
	second, err := plan.Inputs[0].New()
	if err != nil || second.(meter).config.GPUs != 3 {
		t.Errorf("second instance %+v, %v", second, err)
	}
	one, _ := plan.Processors[0].New()
	one.(peak).config.Above["a"] = 5
	if two, _ := plan.Processors[0].New(); two.(peak).config.Above["a"] != 1 {
		t.Error("two instances share a map")
	}
}

func TestErrorsUnwrap(t *testing.T) {
	_, err := Parse(fakes(), "a.toml", []byte("[[inputs.meter]]\ngpus = 0\n[[outputs.page]]"))
	var fault Error
	if !errors.As(err, &fault) {
		t.Fatalf("%T", err)
	}
	want := Error{File: "a.toml", Line: 2, Heading: "[[inputs.meter]]", Key: "gpus", Problem: "must be at least 1"}
	if diff := cmp.Diff(want, fault); diff != "" {
		t.Error(diff)
	}
}

func TestTagsOfCommonKeysFit(t *testing.T) {
	for _, config := range []any{&agentKeys{}, &inputKeys{}, &pluginKeys{}, &outputKeys{}} {
		if _, err := sdk.Options(config); err != nil {
			t.Error(err)
		}
	}
}
