package queue

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const lockName = "lock"

// lockFolder takes a queue's folder for this agent, until the file is closed or the process ends.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if err := f.Truncate(0); err == nil { // on a full disk the lock holds without a name in it
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	return f, nil
}

// flock locks a file, and names the process that has it locked.
func flock(f *os.File, how int) error {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return err
	}
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0)
	pid := string(bytes.TrimSpace(text[:n]))
	if pid == "" {
		pid = "unknown"
	}
	return fmt.Errorf("the agent with process id %s has the queue in use", pid)
}
