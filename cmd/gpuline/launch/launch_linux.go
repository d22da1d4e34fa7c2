package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

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

// drowsy calls start, which starts a child, with a timer slack of half a millisecond: the child's threads inherit it, and
// may wake up that much late. During a call into C, Go's monitor thread wakes up every 20 µs; with the slack it does so
// seldom enough to cost little.
func drowsy(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	usual, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err == nil && unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(childSlack), 0, 0, 0) == nil {
		defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(usual), 0, 0, 0) }()
	}
	return start()
}

const childSlack = 500 * time.Microsecond
