package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// folder is where a plugin's socket lies. Only the agent's user can enter it. A lock in it says that its agent
// lives, however that may end.
type folder struct {
	path string
	lock *os.File
}

const (
	folderPrefix = "gpuline-"
	lockName     = "lock"
)

// cleaned are the places where this process has looked for folders of agents that have died.
var cleaned sync.Map

// newFolder makes a folder, and removes those that agents have left behind which were killed.
func newFolder() (*folder, error) {
	base, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	if base == "" {
		base = os.TempDir()
	}
	if _, done := cleaned.LoadOrStore(base, true); !done {
		removeDead(base)
	}
	return newFolderIn(base)
}

func newFolderIn(base string) (*folder, error) {
	path, err := os.MkdirTemp(base, folderPrefix) // 0700
	if err != nil {
		return nil, fmt.Errorf("make a folder for a plugin's socket: %w", err)
	}
	f := &folder{path: path}
	if f.lock, err = newLock(path); err != nil {
		f.remove()
		return nil, fmt.Errorf("lock the folder of a plugin's socket: %w", err)
	}
	return f, nil
}

// newLock makes the lock of a folder. It gets its name once it is locked, so that nobody finds it open.
func newLock(path string) (*os.File, error) {
	f, err := os.CreateTemp(path, lockName) // 0600
	if err != nil {
		return nil, err
	}
	if err = tryLock(f); err == nil {
		err = os.Rename(f.Name(), filepath.Join(path, lockName))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *folder) remove() {
	_ = os.RemoveAll(f.path)
	if f.lock != nil {
		_ = f.lock.Close()
	}
}

// removeDead removes the folders in base whose agents have died.
func removeDead(base string) {
	list, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, entry := range list {
		if path := filepath.Join(base, entry.Name()); strings.HasPrefix(entry.Name(), folderPrefix) && isOwnFolder(path) {
			removeUnlocked(path)
		}
	}
}

// removeUnlocked removes a folder whose lock nobody holds. One that has no lock is none of ours, or not ready.
func removeUnlocked(path string) {
	lock, err := openLock(filepath.Join(path, lockName))
	if err != nil {
		return
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	if tryLock(lock) == nil {
		_ = os.RemoveAll(path) // follows no link
	}
}
