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

// programs returns those that have a context of one kind on the GPU. Who may not see them of the whole of a GPU that is
// cut into instances may see those of the instances.
func (d *device) programs(c call) (all []nvml.ProcessInfo) {
	d.ask(c, func() (ret nvml.Return) { all, ret = d.running(c, d.handle); return ret })
	if !d.refused[c] {
		return all
	}
	for _, i := range d.instances {
		var some []nvml.ProcessInfo
		_ = d.try(c, func() (ret nvml.Return) { some, ret = d.running(c, i.handle); return ret })
		for _, p := range some {
			p.GpuInstanceId, p.ComputeInstanceId = uint32(i.gi), uint32(i.ci)
			all = append(all, p)
		}
	}
	return all
}

// running returns the programs that have a context on a GPU, or an instance of it, of one kind.
func (d *device) running(c call, on nvml.Device) ([]nvml.ProcessInfo, nvml.Return) {
	f := d.lib.functions[c]
	all, ret := list(func(to []nvml.ProcessInfo, count *uint32) nvml.Return {
		return f.list(on, count, unsafe.Pointer(&to[0]))
	})
	if len(all) > 0 && !strings.Contains(f.name, "_v") { // the first version's records are shorter
		short := unsafe.Slice((*nvml.ProcessInfo_v1)(unsafe.Pointer(&all[0])), len(all))
		return nvml.ProcessInfo_v1Slice(short).ToProcessInfoSlice(), ret
	}
	return all, ret
}

// used returns what the driver has sampled of processes after a time stamp: by the function that knows all engines or,
// where the driver or the GPU has none, by the one before it.
func (d *device) used(after uint64) (all []nvml.ProcessUtilizationInfo_v1) {
	d.ask(callProcessUse, func() (ret nvml.Return) {
		all, ret = list(func(to []nvml.ProcessUtilizationInfo_v1, count *uint32) nvml.Return {
			return d.lib.functions[callProcessUse].use(d.handle, after, count, unsafe.Pointer(&to[0]))
		})
		return ret
	})
	if !d.refused[callProcessUse] {
		return all
	}
	var old []nvml.ProcessUtilizationSample
	d.ask(callProcessUseOld, func() (ret nvml.Return) {
		old, ret = list(func(to []nvml.ProcessUtilizationSample, count *uint32) nvml.Return {
			return d.lib.functions[callProcessUseOld].oldUse(d.handle, after, count, unsafe.Pointer(&to[0]))
		})
		return ret
	})
	for _, u := range old {
		all = append(all, nvml.ProcessUtilizationInfo_v1{
			TimeStamp: u.TimeStamp, Pid: u.Pid, SmUtil: u.SmUtil, MemUtil: u.MemUtil, EncUtil: u.EncUtil, DecUtil: u.DecUtil,
		})
	}
	return all
}

// list reads a list of a length that the driver knows. It may grow from one call to the next: then it is asked for
// again, with twice the room.
func list[T any](read func(to []T, count *uint32) nvml.Return) ([]T, nvml.Return) {
	for room := uint32(64); ; room *= 2 {
		all, count := make([]T, room), room
		ret := read(all, &count)
		switch {
		case ret == nvml.ERROR_INSUFFICIENT_SIZE && room < 1<<16:
			room = min(max(room, count), 1<<15)
		case ret != nvml.SUCCESS:
			return nil, ret
		default:
			return all[:min(count, room)], ret
		}
	}
}
