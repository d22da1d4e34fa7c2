package tagtemplate_test

import (
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/internal/tagtemplate"
)

func TestFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := tagtemplate.Parse(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	f("a}", "has } without {")
	f("{a}b}{c}", "has } without {")
	f("gpu-{site", "has { without }")
	f("gpu-{}", "has a { } without the name of a tag")
	f("{{a}}", "has a { } without the name of a tag")
}

// FuzzTemplate: what is taken for a template is one, and nothing but its tags changes.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "gpu", "gpu-{site}", "{a}{b}", "{", "}", "{}", "{{}}", "a}b{c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := tagtemplate.Parse(text)
		if err != nil {
			return
		}
		want := text
		for _, tag := range template.Tags {
			want = strings.Replace(want, "{"+tag+"}", "_", 1)
		}
		if got := template.Expand(func(string) string { return "_" }); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	})
}
