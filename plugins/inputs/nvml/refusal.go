//go:build cgo

package nvml

import "github.com/NVIDIA/go-nvml/pkg/nvml"

// note tells of a call that failed: to the log not more often than each repeatAfter.
func (d *device) note(c call, ret nvml.Return) {
	denied := ret == nvml.ERROR_NO_PERMISSION || ret == nvml.ERROR_OPERATING_SYSTEM
	failed := ret != nvml.SUCCESS && !final(ret) && !nothing(ret) && !d.lost && d.broken == nil
	if !denied && !failed {
		return
	}
	if failed {
		d.costs.failed.Add(1)
	}
	now := d.clock().wall
	if d.told[c] > 0 && now-d.told[c] < int64(repeatAfter) {
		return
	}
	d.told[c] = now
	if denied {
		d.env.Log.Warn("the driver does not permit a call", "call", c.name(), "gpu", d.id.Index)
		return
	}
	d.env.Log.Warn("a call failed", "call", c.name(), "gpu", d.id.Index, "err", failure(ret))
}

// final reports whether the same call will not succeed on the same GPU, as it is.
func final(ret nvml.Return) bool {
	switch ret {
	case nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_FUNCTION_NOT_FOUND, nvml.ERROR_DEPRECATED,
		nvml.ERROR_ARGUMENT_VERSION_MISMATCH, nvml.ERROR_NO_PERMISSION, nvml.ERROR_VGPU_ECC_NOT_SUPPORTED,
		nvml.ERROR_OPERATING_SYSTEM: // what a sandbox does not let through
		return true
	}
	return false
}

// unknown reports whether a GPU has not what was asked for by number. An older driver calls that an invalid argument;
// without a number it is the GPU that is not valid, for a while.
func unknown(ret nvml.Return) bool { return final(ret) || ret == nvml.ERROR_INVALID_ARGUMENT }

// forget makes the GPU be asked again for all that it has refused: it is another one after a reset, and where it
// was cut into instances or is whole again.
func (d *device) forget() {
	d.refused, d.dead, d.noClock = [calls]bool{}, [len(ringKinds)]bool{}, [nvml.CLOCK_COUNT]bool{}
	for _, s := range [...]*fieldSet{&d.powerField, &d.normalFields, &d.traffic.fields, &d.slowFields, &d.infoFields} {
		s.readings = append(s.readings[:0], s.all...)
		for i := range s.all {
			if s.all[i].wraps {
				s.all[i].count.restart()
			}
		}
	}
	d.stopProfiling()
	d.begun = false
}

// nothing reports whether the driver has nothing to say at this moment.
func nothing(ret nvml.Return) bool {
	return ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_NO_DATA || ret == nvml.ERROR_NOT_READY
}
