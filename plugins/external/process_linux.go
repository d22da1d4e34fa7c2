//go:build linux

package external

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeOver keeps standard output for the handshake, and leads everything else that is printed there, by C
// libraries too, to standard error.
func takeOver() error {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.Dup3(2, 1, 0)
	}
	if err != nil {
		return fmt.Errorf("take over standard output: %w", err)
	}
	os.Stdout = os.NewFile(uintptr(fd), "handshake")
	return nil
}

// killGroup kills the process group that the agent has made for us, ourselves included: whatever a plugin
// has started ends with it.
func killGroup() {
	if unix.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}
