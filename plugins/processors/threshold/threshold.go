// Package threshold watches the stream for conditions, such as a temperature that is above 80 °C for two
// minutes. While a rule is active, its tags are put on what leaves with the same identity; each change is
// an event. README.md has the grammar, and says when exactly a rule fires.
package threshold

import (
	"context"
	_ "embed"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Definition makes the processor known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineProcessor("threshold", "Rules: tags and events while a condition holds", sample,
		func(c *Config) (sdk.Processor, error) { return New(c) })
}

// Threshold is the processor.
type Threshold struct {
	rules        []*rule // the more severe ones first
	measurements map[string]*measurement
	maxGap       int64
	stack        []float64

	catalog  *sdk.Catalog
	table    sdk.Table[link, struct{}]
	subjects map[identity]*subject
	order    []*subject // of first sight
	known    map[string]*sdk.Annotations
	events   vocabulary.Events
	clock    clock

	waiting []waiting // memory, as the next two
	scratch set
	key     []byte
}

// New makes a processor. Nothing needs to be opened.
func New(c *Config) (*Threshold, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Threshold{maxGap: int64(c.MaxGap)}
	p.rules, p.measurements = compileRules(c)
	depth := 0
	for _, r := range p.rules {
		depth = max(depth, r.when.depth, r.clear.depth)
	}
	p.stack, p.scratch = make([]float64, depth), newSet(len(p.rules))
	return p, nil
}

// Process evaluates the rules on each metric and annotates it. A metric is judged by what came before it
// and by itself.
//
// Results that windows made of one sample stand next to each other, and leave as one metric: they are
// annotated together, once all of them are read.
func (p *Threshold) Process(_ context.Context, b *sdk.Batch) error {
	p.enter(b)
	for m := range b.All() {
		l := p.link(m)
		made := l.result && m.Marks()&sdk.MarkMade != 0
		if !made && len(p.waiting) > 0 {
			p.annotateRun()
		}
		if l.own == nil && l.base == nil {
			continue
		}
		if l.own != nil && !l.part {
			p.observe(b, m, l.own)
		}
		if made {
			p.waiting = append(p.waiting, waiting{m, l.own, l.base})
		} else {
			p.annotate(m, l.own, l.base)
		}
	}
	p.annotateRun()
	return nil
}

// observe takes a row and evaluates the rules of its subject.
func (p *Threshold) observe(b *sdk.Batch, m *sdk.Metric, s *subject) {
	t := m.Time()
	if t < -horizon || t > horizon {
		return
	}
	told := s.take(m)
	for i := range s.states {
		st := &s.states[i]
		if s.lapse(st, t) {
			p.changed(b, s, st, st.expires, s.lapsedMessage(st))
		}
		switch s.step(st, t, p.stack) {
		case fired:
			p.changed(b, s, st, t, s.firedMessage(st))
		case cleared:
			p.changed(b, s, st, t, s.clearedMessage(st))
		case evaluated:
			if st.due(t) && (st.active || st.stated != noTime || s.series.Name() != vocabulary.Event) {
				p.tell(b, s, st, t)
			}
		case nothing:
			continue
		}
		told = true
	}
	if told {
		p.clock.touch(s)
	}
}

// enter prepares for a batch.
func (p *Threshold) enter(b *sdk.Batch) {
	if p.catalog != b.Catalog() {
		p.catalog = b.Catalog()
		p.table = sdk.Table[link, struct{}]{}
		p.subjects, p.order = make(map[identity]*subject), nil
		p.known, p.events, p.clock = make(map[string]*sdk.Annotations), vocabulary.Events{}, clock{}
		for _, m := range p.measurements {
			clear(m.plans)
		}
	}
	p.sweep(b)
}
