package launch

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// self names the file of the running program: the very file, also where the path leads to a newer one.
func self() (string, error) { return "/proc/self/exe", nil }

// takeOver returns standard output for the messages to the parent, and leads what libraries print there to
// standard error. It also gives the process back its name, which is that of the file it was started from.
func takeOver() (*os.File, error) {
	_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.Dup3(2, 1, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("take over standard output: %w", err)
	}
	return os.NewFile(uintptr(fd), "messages"), nil
}
