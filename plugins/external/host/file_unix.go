//go:build unix

package host

import (
	"fmt"
	"os"
	"syscall"
)

// verifyOwner checks that only root and the agent's user can change the file or the folder at path.
func verifyOwner(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if info.Mode()&os.ModeSymlink == 0 {
		sticky := info.IsDir() && info.Mode()&os.ModeSticky != 0 // as /tmp: others cannot replace what is in it
		if info.Mode().Perm()&0o022 != 0 && !sticky {
			return permanent("%s can be changed by its group or by everybody: chmod go-w %s", path, path)
		}
	}
	if stat.Uid != 0 && int(stat.Uid) != os.Getuid() {
		return permanent("%s belongs to user %d, who could change the plugin: it must belong to root or to the agent's user %d", path, stat.Uid, os.Getuid())
	}
	return nil
}

// identity tells whether a file is still the same one.
func identity(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprint(stat.Dev, stat.Ino, info.Size(), info.ModTime().UnixNano(), info.Mode(), stat.Uid)
}
