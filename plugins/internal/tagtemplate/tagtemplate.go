// Package tagtemplate is for names that tags are part of, such as the database gpu-{site} or the subject
// gpu.{host}.
package tagtemplate

import (
	"errors"
	"strings"
)

// Template is a name with tags in it: text, a tag, text, a tag, …, text.
type Template struct {
	Tags []string

	texts []string // one more than Tags
}

// Parse reads a template. Its errors go on where a key has been named: "has } without {".
func Parse(text string) (Template, error) {
	var t Template
	for {
		before, rest, found := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return t, errors.New("has } without {")
		}
		t.texts = append(t.texts, before)
		if !found {
			return t, nil
		}
		tag, after, closed := strings.Cut(rest, "}")
		if !closed {
			return t, errors.New("has { without }")
		}
		if tag == "" || strings.Contains(tag, "{") {
			return t, errors.New("has a { } without the name of a tag")
		}
		t.Tags = append(t.Tags, tag)
		text = after
	}
}

// Expand returns the name, with the value of each tag in its place.
func (t *Template) Expand(value func(tag string) string) string {
	var b strings.Builder
	for i, tag := range t.Tags {
		b.WriteString(t.texts[i])
		b.WriteString(value(tag))
	}
	b.WriteString(t.texts[len(t.Tags)])
	return b.String()
}
