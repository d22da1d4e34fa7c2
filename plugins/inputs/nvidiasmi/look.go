package nvidiasmi

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
)

// Look returns where nvidia-smi is, without running it: path itself where it contains a slash, else the
// first executable of that name in PATH. An empty path stands for "nvidia-smi".
func Look(path string) (found string, err error) {
	if path == "" {
		path = defaultPath
	}
	found, err = exec.LookPath(path)
	switch {
	case err == nil, errors.Is(err, exec.ErrDot):
		return found, nil
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("look for %q in PATH: it is not there: install the NVIDIA driver, or set `bin_path`", path)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("look for %s: there is no such file: set `bin_path` to where nvidia-smi is, or leave it out to search PATH", path)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("look for %s: it cannot be executed by the agent's user: %w", path, err)
	}
	return "", fmt.Errorf("look for nvidia-smi: %w", err)
}

const defaultPath = "nvidia-smi"
