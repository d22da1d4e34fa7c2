package main

import (
	"fmt"
	"slices"

	"github.com/gpuline/gpuline/plugins/inputs/dcgm"
	"github.com/gpuline/gpuline/plugins/inputs/nvidiasmi"
	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	"github.com/gpuline/gpuline/plugins/inputs/tegrastats"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// gpuSource is an input that reads this host's GPUs, if what it reads them through is there.
type gpuSource struct {
	Input string // the plugin's name
	// Look says where what it reads through is, or what was looked for, and which settings lead there. It runs
	// nothing.
	Look  func() (found, settings string, err error)
	Reads func(*vocabulary.Reading) bool // whether it gives the reading, on a card that has it

	Sampling string // settings for windows: often
	Polling  string // settings for an exporter: everything at one instant, seldom
}

// gpuSources lists those of any host, the better ones first.
var gpuSources = []gpuSource{
	{
		Input: "nvml",
		Look:  func() (found, settings string, err error) { found, err = nvml.Look(""); return found, "", err },
		Reads: func(r *vocabulary.Reading) bool { return r.NVML != "" },
		Sampling: `# How often the driver's ring buffers are drained: every sample that the driver took comes out.
interval = "100ms"
# devices = ["0", "1"]
`,
		Polling: `# As often as dcgm-exporter; the counters and the driver's rings miss nothing in between.
interval = "1s"
`,
	},
	{
		Input: "nvidia_smi",
		Look:  func() (found, settings string, err error) { found, err = nvidiasmi.Look(""); return found, "", err },
		Reads: func(r *vocabulary.Reading) bool { return r.XML != "" || r.Name == "memory_used_ratio" },
		Sampling: `# A shorter interval sees shorter bursts, and takes more of the driver's time: its calls wait for each
# other, and for those of the applications.
interval = "100ms"
# devices = ["0", "1"]
`,
		Polling: `# A full document of nvidia-smi at dcgm-exporter's interval. For bursts, read in mode = "stream" each "100ms".
mode = "xml"
interval = "30s"
`,
	},
	{
		Input: "dcgm",
		Look: func() (found, settings string, err error) {
			f, err := dcgm.Look()
			if settings = fmt.Sprintf("mode = %q\n", f.Mode); f.Other != "" {
				settings += f.Other + "\n"
			}
			return f.What, settings, err
		},
		Reads: func(r *vocabulary.Reading) bool { return r.DCGM.ID != 0 },
		Sampling: `# How often what DCGM has sampled is fetched.
interval = "1s"
# How often it samples, in the mode hostengine: all of it comes out.
# sample_interval = "100ms"
# devices = ["0", "1"]
`,
		Polling: `# As often as dcgm-exporter.
interval = "30s"
`,
	},
}

// jetsonSource reads the GPU of a Jetson. There it is the best one: the driver's library and nvidia-smi, where
// a release of Jetson Linux brings them along, know the GPU's name and say N/A to most of the rest.
var jetsonSource = gpuSource{
	Input: "tegrastats",
	Look:  func() (found, settings string, err error) { found, err = tegrastats.Look(); return found, "", err },
	Reads: func(r *vocabulary.Reading) bool { return r.Tegra != "" },
	Sampling: `# How often tegrastats prints a line.
interval = "100ms"
`,
	Polling: `# As often as an exporter is asked, or oftener: a line costs little.
interval = "1s"
`,
}

// onJetson reports whether this host is one.
var onJetson = tegrastats.IsJetson

// sources lists what to look for on this host, the better ones first. Elsewhere than on a Jetson, nobody
// needs to be told that it is none.
func sources() []gpuSource {
	if onJetson() {
		return append([]gpuSource{jetsonSource}, gpuSources...)
	}
	return gpuSources
}

// finding is what became of the search for a source.
type finding struct {
	gpuSource
	Found string
	Err   error
}

// bestSource returns the first source that is there, or nvidia-smi, which every driver brings along, where none
// is.
func bestSource() *gpuSource {
	found := lookForGPUs()
	i := slices.IndexFunc(found, func(f finding) bool { return f.Err == nil })
	if i < 0 {
		i = slices.IndexFunc(found, func(f finding) bool { return f.Input == "nvidia_smi" })
	}
	return &found[i].gpuSource
}

// lookForGPUs searches for all sources.
func lookForGPUs() []finding {
	var all []finding
	for _, s := range sources() {
		found, settings, err := s.Look()
		if err == nil {
			s.Sampling, s.Polling = settings+s.Sampling, settings+s.Polling
		}
		all = append(all, finding{s, found, err})
	}
	return all
}
