package tegrastats

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// Look returns what a Jetson's GPU would be read through: tegrastats, or a folder below /sys. It runs
// nothing. On a host that is no Jetson it fails, whatever is in PATH.
func Look() (found string, err error) { return lookBelow("/") }

func lookBelow(root string) (found string, err error) {
	if !isTegra(root) {
		return "", fmt.Errorf("look for an NVIDIA Jetson: %s names another machine", filepath.Join(root, "proc/device-tree"))
	}
	found, err = look(program)
	if err == nil {
		return found, nil
	}
	y := openSysfs(root)
	there := y.hasGPU()
	if err := y.close(); err != nil {
		return "", fmt.Errorf("look for a Jetson's GPU: %w", err)
	}
	if !there {
		return "", err
	}
	return filepath.Join(root, "sys"), nil
}

func look(path string) (found string, err error) {
	return child.Look(program, path, "install nvidia-l4t-tools")
}

// isTegra reports whether the kernel runs on a Tegra chip: by the device tree or, where a container hides
// that, by the description of the chip.
func isTegra(root string) bool {
	compatible, err := os.ReadFile(filepath.Join(root, "proc/device-tree/compatible")) //nolint:gosec // a path of the kernel's
	if err == nil {
		return bytes.Contains(compatible, []byte("nvidia,tegra"))
	}
	return textOf(filepath.Join(root, "sys/devices/soc0/family")) == "Tegra"
}
