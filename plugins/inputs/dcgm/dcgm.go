// Package dcgm is the input that reads NVIDIA GPUs through DCGM, for hosts where DCGM runs already and for
// what it alone knows: profiling counters of cards before Hopper, health watches, policies, and which pod
// holds a GPU. It has three ways in and says the same in each:
//
//   - "hostengine": DCGM's client library. nv-hostengine samples; each read takes all that it has sampled since,
//     with its own time stamps. It needs cgo and libdcgm.so.4.
//   - "exporter": the page of dcgm-exporter.
//   - "dmon": one dcgmi dmon that stays and prints rows.
//
// A fleet turns what any of them brings into rows: it knows the GPUs by UUID, takes names, units and kinds
// from the vocabulary, drops DCGM's blank values, and follows what becomes an event.
package dcgm

import (
	_ "embed"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/scrape"
	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// Config is the table [[inputs.dcgm]].
type Config struct {
	Mode    string   `toml:"mode" doc:"How DCGM is reached: through its client library, through dcgm-exporter's page, or through a dcgmi that stays." default:"hostengine" enum:"hostengine|exporter|dmon"`
	Devices []string `toml:"devices" doc:"GPUs to read, by index, UUID, PCI bus id or a glob of the name, or with ! not to read; all where empty."`
	Fields  []string `toml:"fields" doc:"Readings, by our names, DCGM's or DCGM's field ids, in the modes hostengine and dmon; a good set where empty."`

	Address string `toml:"address" doc:"Where nv-hostengine listens, in the modes hostengine and dmon: a host, host:port, unix:///path, or in the mode hostengine embedded, for one within the agent." default:"localhost:5555"`

	SampleInterval    time.Duration `toml:"sample_interval" doc:"How often the hostengine samples what changes from moment to moment, in the mode hostengine; 0s is the interval." default:"0s" min:"0s"`
	ProfilingInterval time.Duration `toml:"profiling_interval" doc:"How often it samples the profiling fields, 1001 to 1012: 100ms or more. 0s is never." default:"1s" min:"0s"`
	SlowInterval      time.Duration `toml:"slow_interval" doc:"How often it samples error counters, limits and links." default:"30s" min:"1s"`
	Keep              time.Duration `toml:"keep" doc:"How long the hostengine keeps samples for the agent to fetch, in the mode hostengine." default:"60s" min:"1s"`
	Health            bool          `toml:"health" doc:"Turn the hostengine's health watches on, and make events of what they find, in the mode hostengine." default:"true"`
	Policies          bool          `toml:"policies" doc:"Make events of violations of the policies that an operator has set in DCGM, in the mode hostengine." default:"true"`
	Isolate           bool          `toml:"isolate" doc:"Call DCGM's library in a child process, in the mode hostengine." default:"true"`
	Library           string        `toml:"library" doc:"Path of libdcgm.so.4, where the loader does not find it."`

	URL      string   `toml:"url" doc:"dcgm-exporter's page, in the mode exporter." default:"http://127.0.0.1:9400/metrics"`
	Counters string   `toml:"counters" doc:"dcgm-exporter's counters file: its fields that are not in docs/metrics.md become the measurement dcgm, with the types that it gives."`
	Labels   []string `toml:"labels" doc:"Labels of the page to keep as tags, besides pod, namespace and container."`
	HostTag  string   `toml:"host_tag" doc:"Whose name the tag host bears in the mode exporter: the page's label Hostname, or the agent's. auto is the label where the URL leads to another host." default:"auto" enum:"auto|label|agent"`
	MaxBody  sdk.Size `toml:"max_body" doc:"Bytes of a page, decompressed; a larger one is refused." default:"16MiB" min:"1KiB" max:"1GiB"`
	scrape.Access

	BinPath string `toml:"bin_path" doc:"The program dcgmi, in the mode dmon: a path, or a name that is looked up in PATH." default:"dcgmi"`
}

const (
	modeHostengine = "hostengine"
	modeExporter   = "exporter"
	modeDmon       = "dmon"
)

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("dcgm", "NVIDIA GPUs through DCGM: hostengine, dcgm-exporter or dcgmi dmon; profiling, health, policies, pods", sample, New)
}

// New returns the input of the configured mode: an [sdk.Gatherer] for "exporter", an [sdk.Reader] for the
// others.
func New(c *Config) (any, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch c.Mode {
	case modeExporter:
		return newExporter(c), nil
	case modeDmon:
		return newDmon(c), nil
	}
	return newHostengine(c)
}
