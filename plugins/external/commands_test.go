package external

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/author"
	"github.com/gpuline/gpuline/plugins/sdk"
)

type testConfig struct {
	Period time.Duration `toml:"period" doc:"Length." default:"10s" min:"1s"`
}

type testInput struct{}

func (testInput) Gather(context.Context, *sdk.Batch) error { return nil }

// TestCommands starts the program by hand.
func TestCommands(t *testing.T) {
	one := sdk.DefineInput("clock", "Tells the time.", "[[inputs.external]]\n", func(*testConfig) (any, error) { return testInput{}, nil })
	two := sdk.DefineInput("other", "Tells nothing.", "", func(*struct{}) (any, error) { return testInput{}, nil })
	file := filepath.Join(t.TempDir(), "own.toml")
	if err := os.WriteFile(file, []byte(`period = "5s"`), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(registry sdk.Registry, line, stdin string, status int, stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		c := commands{
			name: "plugin", service: &author.Service{Version: "1.0.0", Registry: registry},
			in: strings.NewReader(stdin), out: &out, err: &errs,
		}
		if got := c.run(strings.Fields(line)); got != status {
			t.Errorf("%q: status %d, want %d", line, got, status)
		}
		if out.String() != stdout || !strings.Contains(errs.String(), stderr) || (stderr == "") != (errs.Len() == 0) {
			t.Errorf("%q: stdout %q, stderr %q; want %q and %q", line, out.String(), errs.String(), stdout, stderr)
		}
	}
	single, both := sdk.Registry{one}, sdk.Registry{one, two}
	f(single, "", "", 2, "", "This program is a plugin of gpuline, which starts it: see [[inputs.external]]")
	f(single, "run", "", 2, "", "plugin check FILE [PLUGIN]")
	f(both, "describe", "", 0, "inputs.clock\tTells the time.\tversion 1.0.0, protocol 1\ninputs.other\tTells nothing.\tversion 1.0.0, protocol 1\n", "")
	f(both, "sample clock", "", 0, "[[inputs.external]]\n", "")
	f(both, "sample clok", "", 1, "", `there is no plugin "clok"; there are inputs.clock, inputs.other`)
	f(single, "docs", "", 0, "## inputs.clock\n\nTells the time.\n\n| key | type | default | unit | meaning |\n|---|---|---|---|---|\n"+
		"| `period` | duration | `\"10s\"` |  | Length. At least 1s. |\n", "")
	f(single, "check", "", 2, "", "By hand it answers to")
	f(single, "check "+file, "", 0, "ok\n", "")
	f(single, "check -", `perid = "5s"`, 1, "", "standard input: `perid`: unknown key: did you mean `period`?")
	f(single, "check -", `period = 5`, 1, "", "standard input: `period`: is not a duration: write it as \"5s\"")
	f(single, "check -", `period =`, 1, "", "standard input: toml: line 1")
	f(both, "check -", "", 1, "", "which plugin? there are inputs.clock, inputs.other")
	f(both, "check - inputs.other", "", 0, "ok\n", "")
	f(single, "check missing", "", 1, "", "no such file")
}
