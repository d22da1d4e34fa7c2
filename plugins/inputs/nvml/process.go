//go:build cgo

package nvml

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/internal/container"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

var (
	processMemory   = vocabulary.Field(vocabulary.Process, "memory_used_bytes")
	processSM       = vocabulary.Field(vocabulary.Process, "sm_ratio")
	processActivity = vocabulary.Field(vocabulary.Process, "memory_activity_ratio")
	processEncoder  = vocabulary.Field(vocabulary.Process, "encoder_ratio")
	processDecoder  = vocabulary.Field(vocabulary.Process, "decoder_ratio")
	processJPEG     = vocabulary.Field(vocabulary.Process, "jpeg_ratio")
	processOFA      = vocabulary.Field(vocabulary.Process, "ofa_ratio")
)

// processes is what is known of the programs that use a GPU.
type processes struct {
	series map[processKey]*sdk.Series
	seen   uint64 // time stamp of the newest utilisation sample read, in the driver's microseconds
}

type processKey struct {
	pid    uint32
	gi, ci uint32
	kind   string // "C", "G" or "C+G"
}

// What the driver says where a process is in no MIG instance, or its memory is not known.
const (
	noInstance    = 0xffffffff
	unknownMemory = 0xffffffffffffffff
)

type processUse struct {
	key    processKey
	memory uint64
}

// reportProcesses adds a row for each process, the greatest users of memory first.
func (d *device) reportProcesses(at int64) {
	limit := d.config.Processes
	if limit == 0 {
		return
	}
	var list []processUse
	add := func(c call, kind string) {
		for _, p := range d.programs(c) {
			key := processKey{p.Pid, p.GpuInstanceId, p.ComputeInstanceId, kind}
			if !d.cut { // where there are none, some drivers call them 0
				key.gi, key.ci = noInstance, noInstance
			}
			i := slices.IndexFunc(list, func(u processUse) bool { return u.key.pid == key.pid && u.key.gi == key.gi && u.key.ci == key.ci })
			switch {
			case p.Pid == 0: // an entry that was not written
			case i < 0:
				list = append(list, processUse{key, p.UsedGpuMemory})
			case list[i].key.kind != kind:
				list[i].key.kind = "C+G"
			}
		}
	}
	add(callCompute, "C")
	add(callGraphics, "G")
	known := func(m uint64) uint64 {
		if m == unknownMemory {
			return 0
		}
		return m
	}
	slices.SortStableFunc(list, func(a, b processUse) int { return -cmp.Compare(known(a.memory), known(b.memory)) })
	list = list[:min(len(list), limit)]

	use := d.processUse()
	before := d.processes.series
	d.processes.series = make(map[processKey]*sdk.Series, len(list))
	for _, p := range list {
		s := before[p.key]
		if s == nil || s.Left() {
			s = d.batch.Series(vocabulary.Process, d.processTags(p.key)...)
		}
		d.processes.series[p.key] = s
		u, busy := use[p.key.pid]
		if p.memory == unknownMemory && !busy {
			continue // nothing to say of it
		}
		m := d.batch.Add(s, at)
		if p.memory != unknownMemory {
			m.Set(processMemory, sdk.IntValue(int64(p.memory)))
		}
		if busy {
			d.percent(m, processSM, u.SmUtil)
			d.percent(m, processActivity, u.MemUtil)
			d.percent(m, processEncoder, u.EncUtil)
			d.percent(m, processDecoder, u.DecUtil)
			if !d.refused[callProcessUse] {
				d.percent(m, processJPEG, u.JpgUtil)
				d.percent(m, processOFA, u.OfaUtil)
			}
		}
	}
}

// processUse returns the newest utilisation sample of each process, of those taken since the last time.
func (d *device) processUse() map[uint32]nvml.ProcessUtilizationInfo_v1 {
	all := d.used(d.processes.seen)
	newest := make(map[uint32]nvml.ProcessUtilizationInfo_v1, len(all))
	for _, u := range all {
		if u.TimeStamp > d.processes.seen && u.TimeStamp >= newest[u.Pid].TimeStamp {
			newest[u.Pid] = u
		}
	}
	for u := range maps.Values(newest) {
		d.processes.seen = max(d.processes.seen, u.TimeStamp)
	}
	return newest
}

func (d *device) processTags(k processKey) []sdk.Tag {
	tags := d.tags
	if k.gi != noInstance {
		tags = instanceTags(tags, int(k.gi), int(k.ci))
	}
	pid := strconv.FormatUint(uint64(k.pid), 10)
	id, pod := container.Of(container.Proc, pid)
	return append(slices.Clip(tags),
		sdk.Tag{Key: vocabulary.TagPID, Value: pid},
		sdk.Tag{Key: vocabulary.TagProcess, Value: programOf(container.Proc, pid)},
		sdk.Tag{Key: vocabulary.TagType, Value: k.kind},
		sdk.Tag{Key: vocabulary.TagContainer, Value: id},
		sdk.Tag{Key: vocabulary.TagPod, Value: pod})
}
