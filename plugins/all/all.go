// Package all names every plugin that is built into gpuline. A vendor who builds a binary of their own
// appends to the list.
package all

import (
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/inputs/dcgm"
	"github.com/gpuline/gpuline/plugins/inputs/listener"
	inputnats "github.com/gpuline/gpuline/plugins/inputs/nats"
	"github.com/gpuline/gpuline/plugins/inputs/nvidiasmi"
	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	scrape "github.com/gpuline/gpuline/plugins/inputs/prometheus"
	"github.com/gpuline/gpuline/plugins/inputs/replay"
	"github.com/gpuline/gpuline/plugins/inputs/simulate"
	"github.com/gpuline/gpuline/plugins/inputs/tegrastats"
	"github.com/gpuline/gpuline/plugins/outputs/influxdb"
	outputnats "github.com/gpuline/gpuline/plugins/outputs/nats"
	"github.com/gpuline/gpuline/plugins/outputs/prometheus"
	"github.com/gpuline/gpuline/plugins/outputs/stdout"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/kubernetes"
	"github.com/gpuline/gpuline/plugins/processors/naming"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/processors/threshold"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Plugins returns the built-in plugins, in the order in which they are listed, and those that run other
// programs.
func Plugins() sdk.Registry {
	builtin := sdk.Registry{
		nvml.Definition(),
		nvidiasmi.Definition(),
		dcgm.Definition(),
		tegrastats.Definition(),
		scrape.Definition(),
		listener.Definition(),
		inputnats.Definition(),
		replay.Definition(),
		simulate.Definition(),

		average.Definition(),
		kubernetes.Definition(),
		naming.Definition(),
		peak.Definition(),
		threshold.Definition(),

		influxdb.Definition(),
		outputnats.Definition(),
		prometheus.Definition(),
		stdout.Definition(),
	}
	return append(builtin, host.Definitions()...)
}
