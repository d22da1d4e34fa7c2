package prometheus

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// group is a metric that mappings make: a measurement, tags, and a cell for each of their rules.
type group struct {
	key         string
	measurement string
	tags        []sdk.Tag
	series      *sdk.Series
	rules       []*rule // those that a sample has matched, in the order of the files
	cells       []cell  // by rule.cell
	scrape      uint64  // the last one with a sample of it
	restarted   uint64  // the last one in which a counter was less than before
}

// cell is what one scrape says of a field.
type cell struct {
	of, over       float64
	hasOf, hasOver bool
	buckets        []bucket
	addends        []*entry // of a counter that several samples add up to
}

// bucket counts what is no greater than its bound, since the last scrape.
type bucket struct{ bound, count float64 }

// tap says which cell an entry's value goes into.
type tap struct {
	group *group
	rule  *rule
	over  bool    // it is the divisor
	bound float64 // of a bucket
}

// tapAll adds the taps of an entry that the mapping m wants.
func (p *page) tapAll(e *entry, m *mapping) {
	for i := range m.rules {
		r := &m.rules[i]
		of, over := r.of.picks(&e.id), r.over.picks(&e.id)
		if !of && !over {
			continue
		}
		t := tap{rule: r, over: !of}
		if r.op == spread {
			var ok bool
			if t.bound, ok = boundOf(&e.id); !ok {
				continue
			}
		}
		t.group = p.group(m, &e.id)
		t.group.add(r)
		if r.addsUp() {
			c := &t.group.cells[r.cell]
			c.addends = append(c.addends, e)
		}
		e.taps = append(e.taps, t)
		if of && over {
			t.over = true
			e.taps = append(e.taps, t)
		}
	}
}

func boundOf(id *exposition.Identity) (float64, bool) {
	for _, l := range id.Labels {
		if l.Key == "le" {
			f, err := strconv.ParseFloat(l.Value, 64)
			return f, err == nil && !math.IsNaN(f)
		}
	}
	return 0, false
}

// group returns the group that a sample belongs to.
func (p *page) group(m *mapping, id *exposition.Identity) *group {
	tags := slices.Concat(m.constant, p.settings.extra)
	for _, t := range m.tags {
		for _, l := range id.Labels {
			if l.Key == t.Value && l.Value != "" {
				tags = append(tags, sdk.Tag{Key: t.Key, Value: l.Value})
			}
		}
	}
	key := m.measurement
	for _, t := range tags {
		key += "\x00" + t.Key + "\x00" + t.Value
	}
	g := p.byKey[key]
	if g == nil {
		g = &group{key: key, measurement: m.measurement, tags: tags}
		p.byKey[key] = g
		p.groups = append(p.groups, g)
	}
	return g
}

func (g *group) add(r *rule) {
	if !slices.Contains(g.rules, r) {
		g.rules = append(g.rules, r)
		slices.SortFunc(g.rules, func(a, b *rule) int { return cmp.Compare(a.cell, b.cell) })
	}
	if n := r.cell + 1; n > len(g.cells) {
		g.cells = append(g.cells, make([]cell, n-len(g.cells))...)
	}
}

// take takes the value of one sample, and by how much it has grown, where that is known.
func (t *tap) take(scrape uint64, value, grown float64, known bool) {
	g := t.group
	if g.scrape != scrape {
		g.reset(scrape)
	}
	if t.rule.op != level {
		if !known {
			return
		}
		value = grown
	}
	c := &g.cells[t.rule.cell]
	switch {
	case t.rule.op == spread:
		c.count(t.bound, value)
	case t.over:
		c.over += value
		c.hasOver = true
	case t.rule.max && c.hasOf:
		c.of = max(c.of, value)
	default:
		c.of += value
		c.hasOf = true
	}
}

func (g *group) reset(scrape uint64) {
	g.scrape = scrape
	for i := range g.cells {
		c := &g.cells[i]
		c.of, c.over, c.hasOf, c.hasOver = 0, 0, false, false
		for k := range c.buckets {
			c.buckets[k].count = 0
		}
	}
}

func (c *cell) count(bound, n float64) {
	i, found := slices.BinarySearchFunc(c.buckets, bound, func(b bucket, bound float64) int { return cmp.Compare(b.bound, bound) })
	if !found {
		c.buckets = slices.Insert(c.buckets, i, bucket{bound: bound})
	}
	c.buckets[i].count += n
	c.hasOf = true
}

// addsUp reports whether samples that become one value are counters, and are added up.
func (r *rule) addsUp() bool {
	return r.op == level && !r.max && r.over == nil && r.fields[0].Kind == sdk.Counter
}

// total adds up the counters of a cell. One that is missing on this page counts with its last value: else the sum would
// fall, which reads as a restart of the server, and all of it would be counted again. After a real restart a counter
// that is missing is gone.
func (g *group) total(c *cell) (sum float64) {
	for _, e := range c.addends {
		if e.scrape != g.scrape && g.restarted == g.scrape {
			e.value = 0
		}
		sum += e.value
	}
	return sum
}

// emit adds the metrics that mappings have made of the page.
func (p *page) emit(b *sdk.Batch, now int64) {
	for _, g := range p.groups {
		if g.scrape != p.scrape {
			continue
		}
		var m *sdk.Metric
		for _, r := range g.rules {
			c := &g.cells[r.cell]
			if c.hasOf && r.addsUp() {
				c.of = g.total(c)
			}
			for i, f := range r.fields {
				v, ok := r.result(c, i)
				if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
					continue
				}
				if m == nil {
					m = b.Add(g.intern(p.catalog), now)
				}
				if m.Schema().Slot(f.Name) < 0 {
					m.SetNumber(f, v)
				}
			}
		}
	}
}

func (g *group) intern(c *sdk.Catalog) *sdk.Series {
	if g.series == nil || g.series.Left() {
		g.series = c.Series(g.measurement, g.tags...)
	}
	return g.series
}

// result returns the value of the i-th field of a rule.
func (r *rule) result(c *cell, i int) (float64, bool) {
	switch {
	case !c.hasOf:
		return 0, false
	case r.op == spread:
		v, ok := c.quantile(r.quantiles[i])
		return r.scale(v), ok
	case r.over != nil:
		return r.scale(c.of / c.over), c.hasOver && c.over != 0
	}
	return r.scale(c.of), true
}

// scale multiplies by the factor. Where the inverse of that is a whole number it divides by it instead, so
// that 14000 µs are 0.014 s and not a bit less.
func (r *rule) scale(v float64) float64 {
	if whole := math.Round(1 / r.factor); r.factor > 0 && r.factor < 1 && math.Abs(1/r.factor-whole) < 1e-9*whole {
		return v / whole
	}
	return v * r.factor
}

// quantile returns the value below which the share q lies, as Prometheus' histogram_quantile has it: within
// a bucket values are taken to be spread evenly, the first one begins at 0, and what lies beyond the last
// bound counts as that bound.
func (c *cell) quantile(q float64) (float64, bool) {
	n := len(c.buckets)
	if n == 0 {
		return 0, false
	}
	total := 0.0
	for _, b := range c.buckets {
		total = max(total, b.count) // a page that was written while it was counted may not be in order
	}
	if total <= 0 {
		return 0, false
	}
	rank := q * total
	lower, below := 0.0, 0.0
	for i, b := range c.buckets {
		count := max(b.count, below)
		if count >= rank && count > below {
			switch {
			case math.IsInf(b.bound, 1):
				return lower, i > 0
			case i == 0 && b.bound <= 0:
				return b.bound, true
			}
			return lower + (b.bound-lower)*max(rank-below, 0)/(count-below), true
		}
		lower, below = b.bound, count
	}
	return lower, !math.IsInf(lower, 0)
}

// sweepGroups forgets the groups that the last page did not have. Those that stay find out anew which entries they are
// made of.
func (p *page) sweepGroups() {
	for _, g := range p.groups {
		for i := range g.cells {
			g.cells[i].buckets, g.cells[i].addends = nil, nil
		}
	}
	p.groups = slices.DeleteFunc(p.groups, func(g *group) bool {
		if g.scrape == p.scrape-1 {
			return false
		}
		delete(p.byKey, g.key)
		return true
	})
}
