package launch

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Serve is the main of a child that [Self] has started with [isolate.Command]. The process is to end when
// it returns. The child heeds no signal that asks it to end: it ends with its parent, or when that closes
// its standard input.
func Serve(registry sdk.Registry) error {
	if os.Getenv("GOMAXPROCS") == "" {
		// What a child does is one call after another: with one processor no goroutine wakes a second.
		runtime.GOMAXPROCS(1)
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	stdout, err := takeOver()
	if err != nil {
		return err
	}
	return isolate.Serve(context.Background(), registry, os.Stdin, stdout, os.Stderr)
}
