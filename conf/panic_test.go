package conf

import (
	"fmt"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestPluginThatPanicsOverItsTable: a reload must not end the agent.
func TestPluginThatPanicsOverItsTable(t *testing.T) {
	registry := append(fakes(), sdk.DefineOutput("rash", "Panics.", "",
		func(*noConfig) (sdk.Output, error) { panic("boom") }))
	_, err := Parse(registry, "a.toml", []byte("[[inputs.meter]]\n[[outputs.rash]]\n[[outputs.page]]\nx = 1\n"))
	want := "a.toml:2: [[outputs.rash]]: the plugin is faulty: it panicked: boom\na.toml:4: unknown key `x` in [[outputs.page]]: `gpuline plugins docs` lists the keys"
	if got := fmt.Sprint(err); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// rashConfig panics where it is to say what metrics there will be.
type rashConfig struct{}

func (*rashConfig) Foresee(sdk.Outlook) (sdk.Outlook, []sdk.Fault) { panic("boom") }

func TestPluginThatPanicsOverWhatComes(t *testing.T) {
	registry := append(fakes(), sdk.DefineProcessor("rash", "Panics.", "",
		func(*rashConfig) (sdk.Processor, error) { return peak{}, nil }))
	plan, err := Parse(registry, "a.toml", []byte("[[inputs.meter]]\n[[processors.rash]]\n[[outputs.page]]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "[a.toml:2: [[processors.rash]]: the plugin is faulty: it panicked: boom]"
	if got := fmt.Sprint(plan.Warnings); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
