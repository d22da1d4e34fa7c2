// Package nvidiasmi is the input that reads NVIDIA GPUs through nvidia-smi, which every driver brings
// along: without cgo, without a library, and in a process of its own, so that a driver that hangs takes
// nothing else with it.
//
// It has three modes. "stream" runs one long-lived nvidia-smi that prints a row per GPU and interval;
// "query" runs a short one per tick; "xml" reads all that nvidia-smi knows, per tick. The first two read
// the full document too, now and then, for what changes seldom.
package nvidiasmi

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Config is the table [[inputs.nvidia_smi]].
type Config struct {
	Mode         string        `toml:"mode" doc:"How to run nvidia-smi: one that stays and prints rows, one short query a tick, or one full document a tick." default:"stream" enum:"stream|query|xml"`
	BinPath      string        `toml:"bin_path" doc:"The program: a path, or a name that is looked up in PATH." default:"nvidia-smi"`
	Devices      []string      `toml:"devices" doc:"GPUs to read, by index, UUID or PCI bus id; all where empty."`
	Query        []string      `toml:"query" doc:"Readings to ask for in the modes stream and query, by our names or nvidia-smi's; a good set where empty."`
	InfoInterval time.Duration `toml:"info_interval" doc:"How often the modes stream and query read the full document, for processes, MIG instances, settings and error counters; 0 is never." default:"60s"`
	Processes    int           `toml:"processes" doc:"Processes reported for each GPU at most, the greatest users of memory first; 0 is none." default:"32" min:"0" max:"1024"`
}

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	d := sdk.DefineInput("nvidia_smi", "NVIDIA GPUs through nvidia-smi: utilisation, memory, power, temperature, clocks, throttling, errors", sample, New)
	d.Common = map[string]any{"timeout": "30s"}
	return d
}

// New returns the input of the configured mode: an [sdk.Reader] for "stream", an [sdk.Gatherer] for the
// others.
func New(c *Config) (any, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Mode == modeStream || c.Mode == "" {
		return newStream(c), nil
	}
	return newPoll(c), nil
}

const (
	modeStream = "stream"
	modeXML    = "xml"
)

// Foresee returns what nvidia-smi may tell.
func (c *Config) Foresee(sdk.Outlook) (sdk.Outlook, []sdk.Fault) {
	return vocabulary.From(vocabulary.SourceNvidiaSMI), nil
}

// Validate checks the lists.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	for i, name := range c.Query {
		slot, ok := lookup(name)
		switch {
		case !ok:
			faults.Add(fmt.Sprintf("%q is no reading", name), nearReading(name), "query", strconv.Itoa(i))
		case readings[slot].CSV == "":
			faults.Add(fmt.Sprintf("nvidia-smi cannot be asked for %q alone", name), "leave it out: the full document has it", "query", strconv.Itoa(i))
		}
	}
	for i, id := range c.Devices {
		if !validDevice(id) {
			faults.Add(fmt.Sprintf("%q names no GPU", id), `write an index ("0"), a UUID ("GPU-…") or a PCI bus id ("00000000:3b:00.0")`, "devices", strconv.Itoa(i))
		}
	}
	if c.InfoInterval < 0 {
		faults.Add("is negative", "", "info_interval")
	}
	return faults.Err()
}

func validDevice(id string) bool {
	if _, err := strconv.ParseUint(id, 10, 16); err == nil {
		return true
	}
	if rest, ok := strings.CutPrefix(id, "GPU-"); ok {
		return rest != "" && strings.Trim(rest, "0123456789abcdefABCDEF-") == ""
	}
	return strings.Count(id, ":") >= 1 && strings.Trim(id, "0123456789abcdefABCDEF:.") == ""
}

// What is asked for unless `query` says otherwise: what changes from moment to moment. The full document
// has the rest.
var defaultQuery = []string{
	"utilization_ratio", "memory_activity_ratio", "encoder_ratio", "decoder_ratio",
	"memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes", "memory_total_bytes",
	"power_watts", "power_average_watts", "power_limit_watts",
	"temperature_celsius", "memory_temperature_celsius", "temperature_margin_celsius", "fan_ratio",
	"clock_sm_hertz", "clock_memory_hertz", "clock_graphics_hertz", "pstate", "throttle_reasons",
	"throttle_sw_power_seconds", "throttle_sw_thermal_seconds", "throttle_hw_thermal_seconds",
	"throttle_power_brake_seconds", "throttle_sync_boost_seconds",
	"ecc_corrected_errors", "ecc_uncorrected_errors", "recovery_action",
}

// wanted returns the slots of the readings to ask for, in the order of the configuration.
func (c *Config) wanted() []int {
	names := c.Query
	if len(names) == 0 {
		names = defaultQuery
	}
	var wanted []int
	var seen set
	for _, name := range names {
		if slot, ok := lookup(name); ok && !seen.has(slot) {
			seen.add(slot)
			wanted = append(wanted, slot)
		}
	}
	return wanted
}
