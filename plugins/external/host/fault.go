package host

import (
	"errors"
	"fmt"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// permanent is a fault that trying again does not mend: somebody must change the file, its rights or the
// configuration.
func permanent(format string, args ...any) error {
	return sdk.Permanent(fmt.Errorf(format, args...))
}

var (
	errDown   = errors.New("the plugin is not running; it will be restarted")
	errClosed = errors.New("the plugin is closed")
	errBusy   = errors.New("the call before has not returned")
	errWire   = errors.New("the plugin breaks the protocol")
)

// accountError says that a plugin has lost count of rows, which would show in the ledger.
type accountError struct {
	in, out int
	tally   sdk.Tally
}

func (e *accountError) Error() string {
	return fmt.Sprintf("%v: of %d rows that went in and %d added it gives back %d, %d dropped, %d merged and %d filtered",
		errWire, e.in, e.tally.Added, e.out, e.tally.Dropped(), e.tally.Merged, e.tally.Filtered)
}

func (e *accountError) Unwrap() error { return errWire }
