package ruletest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/cmd/gpuline/ruletest"
	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hot has a rule on samples, one on a window's results, one on events and one that no data concerns.
const hot = `
[[processors.average]]
period = "10s"

[[processors.threshold]]
  [[processors.threshold.rules]]
  name = "thermal"
  when = "temperature_celsius > 80C"
  for = "20s"
  clear = "temperature_celsius < 75C"
  [[processors.threshold.rules]]
  name = "busy"
  when = "utilization_ratio_mean > 90%"
  [[processors.threshold.rules]]
  name = "xid"
  metric = "gpu_event"
  when = 'event == "xid"'
  [[processors.threshold.rules]]
  name = "replays"
  when = "pcie_replays_rate > 1"
`

// run writes a file of rules and one of tests, runs all tests, and returns what is not as expected.
func run(t *testing.T, rules, tests string) []string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.toml"), []byte(rules))
	name := filepath.Join(dir, "x.test.toml")
	write(t, name, []byte("rules = [\"rules.toml\"]\n"+tests))
	write(t, filepath.Join(dir, "trace.lp"), []byte(trace))
	write(t, filepath.Join(dir, "trace.lp.gz"), zipped(t, trace))
	write(t, filepath.Join(dir, "bad.lp"), []byte("gpu x=1 1\ngpu x\n"))
	write(t, filepath.Join(dir, "empty.lp"), nil)

	file, err := conf.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	without := func(err error) []string {
		return strings.Split(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), "\n")
	}
	var c ruletest.Config
	if err := file.Configure(&c); err != nil {
		return without(err)
	}
	processors, err := conf.Processors(all.Plugins(), c.Files(dir))
	if err != nil {
		return without(err)
	}
	chain := ruletest.Chain{Registry: all.Plugins(), Processors: processors}
	names, err := chain.Rules()
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Locate(c.Check(dir, names)); err != nil {
		return without(err)
	}
	var got []string
	for i := range c.Tests {
		failures, err := chain.Run(t.Context(), &c.Tests[i], dir)
		if err != nil {
			got = append(got, without(err)...)
		}
		for _, f := range failures {
			got = append(got, fmt.Sprintf("%d: %s", f.Index, f.Text))
		}
	}
	return got
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// trace is 30 s of a GPU that is hot from the fifth second on, with what an agent has said of it.
var trace = func() string {
	var b strings.Builder
	for s := range 31 {
		celsius := 70
		if s >= 5 {
			celsius = 85
		}
		fmt.Fprintf(&b, "gpu,gpu_index=0,gpu_uuid=GPU-1,host=node7 temperature_celsius=%d %d000000000\n", celsius, 1000+s)
	}
	fmt.Fprintln(&b, "gpu_threshold,gpu_index=0,gpu_uuid=GPU-1,host=node7,rule=replays active=1i 1030000000000")
	return b.String()
}()

// samples begins a test of two GPUs: GPU 0 is hot from 10 s to 39 s, GPU 1 never.
const samples = `
[[tests]]
name = "x"
interval = "1s"
  [[tests.samples]]
  tags = { gpu_index = "0" }
  fields = { temperature_celsius = "70x9 81x28 74x9", utilization_ratio = "0.5x9 0.95x9 0.5x29" }
  [[tests.samples]]
  tags = { gpu_index = "1" }
  fields = { temperature_celsius = "70x48" }
  [[tests.samples]]
  metric = "gpu_event"
  tags = { gpu_index = "1", event = "xid", code = "79" }
  fields = { value = "_x5 79" }
`

func expect(lines ...string) string {
	return "  [[tests.expect]]\n" + strings.Join(lines, "\n") + "\n"
}

func TestExpectations(t *testing.T) {
	f := func(expectation string, want ...string) {
		t.Helper()
		lines := strings.Split(expectation, "; ")
		if d := cmp.Diff(want, run(t, hot, samples+expect(lines...))); d != "" {
			t.Errorf("%s: -want +got\n%s", expectation, d)
		}
	}
	const gpu0 = `; tags = { gpu_index = "0" }`
	const never = " (never active)"
	const history = " (active from 30s to 39s)"
	// To the sample, both ends of a span.
	f(`at = "29s"; rule = "thermal"; active = false`)
	f(`at = "30s"; rule = "thermal"; active = true` + gpu0)
	f(`at = "38.9s"; rule = "thermal"; active = true` + gpu0)
	f(`at = "39s"; rule = "thermal"; active = false`)
	f(`at = "29.9s"; rule = "thermal"; active = true`+gpu0, "0: at 29.9s rule thermal of gpu_index=0 is clear, want active"+history)
	f(`at = "30s"; rule = "thermal"; active = false`, "0: at 30s rule thermal of gpu_index=0 is active, want clear"+history)
	f(`at = "30s"; rule = "thermal"; active = true`, "0: at 30s rule thermal of gpu_index=1 is clear, want active"+never)
	// Spans.
	f(`at = "30s"; until = "38s"; rule = "thermal"; active = true` + gpu0)
	f(`at = "0s"; until = "29s"; rule = "thermal"; active = false` + gpu0)
	f(`at = "30s"; until = "39s"; rule = "thermal"; active = true`+gpu0, "0: from 30s to 39s rule thermal of gpu_index=0 is clear at times, want active"+history)
	f(`at = "0s"; until = "30s"; rule = "thermal"; active = false`+gpu0, "0: from 0s to 30s rule thermal of gpu_index=0 is active at times, want clear"+history)
	f(`at = "39s"; until = "1h"; rule = "thermal"; active = false` + gpu0)
	// A window's results, each at its end, and with the tag rule_window.
	f(`at = "19s"; rule = "busy"; active = false` + gpu0)
	f(`at = "20s"; rule = "busy"; active = true; tags = { rule_window = "10s" }`)
	f(`at = "30s"; rule = "busy"; active = false` + gpu0)
	f(`at = "9s"; rule = "busy"; active = false`, "0: at 9s rule busy has not been evaluated, want clear (by then nothing has come that it reads)")
	f(`at = "30s"; rule = "busy"; active = false; tags = { rule_window = "60s" }`,
		"0: at 30s rule busy of rule_window=60s has not been evaluated, want clear (no series has these tags)")
	// An event's rule lasts for max_gap, whose end no row of its series tells.
	f(`at = "4s"; rule = "xid"; active = false; evaluated = false`)
	f(`at = "6s"; until = "35s"; rule = "xid"; active = true`,
		"0: from 6s to 35s rule xid of code=79,event=xid,gpu_index=1 is clear at times, want active (active from 5s to 35s)")
	f(`at = "35s"; rule = "xid"; active = false`)
	f(`at = "5s"; rule = "xid"; active = true; evaluated = false`, "x.test.toml:20: `tests.expect.evaluated`: a rule that is active has been evaluated: leave one of them out")
	// All rules.
	f(`at = "0s"; until = "4s"; rule = "*"; active = false`)
	f(`at = "40s"; until = "1h"; rule = "*"; active = false`)
	f(`at = "5s"; rule = "*"; active = false`, "0: at 5s rule xid of code=79,event=xid,gpu_index=1 is active, want clear (active from 5s to 35s)")
	// No rule may pass because nothing has reached it.
	f(`at = "40s"; rule = "replays"; active = false; evaluated = false`)
	f(`at = "40s"; rule = "replays"; active = false`, "0: at 40s rule replays has not been evaluated, want clear (by then nothing has come that it reads)")
	f(`at = "40s"; rule = "thermal"; active = false; tags = { gpu_index = "7" }`,
		"0: at 40s rule thermal of gpu_index=7 has not been evaluated, want clear (no series has these tags)")
	f(`at = "40s"; rule = "thermal"; active = false; evaluated = false`,
		"0: at 40s rule thermal of gpu_index=0 has been evaluated, want none of it (from 0s)",
		"0: at 40s rule thermal of gpu_index=1 has been evaluated, want none of it (from 0s)")
}

func TestTraces(t *testing.T) {
	f := func(test string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, run(t, hot, "[[tests]]\nname = \"x\"\n"+test)); d != "" {
			t.Errorf("%s: -want +got\n%s", test, d)
		}
	}
	for _, name := range []string{"trace.lp", "trace.lp.gz"} {
		f(fmt.Sprintf("trace = %q\n", name) +
			expect(`at = "24s"`, `rule = "thermal"`, `active = false`) +
			expect(`at = "25s"`, `rule = "thermal"`, `active = true`, `tags = { host = "node7", gpu_uuid = "GPU-1" }`) +
			expect(`at = "59s"`, `rule = "thermal"`, `active = true`) + // the last row is at 30 s
			expect(`at = "60s"`, `rule = "thermal"`, `active = false`) +
			expect(`at = "60s"`, `rule = "replays"`, `active = false`, `evaluated = false`)) // in the trace alone
	}
	f("trace = \"trace.lp\"\nstart = \"1970-01-01T00:16:30Z\"\n"+expect(`at = "35s"`, `rule = "thermal"`, `active = true`)+
		expect(`at = "34s"`, `rule = "thermal"`, `active = true`),
		"1: at 34s rule thermal of gpu_index=0 is clear, want active (active from 35s to 1m10s)")
	f("trace = \"bad.lp\"\n"+expect(`at = "0s"`, `rule = "thermal"`, `active = false`),
		`msg="bad line left out" plugin=inputs.replay at=bad.lp:2:6 err="want '=' after field key \"x\", found '\\n'"`)
	f("trace = \"empty.lp\"\n"+expect(`at = "0s"`, `rule = "thermal"`, `active = false`), "there is not one row in its data")
}
