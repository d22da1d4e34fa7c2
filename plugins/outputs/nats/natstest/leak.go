package natstest

import "go.uber.org/goleak"

// Leaks are the goroutines that a server of this version leaves behind where it is stopped while it makes a
// store: they are not the plugins'.
func Leaks() []goleak.Option {
	const server = "github.com/nats-io/nats-server/v2/server"
	return []goleak.Option{
		goleak.IgnoreAnyFunction(server + "/ats.Register.func1"),
		goleak.IgnoreAnyFunction(server + ".(*fileStore).flushStreamStateLoop"),
	}
}
