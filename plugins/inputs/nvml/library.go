//go:build cgo

package nvml

import (
	"errors"
	"fmt"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/dl"
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/inputs/internal/sharedlib"
)

// library is the driver's library, loaded. A function that it lacks would end the process when it is
// called, so every call looks first whether it is missing.
type library struct {
	api       nvml.Interface
	driver    string
	functions [calls]function
}

var (
	// errDriver says that the driver has gone away or was never there: the library must be opened again.
	errDriver = errors.New("the NVIDIA driver does not answer")

	// errVersion says that the driver has been exchanged: a library of another version can be loaded by a
	// new process alone.
	errVersion = errors.New("the NVIDIA driver has been exchanged under the running process")
)

// openLibrary loads and initialises the library. Nothing may be called after an error.
func openLibrary(config string) (*library, error) {
	path := sharedlib.ToLoad(libraryName, config)
	// The loader binds the library's functions for good at their first call, so it must stay where it is
	// when NVML is shut down.
	loaded := dl.New(path, dl.RTLD_LAZY|dl.RTLD_GLOBAL|dl.RTLD_NODELETE)
	if err := loaded.Open(); err != nil {
		if _, missing := Look(config); missing != nil {
			return nil, missing
		}
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	if loaded.Lookup("nvmlInit_v2") != nil && loaded.Lookup("nvmlInit") != nil || loaded.Lookup("nvmlShutdown") != nil {
		return nil, fmt.Errorf("load %s: it has no nvmlInit or no nvmlShutdown: it is not NVML", path)
	}
	l := &library{api: nvml.New(nvml.WithLibraryPath(path))}
	switch ret := l.api.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return nil, fmt.Errorf("initialise NVML: %w: the kernel module nvidia is not loaded (try nvidia-smi)", errDriver)
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return nil, fmt.Errorf("initialise NVML: %w: its library and its kernel module differ: load the new module, or reboot; a container that has the old library has to be started again", errVersion)
	case nvml.ERROR_NO_PERMISSION:
		return nil, errors.New("initialise NVML: no permission: the agent's user needs read and write access to /dev/nvidiactl and /dev/nvidia*")
	case nvml.ERROR_UNKNOWN:
		return nil, fmt.Errorf("initialise NVML: %w: in a container, the runtime may have taken /dev/nvidia* away: start the container again", failure(ret))
	default:
		return nil, fmt.Errorf("initialise NVML: %w", failure(ret))
	}
	if !lookUp(l.api, callDriverVersion.symbols()).missing() {
		l.driver, _ = l.api.SystemGetDriverVersion()
	}
	for c := range calls {
		l.functions[c] = lookUp(l.api, l.symbols(c))
	}
	return l, nil
}

// cudaVersion returns the newest version of CUDA that the driver has, 1000 × major + 10 × minor.
func (l *library) cudaVersion() (int, nvml.Return) {
	if strings.HasSuffix(l.functions[callCUDAVersion].name, "_v2") {
		return l.api.SystemGetCudaDriverVersion_v2()
	}
	return l.api.SystemGetCudaDriverVersion()
}

// before reports whether the driver is older than a version. One whose version cannot be read is not.
func (l *library) before(branch, minor int) bool {
	var b, m int
	if n, _ := fmt.Sscanf(l.driver, "%d.%d", &b, &m); n < 2 {
		return false
	}
	return b < branch || b == branch && m < minor
}

// has reports whether the library has a function.
func (l *library) has(c call) bool { return !l.functions[c].missing() }

func (l *library) close() { _ = l.api.Shutdown() }

// count returns the number of GPUs.
func (l *library) count() (int, error) {
	if !l.has(callCount) || !l.has(callHandle) {
		return 0, errors.New("count GPUs: the driver's library has no function for it")
	}
	n, ret := l.api.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return 0, fmt.Errorf("count GPUs: %w", failure(ret))
	}
	return n, nil
}

// identify returns the handle of the GPU with an index, and who it is.
func (l *library) identify(index int) (handle nvml.Device, id selector.GPU, err error) {
	handle, ret := l.api.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		return nil, id, fmt.Errorf("open GPU %d: %w", index, failure(ret))
	}
	id.Index = fmt.Sprint(index)
	ask := func(c call, read func() nvml.Return) { // what the driver or the GPU has not is absent
		if l.has(c) && (ret == nvml.SUCCESS || final(ret)) {
			ret = read()
		}
	}
	ask(callUUID, func() (ret nvml.Return) { id.UUID, ret = handle.GetUUID(); return ret })
	ask(callName, func() (ret nvml.Return) { id.Name, ret = handle.GetName(); return ret })
	ask(callPCIInfo, func() nvml.Return { // a GPU that is part of a processor has none
		info, ret := handle.GetPciInfo()
		if ret == nvml.SUCCESS {
			id.Bus = fmt.Sprintf("%08X:%02X:%02X.0", info.Domain, info.Bus, info.Device)
		}
		return ret
	})
	if ret != nvml.SUCCESS && !final(ret) {
		return nil, id, fmt.Errorf("identify GPU %d: %w", index, failure(ret))
	}
	return handle, id, nil
}

// failure turns what a call returned into an error. Those that concern the whole driver can be told with
// errors.Is.
func failure(ret nvml.Return) error {
	switch ret {
	case nvml.ERROR_UNINITIALIZED, nvml.ERROR_DRIVER_NOT_LOADED:
		return fmt.Errorf("%w (NVML error %d)", errDriver, int(ret))
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return errVersion
	case nvml.ERROR_GPU_IS_LOST:
		return errors.New("the GPU is lost: it has fallen off the bus")
	case nvml.ERROR_NO_PERMISSION:
		return errors.New("no permission")
	case nvml.ERROR_RESET_REQUIRED:
		return errors.New("the GPU needs a reset")
	case nvml.ERROR_NOT_SUPPORTED:
		return errors.New("not supported")
	}
	return fmt.Errorf("NVML error %d", int(ret))
}
