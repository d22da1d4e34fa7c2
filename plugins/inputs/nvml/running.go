//go:build cgo

package nvml

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// symbols returns the names of a function in this driver's library. Drivers 535.43 to 535.86 wrote longer records
// into the lists of processes that end in _v3 than drivers before and after them: past the end of ours.
func (l *library) symbols(c call) []string {
	names := c.symbols()
	if (c == callCompute || c == callGraphics) && !l.before(535, 43) && l.before(535, 98) {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_v3") })
	}
	return names
}

// running returns the programs that have a context on the GPU, of one kind.
func (d *device) running(c call) ([]nvml.ProcessInfo, nvml.Return) {
	f := d.lib.functions[c]
	for room := uint32(32); ; room *= 2 {
		all, count := make([]nvml.ProcessInfo, room), room
		ret := f.list(d.handle, &count, unsafe.Pointer(&all[0]))
		switch {
		case ret == nvml.ERROR_INSUFFICIENT_SIZE && room < 1<<16:
			room = max(room, count) // and more may come meanwhile
			continue
		case ret != nvml.SUCCESS:
			return nil, ret
		}
		count = min(count, room)
		if !strings.Contains(f.name, "_v") { // the first version's records are shorter
			short := unsafe.Slice((*nvml.ProcessInfo_v1)(unsafe.Pointer(&all[0])), count)
			return nvml.ProcessInfo_v1Slice(short).ToProcessInfoSlice(), ret
		}
		return all[:count], ret
	}
}
