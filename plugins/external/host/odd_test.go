package host_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestOddResult: what an external processor makes that is no finite number does not come back: twice 1e308 is
// infinite. It is counted.
func TestOddResult(t *testing.T) {
	a := newAgent(t)
	a.script(sdktest.Step{Text: "a x=1e308 1\na x=2 2\na x=3 3\ndrop y=1 4"})
	a.processor("double", nil, nil)
	sink := a.sink()
	a.start()
	l := a.end(false)
	lines := slices.DeleteFunc(sink.Lines(), func(line string) bool { return line[0] != 'a' })
	want := sdktest.Lines("a,host=testhost x=1e+308 1 absorbed\na,host=testhost x=2,twice=4 2 absorbed\na,host=testhost x=3,twice=6 3 absorbed")
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got\n%s\n%s", diff, l.String())
	}
	invalid := -1.0
	for total := range a.engine.Totals() {
		for _, tag := range total.Tags {
			if total.Name == "gpuline_invalid_values_total" && tag.Value == "processors.external.double" {
				invalid = total.Value
			}
		}
	}
	if invalid != 1 {
		t.Errorf("%v values were counted, want 1", invalid)
	}
}
