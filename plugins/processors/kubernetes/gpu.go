package kubernetes

import (
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// gpu is what the stream has told of a GPU, whatever input read it.
type gpu struct {
	uuid      string
	local     bool // of this host, whose device files the kubelet counts
	minor     int  // of its gpu_info; none before
	tags      []sdk.Tag
	instances []instance
	revision  uint64 // grows with what tells who has it
}

// instance is a MIG instance.
type instance struct {
	gi, ci int
	uuid   string // of its gpu_info; "" before
}

// migUUID returns the UUID of an instance, or "" where it is not known.
func (g *gpu) migUUID(gi, ci int) string {
	for _, i := range g.instances {
		if i.gi == gi && (i.ci == ci || ci == none) && i.uuid != "" {
			return i.uuid
		}
	}
	return ""
}

// gpu returns what is known of the GPU of a series.
func (p *Kubernetes) gpu(s *sdk.Series) *gpu {
	uuid, host := s.Tag(vocabulary.TagUUID), s.Tag(vocabulary.TagHost)
	if uuid == "" {
		return nil
	}
	key := host + "\x00" + uuid
	g := p.gpus[key]
	if g == nil {
		g = &gpu{uuid: uuid, local: host == "" || host == p.host, minor: none}
		p.gpus[key] = g
		p.revision++
	}
	return g
}

// meet takes note of what the tags of a GPU's series tell: those that its gpu_pod has, too, and a MIG instance.
func (p *Kubernetes) meet(g *gpu, s *sdk.Series) part {
	ofSeries := func(t sdk.Tag) bool {
		switch t.Key {
		case vocabulary.TagGI, vocabulary.TagCI, vocabulary.TagSource, vocabulary.TagNamespace, vocabulary.TagPodName, vocabulary.TagContainerName:
			return true
		}
		return false
	}
	if g.tags == nil && (s.Name() == vocabulary.GPU || s.Name() == vocabulary.Info) && s.Tag(vocabulary.TagWindow) == "" {
		g.tags = slices.DeleteFunc(slices.Clone(s.Tags()), ofSeries)
		p.revision++
	}
	at := part{g, number(s.Tag(vocabulary.TagGI)), number(s.Tag(vocabulary.TagCI))}
	if at.gi != none && !slices.ContainsFunc(g.instances, func(i instance) bool { return i.gi == at.gi && i.ci == at.ci }) {
		g.instances = append(g.instances, instance{gi: at.gi, ci: at.ci})
		p.revision++
	}
	return at
}

var (
	infoMinor = vocabulary.Field(vocabulary.Info, "minor_number").Name
	infoMIG   = vocabulary.Field(vocabulary.Info, "mig_uuid").Name
)

// learn takes over what a gpu_info tells of how device plugins name a device.
func (p *Kubernetes) learn(m *sdk.Metric) {
	at := p.row(m).State.part
	if at.gpu == nil {
		return
	}
	if minor, ok := m.Number(infoMinor); ok && int(minor) != at.gpu.minor {
		at.gpu.minor = int(minor)
		p.changed(at.gpu)
	}
	if v, ok := m.Lookup(infoMIG); ok && v.Type() == sdk.String && at.gi != none {
		for i := range at.gpu.instances {
			if of := &at.gpu.instances[i]; of.gi == at.gi && of.ci == at.ci && of.uuid != v.Text() {
				of.uuid = strings.Clone(v.Text())
				p.changed(at.gpu)
			}
		}
	}
}

func (p *Kubernetes) changed(g *gpu) {
	g.revision++
	p.revision++
}

// enter prepares for a batch: GPUs whose series have left the catalog are forgotten.
func (p *Kubernetes) enter(b *sdk.Batch) {
	g := b.Catalog().Generation()
	if p.catalog == b.Catalog() && p.generation == g {
		return
	}
	if p.catalog != b.Catalog() {
		p.table, p.gpus = sdk.Table[state, struct{}]{}, make(map[string]*gpu)
	}
	p.catalog, p.generation = b.Catalog(), g
	alive := make(map[*gpu]bool, len(p.gpus))
	for r := range p.table.All() {
		if r.Series.Left() {
			p.table.Delete(r)
		} else {
			alive[r.State.part.gpu] = true
		}
	}
	for key, of := range p.gpus {
		if !alive[of] {
			delete(p.gpus, key)
			p.revision++
		}
	}
}
