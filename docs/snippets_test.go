package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/all"
)

// TestSnippets loads every block of TOML in the documentation. One that shows a part of a file is given
// an input or an output; one of another program says whose it is behind the word toml.
func TestSnippets(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("RACK", "4")
	whole := 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range snippets(string(text)) {
			toml := s.text
			hasInput, hasOutput := strings.Contains(toml, "[[inputs."), strings.Contains(toml, "[[outputs.")
			if hasInput && hasOutput {
				whole++
			}
			if !hasInput {
				toml += "\n[[inputs.simulate]]\n"
			}
			if !hasOutput {
				toml += "\n[[outputs.stdout]]\n"
			}
			toml = strings.Repeat("\n", s.line) + toml // so that faults bear the page's lines
			plan, err := conf.Parse(all.Plugins(), page, []byte(toml))
			if err != nil {
				t.Error(err)
				continue
			}
			for _, w := range plan.Warnings {
				t.Errorf("a warning: %s", w)
			}
		}
	}
	if whole < 4 {
		t.Errorf("%d whole files were found in the documentation: is it still read right?", whole)
	}
}

// snippet is a block of TOML.
type snippet struct {
	line int // of the mark before it
	text string
}

func snippets(page string) []snippet {
	var all []snippet
	open := false
	for i, line := range strings.Split(page, "\n") {
		switch mark := strings.TrimSpace(line); {
		case !open && mark == "```toml":
			open, all = true, append(all, snippet{line: i + 1})
		case open && mark == "```":
			open = false
		case open:
			all[len(all)-1].text += line + "\n"
		}
	}
	return all
}
