package nvidiasmi

import (
	"cmp"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// Look returns where nvidia-smi is, without running it: path itself where it contains a slash, else the
// first executable of that name in PATH. An empty path stands for "nvidia-smi".
func Look(path string) (found string, err error) {
	return child.Look(program, cmp.Or(path, program), "install the NVIDIA driver")
}

const program = "nvidia-smi"
