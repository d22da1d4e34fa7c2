//go:build cgo

package nvml

import (
	"slices"
	"strconv"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// instance is a MIG instance of a GPU.
type instance struct {
	handle nvml.Device
	gi, ci int
	uuid   string // "" before it is known
	tags   []sdk.Tag
	series *sdk.Series
	gpm    *gpmPair // nil where there is none
}

func instanceTags(gpu []sdk.Tag, gi, ci int) []sdk.Tag {
	return append(slices.Clip(gpu),
		sdk.Tag{Key: vocabulary.TagGI, Value: strconv.Itoa(gi)},
		sdk.Tag{Key: vocabulary.TagCI, Value: strconv.Itoa(ci)})
}

func (i *instance) row(d *device, at int64) *sdk.Metric {
	if i.series == nil || i.series.Left() {
		i.series = d.batch.Series(vocabulary.GPU, i.tags...)
	}
	return d.batch.Add(i.series, at)
}

// findInstances looks for the MIG instances of a GPU that is cut into some. Those that are known stay as
// they are.
func (d *device) findInstances() {
	var mode, n int
	known := d.ask(callMIGMode, func() (ret nvml.Return) { mode, _, ret = d.handle.GetMigMode(); return ret })
	if !known && !d.refused[callMIGMode] {
		return // it may be as it was
	}
	cut := known && mode == nvml.DEVICE_MIG_ENABLE
	if cut != d.cut {
		d.cut = cut
		d.forget()
	}
	if !cut || !d.ask(callMIGCount, func() (ret nvml.Return) { n, ret = d.handle.GetMaxMigDeviceCount(); return ret }) {
		d.setInstances(nil)
		return
	}
	var found []*instance
	for index := range n {
		i := new(instance)
		// NOT_FOUND is a gap: instances keep their index when others are destroyed.
		if d.try(callMIGHandle, func() (ret nvml.Return) { i.handle, ret = d.handle.GetMigDeviceHandleByIndex(index); return ret }) != nvml.SUCCESS ||
			d.try(callGI, func() (ret nvml.Return) { i.gi, ret = i.handle.GetGpuInstanceId(); return ret }) != nvml.SUCCESS ||
			d.try(callCI, func() (ret nvml.Return) { i.ci, ret = i.handle.GetComputeInstanceId(); return ret }) != nvml.SUCCESS {
			continue
		}
		if k := slices.IndexFunc(d.instances, func(o *instance) bool { return o.gi == i.gi && o.ci == i.ci }); k >= 0 {
			d.instances[k].handle = i.handle
			i = d.instances[k]
		} else {
			i.tags = instanceTags(d.tags, i.gi, i.ci)
		}
		d.identify(i)
		found = append(found, i)
	}
	d.setInstances(found)
}

// moved reports whether an instance's handle has become another's: the driver may give it away when instances come and
// go.
func (d *device) moved(i *instance) bool {
	var id int
	return d.try(callGI, func() (ret nvml.Return) { id, ret = i.handle.GetGpuInstanceId(); return ret }) == nvml.SUCCESS && id != i.gi ||
		d.try(callCI, func() (ret nvml.Return) { id, ret = i.handle.GetComputeInstanceId(); return ret }) == nvml.SUCCESS && id != i.ci
}

// identify asks for the UUID of an instance, by which containers are given it. One that is made where another was may
// have another.
func (d *device) identify(i *instance) {
	var uuid string
	if d.try(callUUID, func() (ret nvml.Return) { uuid, ret = i.handle.GetUUID(); return ret }) != nvml.SUCCESS || uuid == i.uuid {
		return
	}
	i.uuid = uuid
	if d.due[tierInfo] > 0 { // else all of gpu_info follows at once
		i.inform(d)
	}
}

func (i *instance) inform(d *device) {
	if i.uuid != "" {
		vocabulary.AddInfo(d.batch, i.tags, d.clock().wall).Set(infoField("mig_uuid"), sdk.StringValue(i.uuid))
	}
}

func (d *device) setInstances(next []*instance) {
	for _, i := range d.instances {
		if !slices.Contains(next, i) {
			d.freePair(i.gpm)
		}
	}
	d.instances = next
}
