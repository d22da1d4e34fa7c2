package nvidiasmi

import (
	"slices"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/container"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// device is what the fleet remembers of one GPU.
type device struct {
	index, uuid, label, bus string
	tags                    []sdk.Tag

	lost bool
	seen int   // the round that named it last
	last int64 // time of its last row

	onsets   vocabulary.Onsets
	ecc      vocabulary.ECC
	recovery vocabulary.Recovery

	own       *sdk.Series // of gpu
	instances map[string]*sdk.Series
	processes map[string]*processSeries

	info [sources]struct { // what was last said in gpu_info, by where it came from
		print uint64
		at    int64
	}
}

// gpu_info has two sources, which know different fields.
const (
	fromRow = iota
	fromDocument
	sources
)

// infoPeriod is how often gpu_info is said again where nothing has changed.
const infoPeriod = int64(5 * time.Minute)

// name takes over what an identity tells, and makes new tags where something has changed.
func (d *device) name(id identity) {
	changed := update(&d.index, id.index)
	changed = update(&d.uuid, id.uuid) || changed
	changed = update(&d.label, id.name) || changed
	changed = update(&d.bus, id.bus) || changed
	if !changed {
		return
	}
	d.tags = vocabulary.Device{
		UUID: d.uuid, Index: d.index, Name: d.label, PCIBusID: d.bus, Source: vocabulary.SourceNvidiaSMI,
	}.Tags()
	d.own, d.instances, d.processes = nil, nil, nil
	d.info[fromRow].at, d.info[fromDocument].at = 0, 0
}

func update(s *string, text []byte) bool {
	if text == nil || *s == string(text) {
		return false
	}
	old := *s
	*s = clean(text)
	return *s != old
}

func (d *device) series(b *sdk.Batch) *sdk.Series {
	if d.own == nil {
		d.own = b.Series(vocabulary.GPU, d.tags...)
	}
	return d.own
}

// stamp keeps the times of a GPU's rows apart when several come in one piece.
func (d *device) stamp(at int64) int64 {
	d.last = max(at, d.last+1)
	return d.last
}

// reportInfo adds gpu_info where it is new, has changed, or was last said long ago.
func (d *device) reportInfo(b *sdk.Batch, s *sheet, at int64, source int) {
	if which := s.have.and(infoSlots); s.lost || which.empty() {
		return
	}
	said, now := &d.info[source], s.fingerprint(infoSlots)
	if said.at != 0 && said.print == now && at-said.at < infoPeriod && at >= said.at {
		return
	}
	said.print, said.at = now, at
	s.fill(vocabulary.AddInfo(b, d.tags, at), infoSlots)
}

// reportInstance adds the row gpu of a MIG instance.
func (d *device) reportInstance(b *sdk.Batch, i *instance, at int64) {
	if i.sheet.have.empty() || i.gi == nil {
		return
	}
	var room [16]byte
	key := append(append(append(room[:0], i.gi...), '/'), i.ci...)
	series := d.instances[string(key)]
	if series == nil {
		series = b.Series(vocabulary.GPU, d.partition(i.gi, i.ci)...)
		if d.instances == nil {
			d.instances = make(map[string]*sdk.Series)
		}
		d.instances[string(key)] = series
	}
	i.sheet.derive()
	i.sheet.fill(b.Add(series, at), gpuSlots)
}

// partition returns the tags of the GPU with those of a MIG instance.
func (d *device) partition(gi, ci []byte) []sdk.Tag {
	tags := slices.Clone(d.tags)
	if gi != nil {
		tags = append(tags, sdk.Tag{Key: vocabulary.TagGI, Value: clean(gi)})
	}
	if ci != nil {
		tags = append(tags, sdk.Tag{Key: vocabulary.TagCI, Value: clean(ci)})
	}
	return tags
}

// processSeries keeps the series of a process for as long as it is listed.
type processSeries struct {
	series *sdk.Series
	listed bool
}

var slotProcessMemory = slots[vocabulary.Process+" memory_used_bytes"]

// reportProcesses adds a row for each process, the greatest first and limit of them at most. proc is where the kernel
// shows processes.
func (d *device) reportProcesses(b *sdk.Batch, list []process, limit int, at int64, proc string) {
	memory := &readings[slotProcessMemory]
	if len(list) > limit {
		slices.SortStableFunc(list, func(p, q process) int {
			x, _ := memory.decode(p.memory, nil)
			y, _ := memory.decode(q.memory, nil)
			return int(min(max(y-x, -1), 1))
		})
		list = list[:limit]
	}
	for i := range list {
		p := &list[i]
		v, ok := memory.decode(p.memory, nil)
		if _, err := strconv.ParseUint(string(p.pid), 10, 32); err != nil || !ok || !memory.Valid(v) {
			continue // nothing to say of it
		}
		b.Add(d.processSeries(b, p, proc), at).SetNumber(memory.Field, v)
	}
	for key, s := range d.processes {
		if !s.listed {
			delete(d.processes, key)
		}
		s.listed = false
	}
}

func (d *device) processSeries(b *sdk.Batch, p *process, proc string) *sdk.Series {
	var room [128]byte
	key := append(append(append(room[:0], p.pid...), ' '), p.kind...)
	key = append(append(append(key, ' '), p.gi...), '/')
	key = append(append(append(key, p.ci...), ' '), p.name...)
	s := d.processes[string(key)]
	if s == nil {
		s = new(processSeries)
		id, pod := container.Of(proc, string(p.pid))
		s.series = b.Series(vocabulary.Process, append(d.partition(p.gi, p.ci),
			sdk.Tag{Key: vocabulary.TagPID, Value: clean(p.pid)},
			sdk.Tag{Key: vocabulary.TagProcess, Value: clean(p.name)},
			sdk.Tag{Key: vocabulary.TagType, Value: clean(p.kind)},
			sdk.Tag{Key: vocabulary.TagContainer, Value: id},
			sdk.Tag{Key: vocabulary.TagPod, Value: pod})...)
		if d.processes == nil {
			d.processes = make(map[string]*processSeries)
		}
		d.processes[string(key)] = s
	}
	s.listed = true
	return s.series
}
