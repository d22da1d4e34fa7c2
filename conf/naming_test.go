package conf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

type namingConfig struct {
	Vocabulary string `toml:"vocabulary" doc:"Whose names." enum:"dcgm|telegraf" required:"true"`
}

type renamer struct {
	peak
	vocabulary string
}

func withNaming() sdk.Registry {
	return append(fakes(), sdk.DefineProcessor("naming", "Renames.", "", func(c *namingConfig) (sdk.Processor, error) {
		return renamer{vocabulary: c.Vocabulary}, nil
	}))
}

func TestNaming(t *testing.T) {
	f := func(output string, want ...string) {
		t.Helper()
		plan, err := Parse(withNaming(), "a.toml", []byte("[[inputs.meter]]\n[[processors.peak]]\n[[outputs.page]]\nlog_level = \"error\"\n"+output))
		if err != nil {
			t.Errorf("%s: %v", output, err)
			return
		}
		var got []string
		for _, p := range plan.Outputs[0].Processors {
			made, err := p.New()
			if err != nil {
				t.Fatal(err)
			}
			name := p.Name
			if r, ok := made.(renamer); ok {
				name += " " + r.vocabulary + " " + p.Alias + " " + p.Where + " " + p.Level.String()
				if d := cmp.Diff(pipeline.Filter{}, p.Filter); d != "" {
					t.Errorf("%s: the output's filter hides from the processor: %s", output, d)
				}
			}
			got = append(got, name)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", output, d)
		}
		if got := chain(plan.Processors); got != "peak:2" {
			t.Errorf("%s: the top has the processors %s", output, got)
		}
	}
	f("")
	f("naming = \"dcgm\"", "naming dcgm page a.toml:3 ERROR")
	f("naming = \"telegraf\"\nalias = \"x\"", "naming telegraf x a.toml:3 ERROR")
	f("naming = \"dcgm\"\nfilter.metrics = [\"DCGM_*\"]", "naming dcgm page a.toml:3 ERROR")
	f("naming = \"dcgm\"\n[[outputs.page.processors.average]]\n[[outputs.page.processors.peak]]", "average", "peak", "naming dcgm page a.toml:3 ERROR")
}

func TestFaultsOfNaming(t *testing.T) {
	f := func(registry sdk.Registry, text string, want ...string) {
		t.Helper()
		_, err := Parse(registry, "a.toml", []byte("[[inputs.meter]]\n[[outputs.page]]\n"+text))
		if err == nil {
			t.Errorf("%s: no fault", text)
			return
		}
		if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
			t.Errorf("%s: -want +got\n%s", text, d)
		}
	}
	f(withNaming(), "naming = \"dgcm\"", "a.toml:3: `naming` in [[outputs.page]]: must be one of \"dcgm\", \"telegraf\": did you mean `dcgm`?")
	f(withNaming(), "naming = 1", "a.toml:3: `naming` in [[outputs.page]]: must be a string, not an integer: write it in quotes")
	f(fakes(), "naming = \"dcgm\"", "a.toml:3: `naming` in [[outputs.page]]: needs the processor naming, which this binary does not have")
	f(withNaming(), "[[outputs.page.processors.peak]]\nnaming = \"dcgm\"", "a.toml:4: unknown key `naming` in [[outputs.page.processors.peak]]: `gpuline plugins docs` lists the keys")
}
