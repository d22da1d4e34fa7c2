package main

import (
	"github.com/gpuline/gpuline/plugins/inputs/nvidiasmi"
	"github.com/gpuline/gpuline/plugins/inputs/nvml"
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

// gpuSources lists them, the better ones first.
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

// finding is what became of the search for a source.
type finding struct {
	gpuSource
	Found string
	Err   error
}

// bestSource returns the first source that is there, or the last one where none is.
func bestSource() *gpuSource {
	for i := range gpuSources {
		if _, err := gpuSources[i].Look(); err == nil {
			return &gpuSources[i]
		}
	}
	return &gpuSources[len(gpuSources)-1]
}

// lookForGPUs searches for all sources.
func lookForGPUs() []finding {
	var all []finding
	for _, s := range gpuSources {
		found, err := s.Look()
		all = append(all, finding{s, found, err})
	}
	return all
}
