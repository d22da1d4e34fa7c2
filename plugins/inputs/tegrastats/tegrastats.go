// Package tegrastats is the input that reads the GPU of an NVIDIA Jetson, and what stands on the chip
// beside it: CPU cores, engines, power rails, thermal zones. NVML and nvidia-smi are absent there, or have
// no reading to give.
//
// It runs one long-lived tegrastats, which prints a line per interval, and takes from /sys what the line
// lacks. Where there is no tegrastats, as in most containers, it reads /sys alone. Readings bear the same
// names as those of a card, so that rules and dashboards hold for both.
package tegrastats

import (
	_ "embed"
	"path/filepath"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Config is the table [[inputs.tegrastats]].
type Config struct {
	Mode    string `toml:"mode" doc:"How to read: auto runs tegrastats where it is there, and reads /sys where it is not." default:"auto" enum:"auto|tegrastats|sysfs"`
	BinPath string `toml:"bin_path" doc:"The program: a path, or a name that is looked up in PATH." default:"tegrastats"`
	Root    string `toml:"root" doc:"Folder that holds the host's sys, proc and etc: another one than / where a container has them mounted elsewhere." default:"/"`
}

const (
	modeAuto       = "auto"
	modeTegrastats = "tegrastats"
	modeSysfs      = "sysfs"
)

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("tegrastats", "The GPU, engines, CPU cores, power rails and temperatures of an NVIDIA Jetson", sample,
		func(c *Config) (any, error) { return New(c) })
}

// New returns the input.
func New(c *Config) (*Input, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Input{config: c}, nil
}

// Foresee returns what a Jetson may tell.
func (c *Config) Foresee(sdk.Outlook) (sdk.Outlook, []sdk.Fault) {
	return vocabulary.From(vocabulary.SourceTegrastats), nil
}

// Validate checks what tags cannot say.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	if c.BinPath == "" {
		faults.Add("is empty", "leave it out to search PATH", "bin_path")
	}
	if !filepath.IsAbs(c.Root) {
		faults.Add("is no absolute path", `write "/" or the folder where the host's is mounted`, "root")
	}
	return faults.Err()
}
