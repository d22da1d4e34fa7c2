package threshold

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// rule is a rule of the configuration, compiled.
type rule struct {
	index    int // among all, the more severe ones first
	name     string
	severity string
	tags     []sdk.Tag
	hold     int64 // ns for which the condition must be true
	text     string
	message  string

	when, clear program // without a clear of its own, clear has no code
	cells       []int   // that either of them reads
	samples     bool    // it reads metrics that are no results
	results     bool    // it reads results
}

// measurement is what the rules on one measurement need.
type measurement struct {
	name    string
	rules   []*rule
	columns []column // the cells of its subjects
	plans   map[layout]*plan
}

var severities = map[string]int{vocabulary.Critical: 0, vocabulary.Warning: 1, vocabulary.Notice: 2}

// rank orders severities; one that the vocabulary does not know counts as a warning.
func rank(severity string) int {
	if n, ok := severities[severity]; ok {
		return n
	}
	return severities[vocabulary.Warning]
}

// compileRules makes rules of a valid configuration.
func compileRules(c *Config) (rules []*rule, measurements map[string]*measurement) {
	measurements = make(map[string]*measurement)
	for i := range c.Rules {
		from := &c.Rules[i]
		m := measurements[from.Metric]
		if m == nil {
			m = &measurement{name: from.Metric, plans: make(map[layout]*plan)}
			measurements[from.Metric] = m
		}
		r := from.compile(m)
		m.rules, rules = append(m.rules, r), append(rules, r)
	}
	severe := func(a, b *rule) int { return cmp.Compare(rank(a.severity), rank(b.severity)) }
	slices.SortStableFunc(rules, severe)
	for i, r := range rules {
		r.index = i
	}
	return rules, measurements
}

func (from *Rule) compile(m *measurement) *rule {
	r := &rule{
		name:     from.Name,
		severity: cmp.Or(from.Severity, from.Tags[vocabulary.TagSeverity], vocabulary.Warning),
		hold:     int64(from.For),
		message:  from.Message,
	}
	for _, key := range slices.Sorted(maps.Keys(from.Tags)) {
		r.tags = append(r.tags, sdk.Tag{Key: key, Value: from.Tags[key]})
	}
	if from.Severity != "" && from.Tags[vocabulary.TagSeverity] == "" && !isTag(from.Metric, vocabulary.TagSeverity) {
		r.tags = append(r.tags, sdk.Tag{Key: vocabulary.TagSeverity, Value: from.Severity})
	}
	when, end := from.parse(func(string, string, ...string) {})
	r.text = when.String()
	r.when = compile(when, &m.columns)
	r.cells = slices.Clone(r.when.cells)
	all := names(when)
	if end != nil {
		r.clear = compile(end, &m.columns)
		for _, i := range r.clear.cells {
			if !slices.Contains(r.cells, i) {
				r.cells = append(r.cells, i)
			}
		}
		all = append(all, names(end)...)
	}
	r.samples, r.results = reads(m.name, all)
	return r
}

// reads tells which metrics a rule is for, by what it names: the tag window and only results have it; a
// field with a suffix that windows give, and some input's samples may have one too; else samples.
func reads(measurement string, names []string) (samples, results bool) {
	samples = true
	for _, name := range names {
		switch {
		case name == vocabulary.TagWindow:
			return false, true
		case resultSuffix(measurement, name) != "":
			results = true
		}
	}
	return samples, results
}

// applies reports whether the rule reads results, or what is none.
func (r *rule) applies(result bool) bool {
	if result {
		return r.results
	}
	return r.samples
}

// Rules returns the names of the rules, and the measurement that each reads.
func (p *Threshold) Rules() map[string]string {
	names := make(map[string]string, len(p.rules))
	for _, m := range p.measurements {
		for _, r := range m.rules {
			names[r.name] = m.name
		}
	}
	return names
}
