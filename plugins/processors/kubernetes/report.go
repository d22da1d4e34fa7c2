package kubernetes

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// report is what gpu_pod tells.
type report struct {
	lines     []line
	strangers []string // ids by which no GPU here is known
	logged    []string // those of them that were logged last

	// What that was made from, and the round in which it was last told.
	said     *answer
	revision uint64
	round    uint64
}

// line is a container, and a GPU or MIG instance that it has been given.
type line struct {
	series   *sdk.Series
	resource string
	devices  int64
}

var (
	podResource = vocabulary.Field(vocabulary.Pod, "resource")
	podDevices  = vocabulary.Field(vocabulary.Pod, "devices")
)

// Flush adds gpu_pod each time that the kubelet has been asked, and when a GPU has come.
func (p *Kubernetes) Flush(_ context.Context, now time.Time, final bool, b *sdk.Batch) error {
	p.enter(b)
	t := &p.report
	round, said := p.watch.rounds.Load(), p.watch.said.Load()
	if final || round == t.round && p.revision == t.revision {
		return nil
	}
	if said != t.said || p.revision != t.revision || slices.ContainsFunc(t.lines, func(l line) bool { return l.series.Left() }) {
		t.said, t.revision = said, p.revision
		p.write(b)
	}
	if t.round > 0 && round > t.round { // GPUs have had the time to come
		p.tellStrangers()
	}
	t.round = round
	if !p.config.Info {
		return nil
	}
	for i := range t.lines {
		l := &t.lines[i]
		m := b.Add(l.series, now.UnixNano())
		m.SetClass(sdk.ClassInfo)
		m.Set(podResource, sdk.StringValue(l.resource))
		m.Set(podDevices, sdk.IntValue(l.devices))
	}
	return nil
}

// write makes the lines, of the GPUs that the stream is of.
func (p *Kubernetes) write(b *sdk.Batch) {
	t := &p.report
	t.lines, t.strangers = nil, nil
	var gpus []*gpu
	for _, key := range slices.Sorted(maps.Keys(p.gpus)) {
		if g := p.gpus[key]; g.tags != nil {
			gpus = append(gpus, g)
		}
	}
	at := make(map[*sdk.Series]int) // in lines
	for i := range t.said.all {
		a := &t.said.all[i]
		given := a.parts(gpus)
		for _, part := range given {
			s := b.Series(vocabulary.Pod, part.tags(a.holder)...)
			k, known := at[s]
			switch {
			case known:
				t.lines[k].devices++
			case s != nil:
				at[s] = len(t.lines)
				t.lines = append(t.lines, line{s, a.resource, 1})
			}
		}
		if len(given) == 0 {
			t.strangers = append(t.strangers, a.id)
		}
	}
	slices.Sort(t.strangers)
	t.strangers = slices.Compact(t.strangers)
}

// parts returns what an assignment gives of some GPUs: each of them as a whole, or instances of it.
func (a *assignment) parts(gpus []*gpu) []part {
	if !a.known {
		return nil
	}
	var given []part
	for _, g := range gpus {
		if whole := (part{g, none, none}); a.device.gives(whole) {
			given = append(given, whole)
			continue
		}
		for _, i := range g.instances {
			if at := (part{g, i.gi, i.ci}); a.device.gives(at) {
				given = append(given, at)
			}
		}
	}
	return given
}

func (p part) tags(h holder) []sdk.Tag {
	tags := append(slices.Clone(p.gpu.tags), h.tags()...)
	for key, n := range map[string]int{vocabulary.TagGI: p.gi, vocabulary.TagCI: p.ci} {
		if n != none {
			tags = append(tags, sdk.Tag{Key: key, Value: strconv.Itoa(n)})
		}
	}
	return tags
}

// tellStrangers logs devices that pods have and the stream is not of, when they are others than before.
func (p *Kubernetes) tellStrangers() {
	t := &p.report
	if slices.Equal(t.strangers, t.logged) {
		return
	}
	t.logged = t.strangers
	if len(t.strangers) > 0 {
		p.watch.log.Info("pods have devices by whose ids no GPU here is known", "ids", t.strangers)
	}
}
