package nats

import (
	"errors"
	"strings"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/internal/tagtemplate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// template is a subject with tags in it, such as gpu.{host}.
type template struct{ tagtemplate.Template }

const (
	missing     = "_" // stands for a tag that a metric lacks, and for each character that a subject cannot hold
	measurement = "measurement"

	// The server ends a connection over a subject that is longer than a line of its protocol.
	maxTag     = 128
	maxSubject = 1024
)

func parseTemplate(text string) (template, error) {
	parsed, err := tagtemplate.Parse(text)
	t := template{parsed}
	if err != nil {
		return t, err
	}
	subject := t.Expand(func(string) string { return "x" })
	if strings.ContainsAny(subject, "*>") {
		return t, errors.New("has a * or a >, which only who listens may write")
	}
	if strings.HasPrefix(subject, "$") {
		return t, errors.New("begins with $, which is for the server")
	}
	return t, checkSubject(subject)
}

// checkSubject finds what makes a subject, or a pattern of subjects, one that is not to be had.
func checkSubject(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > maxSubject/2:
		return errors.New("is too long")
	}
	return natsclient.CheckSubject(s)
}

// pattern is what matches every subject that the template makes.
func (t *template) pattern() string {
	tokens := strings.Split(t.Expand(func(string) string { return "*" }), ".")
	for i, token := range tokens {
		if strings.Contains(token, "*") {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".")
}

// covers reports whether one of the patterns takes whatever pattern matches.
func covers(patterns []string, pattern string) bool {
	want := strings.Split(pattern, ".")
	for _, p := range patterns {
		have := strings.Split(p, ".")
		for i, token := range have {
			if token == ">" && i < len(want) {
				return true
			}
			if i >= len(want) || token != "*" && token != want[i] {
				break
			}
			if i == len(have)-1 && len(have) == len(want) {
				return true
			}
		}
	}
	return false
}

func (t *template) expand(s *sdk.Series) string {
	subject := t.Expand(func(tag string) string {
		if tag == measurement {
			return token(s.Name())
		}
		return token(s.Tag(tag))
	})
	if subject[0] == '$' {
		subject = missing + subject[1:]
	}
	return subject
}

// token makes a tag's value part of a subject.
func token(value string) string {
	if value == "" {
		return missing
	}
	if len(value) > maxTag {
		value = value[:maxTag]
	}
	clean := func(r rune) rune {
		if r == '.' || r == '*' || r == '>' || natsclient.Unprintable(r) {
			return '_'
		}
		return r
	}
	return strings.Map(clean, strings.ToValidUTF8(value, missing))
}

// router finds a metric's subject.
type router struct {
	template template
	fixed    *subject // where no tag matters
	subjects map[string]*subject
	table    sdk.Table[*subject, struct{}]
}

// subject is a subject with the metrics of the batch at work that belong to it.
type subject struct {
	name string
	rows []*sdk.Metric
	at   []int // their positions in the batch
}

// Subjects come and go with tags: beyond so many, those that are still in use are made anew.
const maxSubjects = 1 << 14

func newRouter(t template) *router {
	r := &router{template: t, subjects: make(map[string]*subject)}
	if len(t.Tags) == 0 {
		r.fixed = r.named(t.Expand(nil))
	}
	return r
}

// divide gives each metric of b to its subject, and returns the subjects in order of first sight.
func (r *router) divide(b *sdk.Batch) []*subject {
	if len(r.subjects) > maxSubjects {
		clear(r.subjects)
		r.table = sdk.Table[*subject, struct{}]{}
	}
	var used []*subject
	i := 0
	for m := range b.All() {
		s := r.fixed
		if s == nil {
			row, isNew := r.table.Row(m)
			if isNew {
				row.State = r.named(r.template.expand(m.Series()))
			}
			s = row.State
		}
		if len(s.rows) == 0 {
			used = append(used, s)
		}
		s.rows, s.at = append(s.rows, m), append(s.at, i)
		i++
	}
	return used
}

// release lets go of the batch.
func release(used []*subject) {
	for _, s := range used {
		clear(s.rows)
		s.rows, s.at = s.rows[:0], s.at[:0]
	}
}

func (r *router) named(name string) *subject {
	s := r.subjects[name]
	if s == nil {
		s = &subject{name: name}
		r.subjects[name] = s
	}
	return s
}
