// Command energy is a processor for gpuline: it computes what energy a request to the inference server
// costs, of the GPUs' energy counters and the server's counters of requests.
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
	return sdk.DefineProcessor("energy", "Energy per request of the inference server.", sample, build)
}
