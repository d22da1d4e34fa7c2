// Package host runs plugins that are programs of their own: [[inputs.external]], [[processors.external]]
// and [[outputs.external]].
//
// Each instance is a process in a process group of its own, and one stream of the plugin protocol. A life
// starts the process, replaces it when it crashes, hangs or grows too large, and ends it; what the engine
// calls is a thin layer on the life's session, the stream of the moment. No call waits longer than its
// context or its deadline, whatever the plugin does.
//
// Goroutines: one for each life; for each process one that waits for it, two that follow its output, and
// two for its stream, which receive and send. All are joined by Close, except that an input's session whose
// batches have not all been acknowledged lives on for a while, so that the acks still reach the plugin: Settle
// waits for that.
package host
