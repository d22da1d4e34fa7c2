package pipeline

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Empty reports whether the filter passes everything.
func (f Filter) Empty() bool { return len(f.Metrics) == 0 && len(f.Fields) == 0 && len(f.Tags) == 0 }

// Pass reports whether a field of a metric passes, whatever tags the metric has.
func (f Filter) Pass(metric, field string) bool {
	return newGlobs(f.Metrics).pass(metric) && newGlobs(f.Fields).pass(field)
}

// filter applies a Filter to the rows and fields of batches. What it found out about a series or a
// schema it remembers. It belongs to one goroutine; nil passes everything.
type filter struct {
	metrics    globs
	fields     globs
	tags       map[string]globs
	rows       map[*sdk.Series]bool
	masks      map[*sdk.Schema]*sdk.Mask
	generation uint64
}

func newFilter(f Filter) *filter {
	if f.Empty() {
		return nil
	}
	c := &filter{
		metrics: newGlobs(f.Metrics),
		fields:  newGlobs(f.Fields),
		tags:    make(map[string]globs),
		rows:    make(map[*sdk.Series]bool),
		masks:   make(map[*sdk.Schema]*sdk.Mask),
	}
	for key, list := range f.Tags {
		c.tags[key] = newGlobs(list)
	}
	return c
}

// passes reports whether name and tags of m pass.
func (f *filter) passes(m *sdk.Metric) bool {
	s := m.Series()
	pass, known := f.rows[s]
	if !known {
		pass = f.metrics.pass(s.Name())
		for key, list := range f.tags {
			pass = pass && list.pass(s.Tag(key))
		}
		f.rows[s] = pass
	}
	return pass
}

// mask returns what the filter hides of a schema, or nil for nothing.
func (f *filter) mask(s *sdk.Schema) *sdk.Mask {
	if f.fields.empty() {
		return nil
	}
	keep := func(field sdk.Field) bool { return f.fields.pass(field.Name) }
	if s.Private() {
		return sdk.NewMask(s, keep)
	}
	m, known := f.masks[s]
	if !known {
		m = sdk.NewMask(s, keep)
		f.masks[s] = m
	}
	return m
}

// apply removes from b the rows and fields that do not pass.
func (f *filter) apply(b *sdk.Batch) {
	if f == nil {
		return
	}
	f.sweep(b.Catalog())
	for m := range b.All() {
		if !f.passes(m) || !m.Project(f.mask(m.Schema())) {
			b.Filter(m)
		}
	}
}

// limit hides from a processor what does not pass.
func (f *filter) limit(b *sdk.Batch) {
	if f != nil {
		f.sweep(b.Catalog())
		b.Limit(f.passes, f.mask)
	}
}

func (f *filter) unlimit(b *sdk.Batch) {
	if f != nil {
		b.Unlimit()
	}
}

func (f *filter) sweep(c *sdk.Catalog) {
	if g := c.Generation(); g != f.generation {
		f.generation = g
		clear(f.rows)
		clear(f.masks)
	}
}

// globs is a list of patterns with * and ?; those that began with ! are in not.
type globs struct{ any, not []string }

func newGlobs(list []string) globs {
	var g globs
	for _, pattern := range list {
		if rest, found := strings.CutPrefix(pattern, "!"); found {
			g.not = append(g.not, rest)
		} else {
			g.any = append(g.any, pattern)
		}
	}
	return g
}

func (g globs) empty() bool { return len(g.any) == 0 && len(g.not) == 0 }

func (g globs) pass(name string) bool {
	pass := len(g.any) == 0
	for _, pattern := range g.any {
		pass = pass || sdk.Match(pattern, name)
	}
	for _, pattern := range g.not {
		pass = pass && !sdk.Match(pattern, name)
	}
	return pass
}
