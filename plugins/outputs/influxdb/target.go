package influxdb

import (
	"cmp"
	"net/url"

	"github.com/gpuline/gpuline/plugins/internal/tagtemplate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// missing stands for a tag that a metric lacks.
const missing = "_"

func expand(t *tagtemplate.Template, s *sdk.Series) string {
	return t.Expand(func(tag string) string { return cmp.Or(s.Tag(tag), missing) })
}

// target is where a request's lines go.
type target struct {
	name  string // of the bucket or database
	query string // of the URL
	order int    // of first sight
}

// router finds a metric's target.
type router struct {
	template tagtemplate.Template
	query    func(name string) string
	fixed    *target // where no tag matters
	targets  map[string]*target
	table    sdk.Table[*target, struct{}]
}

// Names may come and go with tags: beyond so many, those that are still in use are made anew.
const maxTargets = 4096

func newRouter(c *Config) *router {
	_, name := c.place()
	t, _ := tagtemplate.Parse(name) // Validate has seen it
	r := &router{template: t, query: c.query, targets: make(map[string]*target)}
	if len(t.Tags) == 0 {
		r.fixed = r.named(name)
	}
	return r
}

// target returns where m belongs.
func (r *router) target(m *sdk.Metric) *target {
	if r.fixed != nil {
		return r.fixed
	}
	if len(r.targets) > maxTargets {
		clear(r.targets)
		r.table = sdk.Table[*target, struct{}]{}
	}
	row, isNew := r.table.Row(m)
	if isNew {
		row.State = r.named(expand(&r.template, m.Series()))
	}
	return row.State
}

func (r *router) named(name string) *target {
	t := r.targets[name]
	if t == nil {
		t = &target{name: name, query: r.query(name), order: len(r.targets)}
		r.targets[name] = t
	}
	return t
}

// query returns the parameters of a write to the bucket or database called name.
func (c *Config) query(name string) string {
	q := url.Values{}
	switch c.api() {
	case v1:
		q.Set("db", name)
		q.Set("precision", "ns")
		if c.RetentionPolicy != "" {
			q.Set("rp", c.RetentionPolicy)
		}
	case v2:
		q.Set("org", c.Org)
		q.Set("bucket", name)
		q.Set("precision", "ns")
	case v3:
		q.Set("db", name)
		q.Set("precision", "nanosecond")
		q.Set("accept_partial", "true")
	}
	return q.Encode()
}
