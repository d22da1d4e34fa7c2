package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFiguresAreTold holds the agent's own figures, and the reasons for which it drops, against the pages: each is
// told somewhere, and nothing is told that is not there.
func TestFiguresAreTold(t *testing.T) {
	inCode, inPages := make(map[string]bool), make(map[string]bool)
	figure, named := regexp.MustCompile(`"(gpuline_[a-z0-9_]*[a-z0-9])"`), regexp.MustCompile(`\b(gpuline_[a-z0-9_]*[a-z0-9])(\.py)?`)
	reason := regexp.MustCompile(`\bReason += "(\w+)"`)
	var reasons []string
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		code := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if err != nil || !code && !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		if !code {
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				inPages[m[1]] = inPages[m[1]] || m[2] == ""
			}
			return err
		}
		for _, m := range figure.FindAllStringSubmatch(string(text), -1) {
			inCode[m[1]] = true
		}
		for _, m := range reason.FindAllStringSubmatch(string(text), -1) {
			reasons = append(reasons, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(inCode)) {
		if !inPages[name] {
			t.Errorf("no page tells what %s is", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inPages)) {
		if inPages[name] && !inCode[name] {
			t.Errorf("a page names %s, and there is no such figure", name)
		}
	}
	page, err := os.ReadFile("running.md")
	if err != nil || len(inCode) < 50 || len(reasons) < 10 {
		t.Fatalf("%d figures and %d reasons are in the code: is it still read right? %v", len(inCode), len(reasons), err)
	}
	for _, r := range reasons {
		if !strings.Contains(string(page), "`"+r+"`") {
			t.Errorf("running.md does not say what to do about the reason %s", r)
		}
	}
}
