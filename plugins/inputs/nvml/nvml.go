// Package nvml is the input that production hosts use: it reads NVIDIA GPUs through the driver's own
// library, at the driver's own resolution. The driver keeps ring buffers of power, utilisation and clocks;
// draining them gives every sample that it took, whatever the interval. Counters of energy, throttling and
// traffic say exactly what happened between two calls. Cheap calls are made often and dear ones rarely.
//
// The library is loaded at run time (libnvidia-ml.so.1, with cgo), so that the program runs where there is
// no driver and says so. Each call is made only where the driver has the function.
//
// A call into a driver may hang for ever. By default the calls are made in a child process, see package
// isolate; in it, a [rota] goes on without the GPU that hangs.
package nvml

import (
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Config is the table [[inputs.nvml]].
type Config struct {
	Devices        []string      `toml:"devices" doc:"GPUs to read, by index, UUID, PCI bus id or a glob of the name, or with ! not to read; all where empty."`
	NormalInterval time.Duration `toml:"normal_interval" doc:"How often memory, temperature, throttle and traffic counters are read; 0s is the interval, but not below 1s." default:"0s"`
	SlowInterval   time.Duration `toml:"slow_interval" doc:"How often processes, fans, the PCIe link, error counters and settings are read." default:"30s" min:"1s"`
	GPMInterval    time.Duration `toml:"gpm_interval" doc:"How often the profiling metrics of Hopper and later are read: each is the mean since the reading before. 0s is never; the driver needs 100ms." default:"1s"`
	IdleInterval   time.Duration `toml:"idle_interval" doc:"How often a GPU that has been idle for 30 s is read, so that the host can sleep; 0s is as often as others." default:"0s" min:"0s"`
	Processes      int           `toml:"processes" doc:"Processes reported for each GPU at most, the greatest users of memory first; 0 is none." default:"32" min:"0" max:"1024"`
	Isolate        bool          `toml:"isolate" doc:"Make the calls in a child process, so that a driver that hangs is replaced, and a driver upgrade survived." default:"true"`
	Library        string        `toml:"library" doc:"Path of libnvidia-ml.so.1, where the loader does not find it."`
}

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("nvml", "NVIDIA GPUs through the driver's library: every sample that the driver took, exact energy, profiling, events", sample, New)
}

// Foresee returns what the driver may tell.
func (c *Config) Foresee(sdk.Outlook) (sdk.Outlook, []sdk.Fault) {
	return vocabulary.From(vocabulary.SourceNVML), nil
}

// Validate checks what single values cannot tell.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	for i, id := range c.Devices {
		if _, err := selector.New([]string{id}); err != nil {
			faults.Add(err.Error(), selector.Remedy, "devices", strconv.Itoa(i))
		}
	}
	if c.NormalInterval < 0 {
		faults.Add("is negative", "", "normal_interval")
	}
	if c.GPMInterval != 0 && c.GPMInterval < leastGPMInterval {
		faults.Add(fmt.Sprintf("%v is too short: the driver needs %v between two readings", c.GPMInterval, leastGPMInterval), `write "100ms" or more, or "0s" for never`, "gpm_interval")
	}
	return faults.Err()
}

const leastGPMInterval = 100 * time.Millisecond

// tiers are the intervals of a configuration for an input that is read so often.
type tiers struct{ fast, normal, slow, gpm, idle time.Duration }

func (c *Config) tiers(interval time.Duration) tiers {
	t := tiers{fast: interval, normal: c.NormalInterval, slow: c.SlowInterval, gpm: c.GPMInterval, idle: c.IdleInterval}
	if t.fast <= 0 {
		t.fast = time.Second
	}
	if t.normal == 0 {
		t.normal = max(t.fast, time.Second)
	}
	t.normal, t.slow = max(t.normal, t.fast), max(t.slow, t.fast)
	if t.gpm > 0 {
		t.gpm = max(t.gpm, t.fast)
	}
	return t
}
