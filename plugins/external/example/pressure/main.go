// Command pressure is an input for gpuline: it tells whether the host starves its GPUs. It reads what the
// kernel says of processes that wait for processor, memory and disk (/proc/pressure), and, of the inference
// server, how much processor time it gets and how long it waits for one.
package main

import (
	_ "embed"

	"github.com/gpuline/gpuline/plugins/external"
	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

func main() { external.Serve("1.0.0", definition()) }

func definition() sdk.Definition {
	return sdk.DefineInput("pressure", "What the host's processes wait for, and what the inference server gets.", sample, build)
}
