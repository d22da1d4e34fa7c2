package sdk

import "io"

// Launch starts the running program once more, as a child process, with the given arguments. The child is
// of the same version, also when another has been installed meanwhile. It inherits the environment, the
// working folder and the user, and no open file but its three pipes; it leads a process group of its own.
// Launch may be called from any goroutine.
type Launch func(args ...string) (*Child, error)

// Child is a process that a [Launch] has started. Who called Launch owns it, closes the three pipes, and
// sees to it that the process ends: the child of a program that is killed learns it only from the end of
// its standard input.
type Child struct {
	PID    int
	Stdin  io.WriteCloser
	Stdout io.ReadCloser // closing a pipe ends a Read or Write of it that waits
	Stderr io.ReadCloser

	// Kill sends SIGKILL to the child's whole process group, and returns at once. A process that hangs in
	// a driver lives on until the driver lets it go.
	Kill func() error

	// Exited is closed once the process has ended and has been waited for.
	Exited <-chan struct{}

	// Err says how the process ended: nil for status 0. It is valid once Exited is closed.
	Err func() error
}
