package tegrastats

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// Look returns what a Jetson's GPU would be read through: tegrastats, or a folder below /sys. It runs
// nothing. On a host that is no Jetson it fails, whatever is in PATH.
func Look() (found string, err error) { return lookBelow("/") }

func lookBelow(root string) (found string, err error) {
	if !isTegra(root) {
		return "", fmt.Errorf("look for an NVIDIA Jetson: %s names another machine", deviceTree(root, "compatible")[0])
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

// IsJetson reports whether the host is a Jetson, or another machine with a Tegra chip.
func IsJetson() bool { return isTegra("/") }

func look(path string) (found string, err error) {
	return child.Look(program, path, "install nvidia-l4t-tools")
}

// isTegra reports whether the kernel runs on a Tegra chip: by the device tree or, where a container hides
// that, by the description of the chip.
func isTegra(root string) bool {
	if names := compatible(root); len(names) > 0 {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "nvidia,tegra") })
	}
	return textOf(filepath.Join(root, "sys/devices/soc0/family")) == "Tegra"
}
