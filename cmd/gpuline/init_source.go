package main

import (
	"github.com/gpuline/gpuline/plugins/inputs/nvidiasmi"
	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	"github.com/gpuline/gpuline/plugins/inputs/tegrastats"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// gpuSource is an input that reads this host's GPUs, if what it reads them through is there.
type gpuSource struct {
	Input string                           // the plugin's name
	Look  func() (found string, err error) // says where that is, or what was looked for; runs nothing
	Reads func(*vocabulary.Reading) bool   // whether it gives the reading, on a card that has it

	Sampling string // settings for windows: often
	Polling  string // settings for an exporter: everything at one instant, seldom
}

// gpuSources lists those of any host, the better ones first.
var gpuSources = []gpuSource{
	{
		Input: "nvml",
		Look:  func() (string, error) { return nvml.Look("") },
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
		Look:  func() (string, error) { return nvidiasmi.Look("") },
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
}

// jetsonSource reads the GPU of a Jetson. There it is the best one: the driver's library and nvidia-smi, where
// a release of Jetson Linux brings them along, know the GPU's name and say N/A to most of the rest.
var jetsonSource = gpuSource{
	Input: "tegrastats",
	Look:  tegrastats.Look,
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

// bestSource returns the first source that is there, or the last one where none is.
func bestSource() *gpuSource {
	all := sources()
	for i := range all {
		if _, err := all[i].Look(); err == nil {
			return &all[i]
		}
	}
	return &all[len(all)-1]
}

// lookForGPUs searches for all sources.
func lookForGPUs() []finding {
	var all []finding
	for _, s := range sources() {
		found, err := s.Look()
		all = append(all, finding{s, found, err})
	}
	return all
}
