// Package external is how a program becomes a plugin of gpuline: its main is one call of [Serve], with the
// definitions that a built-in plugin would put into a registry.
//
//	func main() {
//		external.Serve("1.0.0", sdk.DefineInput("pressure", "What the host's processes wait for.", sample, build))
//	}
//
// Everything else is package sdk: the plugin implements a Gatherer, a Reader, a Processor or an Output, its
// configuration is a struct with tags, and its tests are those of package sdktest. In the agent's file it
// stands as
//
//	[[inputs.external]]
//	path   = "/usr/local/lib/gpuline/plugins/pressure"
//	[inputs.external.config]
//	period = "10s"
//
// and a misspelt key under config gets the message that one of a built-in would get, since the schema
// travels to the agent.
//
// The agent runs each instance as a process of its own. There Env has no HTTP mux and no totals, and the
// environment is empty but for what the operator allows. What the plugin logs, by Env.Log or by package
// slog, arrives in the agent's log under the plugin's name; so does what it prints. A plugin that crashes,
// hangs or grows beyond its memory is restarted. A batch for an output is gone only when Write has returned
// nil: one that was on its way is written again after a restart.
//
// Started by hand, the program answers to describe, check, sample and docs.
package external
