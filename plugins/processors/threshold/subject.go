package threshold

import (
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// subject is what rules are about: a series or, of results, a series and a window. It holds the last
// values, and the state of each rule.
type subject struct {
	*measurement
	identity
	window string // of results
	gap    int64  // a value is no older
	cells  []cell
	states []state
	rows   uint64 // seen so far

	layout layout // of the last row
	plan   *plan

	active  set // rules that are active now
	notes   *sdk.Annotations
	changed int64 // the newest change of a rule

	gone    bool // its series left the catalog
	touched bool // a row came since the last flush
	seen    time.Time
}

// link leads from a series of the stream to the subjects that its rows concern.
type link struct {
	origin *sdk.Series
	result bool
	own    *subject // whose values the rows are
	part   bool     // but they are of windows not seen whole, and are not taken
	base   *subject // of a result: the subject of the samples that it was made from
	bound  bool     // the rest is known
}

// identity is the key of a subject.
type identity struct {
	series *sdk.Series
	result bool
}

// link returns the subjects of a row.
func (p *Threshold) link(m *sdk.Metric) *link {
	row, _ := p.table.Row(m)
	l := &row.State
	result := m.Class() == sdk.ClassResult
	if l.bound && l.origin == m.Origin() && l.result == result && !l.own.left() && !l.base.left() {
		return l
	}
	*l = link{origin: m.Origin(), result: result, bound: true}
	if !result {
		l.own = p.subject(m.Series(), false)
		return l
	}
	l.base = p.subject(l.origin, false)
	whole := m.Series()
	if l.part = m.Tag(vocabulary.TagPart) != ""; l.part {
		whole = p.catalog.Series(m.Name(), without(whole, vocabulary.TagPart)...)
	}
	l.own = p.subject(whole, true)
	return l
}

func (s *subject) left() bool { return s != nil && s.gone }

// subject returns the subject of an identity, or nil where no rule applies to it, or the catalog was too
// full for the series.
func (p *Threshold) subject(series *sdk.Series, result bool) *subject {
	id := identity{series, result}
	if s := p.subjects[id]; s != nil || series == nil {
		return s
	}
	group := p.measurements[series.Name()]
	if group == nil {
		return nil
	}
	s := &subject{measurement: group, identity: id, gap: p.maxGap, active: newSet(len(p.rules))}
	for _, r := range group.rules {
		if r.applies(result) {
			s.states = append(s.states, state{rule: r, stated: noTime})
		}
	}
	if s.states == nil {
		return nil
	}
	if result {
		s.window = series.Tag(vocabulary.TagWindow)
		s.gap += every(s.window)
	}
	s.cells = make([]cell, len(group.columns))
	for i, c := range group.columns {
		if value := series.Tag(c.name); c.text && (value != "" || isTag(group.name, c.name)) {
			s.cells[i] = cell{text: value, has: true, constant: true}
		}
	}
	p.subjects[id] = s
	p.order = append(p.order, s)
	return s
}

// every returns how far windows with a label such as "10s" or "60s/10s" are apart: the next result is due
// that much later, and only then begins to be missed.
func every(label string) int64 {
	if _, slide, ok := strings.Cut(label, "/"); ok {
		label = slide
	}
	d, err := time.ParseDuration(label)
	if err != nil || d < 0 {
		return 0
	}
	return int64(d)
}

// without returns the series' tags except some.
func without(s *sdk.Series, keys ...string) []sdk.Tag {
	return slices.DeleteFunc(slices.Clone(s.Tags()), func(t sdk.Tag) bool { return slices.Contains(keys, t.Key) })
}

// take puts a row's values into the cells. A value that is older than the cell's is passed over, and a
// number that is not finite counts as absent. It reports whether the row told anything.
func (s *subject) take(m *sdk.Metric) bool {
	if s.layout.schema != m.Schema() || s.layout.mask != m.Mask() || s.plan == nil {
		s.layout, s.plan = layout{m.Schema(), m.Mask()}, s.measurement.plan(m)
	}
	s.rows++
	t, told := m.Time(), false
	for _, mv := range s.plan.moves {
		c := &s.cells[mv.cell]
		if c.constant || c.has && t < c.time {
			continue
		}
		if mv.text {
			if v := m.Value(mv.slot).Text(); v != c.text || !c.has {
				c.text = strings.Clone(v)
			}
		} else {
			v := m.NumberAt(mv.slot)
			if mv.real && !finite(v) {
				continue
			}
			c.number = v
		}
		c.time, c.row, c.has = t, s.rows, true
		told = true
	}
	return told
}

// forget lets all values go.
func (s *subject) forget() {
	for i := range s.cells {
		c := &s.cells[i]
		c.has = c.constant
	}
}
