// Package docs_test holds the generated parts of the documentation against the code they come from.
// go test ./docs -update writes them anew.
package docs_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

var update = flag.Bool("update", false, "write the generated documentation")

func TestGeneratedPages(t *testing.T) {
	hold(t, "configuration.md", conf.Reference(all.Plugins()))
	hold(t, "metrics.md", vocabulary.Markdown())
}

// A plugin's README shows its sample between two marks, of which the first names the file.
const end = "<!-- end -->"

func TestSamplesInReadmes(t *testing.T) {
	samples, err := filepath.Glob("../plugins/*/*/sample*.toml")
	if err != nil || len(samples) < len(all.Plugins()) {
		t.Fatalf("%d samples for %d plugins, %v", len(samples), len(all.Plugins()), err)
	}
	for _, path := range samples {
		sample, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		readme := filepath.Join(filepath.Dir(path), "README.md")
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Error(err)
			continue
		}
		begin := "<!-- " + filepath.Base(path) + " -->\n"
		before, rest, found := strings.Cut(string(text), begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Errorf("%s has no place for the sample: %q … %q", readme, begin, end)
			continue
		}
		hold(t, readme, before+begin+"```toml\n"+strings.TrimRight(string(sample), "\n")+"\n```\n"+end+after)
	}
}

// hold compares a file with what it should say.
func hold(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v: run make docs", err)
		return
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is out of date, run make docs (-file +code):\n%s", path, diff)
	}
}
