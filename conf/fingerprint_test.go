package conf

import (
	"strings"
	"testing"

	"github.com/gpuline/gpuline/pipeline"
)

// TestFingerprintsTellWhatChanged holds what a reload goes by.
func TestFingerprintsTellWhatChanged(t *testing.T) {
	t.Setenv("CANARY", "canary-1")
	load := func(text string) *pipeline.Plan {
		t.Helper()
		plan, err := Parse(fakes(), "a.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	const text = `
[[inputs.meter]]
gpus = 4
[[inputs.meter.processors.peak]]
period = "1s"
[[processors.peak]]
period = "10s"
[[outputs.store]]
url = "${env:CANARY}"
[[outputs.store.processors.peak]]
period = "20s"
`
	base := load(text)
	f := func(old, replacement string, input, under, processor, output bool) {
		t.Helper()
		other := load(strings.Replace(text, old, replacement, 1))
		got := [4]bool{
			base.Inputs[0].Fingerprint != other.Inputs[0].Fingerprint,
			base.Inputs[0].Processors[0].Fingerprint != other.Inputs[0].Processors[0].Fingerprint,
			base.Processors[0].Fingerprint != other.Processors[0].Fingerprint,
			base.Outputs[0].Fingerprint != other.Outputs[0].Fingerprint,
		}
		if want := [4]bool{input, under, processor, output}; got != want {
			t.Errorf("%q -> %q changes %v, want %v", old, replacement, got, want)
		}
	}
	f("gpus = 4", "gpus = 4 # four", false, false, false, false)
	f("gpus = 4", "gpus = 5", true, false, false, false)
	f("gpus = 4", "gpus = 4\nalias = \"m\"", true, false, false, false)
	f(`"1s"`, `"2s"`, false, true, false, false)
	f(`"10s"`, `"11s"`, false, false, true, false)
	f(`"20s"`, `"21s"`, false, false, false, true)
	t.Setenv("CANARY", "canary-2")
	f("", "", false, false, false, true)
	if strings.Contains(base.Outputs[0].Fingerprint, "canary") {
		t.Error("a fingerprint tells a secret")
	}
}
