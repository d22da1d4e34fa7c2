package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
)

// Look returns where a program is, without running it: path itself where it contains a slash, else the
// first executable of that name in PATH. name is what messages call it, and install the first half of
// their remedy, such as "install the NVIDIA driver"; the other half is the key `bin_path`.
func Look(name, path, install string) (found string, err error) {
	found, err = exec.LookPath(path)
	switch {
	case err == nil, errors.Is(err, exec.ErrDot):
		return found, nil
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("look for %q in PATH: it is not there: %s, or set `bin_path`", path, install)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("look for %s: there is no such file: set `bin_path` to where %s is, or leave it out to search PATH", path, name)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("look for %s: it cannot be executed by the agent's user: %w", path, err)
	}
	return "", fmt.Errorf("look for %s: %w", name, err)
}
