package nvml

import (
	"errors"

	"github.com/gpuline/gpuline/plugins/inputs/internal/sharedlib"
)

const libraryName = "libnvidia-ml.so.1"

// Look returns where the driver's library is, without loading it: path itself where it is given.
func Look(path string) (found string, err error) {
	if !withCgo {
		return "", errNoCgo
	}
	return sharedlib.Find(libraryName, path, "the driver's library", "install the NVIDIA driver")
}

var errNoCgo = errors.New("this binary was built without cgo, which NVML needs: take the build with cgo, or inputs.nvidia_smi")
