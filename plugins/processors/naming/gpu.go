package naming

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// gpu is what is known of a device, whoever told it.
type gpu struct {
	driver, mode string // of its last gpu_info
	seen         bool
	since        int64 // time of its first sample
	pstate       int   // as last told; unknown before
	pstateClaim  claim
	revision     int // grows when driver or mode change
	claims       map[string]*claim
}

const unknown = -1

// learn takes over what a gpu_info tells of a device. Unless it is fresh, that is only what was not
// known yet: an input tells what a device is beside its first sample, and the series of that sample
// would be another one without it.
func (g *gpu) learn(m *sdk.Metric, fresh bool) {
	set := func(to *string, field string) {
		v, ok := m.Lookup(field)
		if !ok || v.Type() != sdk.String || *to == v.Text() || *to != "" && !fresh {
			return
		}
		*to = strings.Clone(v.Text())
		g.revision++
	}
	set(&g.driver, "driver_version")
	set(&g.mode, "compute_mode")
}

// waits reports whether a sample or a result is to be left out because the driver's version, which is a
// label, is not known yet, and may come.
func (g *gpu) waits(m *sdk.Metric, wait int64) bool {
	if wait <= 0 || g.driver != "" || m.Name() == vocabulary.Info {
		return false
	}
	if !g.seen {
		g.seen, g.since = true, m.Time()
	}
	passed := m.Time() - g.since
	return passed >= 0 && passed < wait
}

// claim returns what sources say of a field in a scope.
func (g *gpu) claim(scope, measurement, field string) *claim {
	key := measurement + " " + field + " " + scope
	c := g.claims[key]
	if c == nil {
		c = new(claim)
		g.claims[key] = c
	}
	return c
}

// row returns what is known of m's series.
func (p *Naming) row(m *sdk.Metric) *row {
	r, isNew := p.table.Row(m)
	if !isNew {
		return r
	}
	s := &r.State
	s.pstate = unknown
	switch m.Name() {
	case vocabulary.GPU, vocabulary.Info:
		s.kind = reading
	case vocabulary.Event:
		if p.xids && m.Tag(vocabulary.TagEvent) == vocabulary.EventXID {
			s.kind = xid
		}
	}
	if s.kind != other {
		s.rank = rankOf(m.Tag(vocabulary.TagSource))
		s.gpu = p.gpu(m)
		s.scope = key(m, vocabulary.TagGI, vocabulary.TagCI, vocabulary.TagWindow)
	}
	return r
}

func (p *Naming) gpu(m *sdk.Metric) *gpu {
	id := key(m, vocabulary.TagHost, vocabulary.TagUUID)
	if m.Tag(vocabulary.TagUUID) == "" {
		id = key(m, vocabulary.TagHost, vocabulary.TagIndex)
	}
	g := p.gpus[id]
	if g == nil {
		g = &gpu{pstate: unknown, claims: make(map[string]*claim)}
		p.gpus[id] = g
	}
	return g
}

// key returns the values of tags as one text.
func key(m *sdk.Metric, tags ...string) string {
	var b strings.Builder
	for _, tag := range tags {
		b.WriteString(tag + "=" + m.Tag(tag) + "\x00")
	}
	return b.String()
}

// enter prepares for a batch: devices whose series have left the catalog are forgotten.
func (p *Naming) enter(b *sdk.Batch) {
	if p.catalog != b.Catalog() {
		p.catalog, p.generation = b.Catalog(), b.Catalog().Generation()
		p.table, p.gpus = sdk.Table[state, column]{}, make(map[string]*gpu)
		return
	}
	g := b.Catalog().Generation()
	if g == p.generation {
		return
	}
	p.generation = g
	alive := make(map[*gpu]bool, len(p.gpus))
	for r := range p.table.All() {
		if r.Series.Left() {
			p.table.Delete(r)
		} else if r.State.gpu != nil {
			alive[r.State.gpu] = true
		}
	}
	for id, g := range p.gpus {
		if !alive[g] {
			delete(p.gpus, id)
		}
	}
}
