// Command webhook is an output for gpuline: it posts events, such as a rule that fires or an XID, to a URL,
// as Slack, Mattermost, Alertmanager's receivers and home-made ones take them.
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
	return sdk.DefineOutput("webhook", "Posts events to a URL.", sample, build)
}
