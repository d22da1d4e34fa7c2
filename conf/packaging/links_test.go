package packaging_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLinksOfPackagedPages follows each relative link of a packaged page to something packaged.
func TestLinksOfPackagedPages(t *testing.T) {
	p := readParcel(t)
	there, from, linked := make(map[string]bool), make(map[string]string), make(map[string]string)
	for _, c := range p.Contents {
		if c.Type == "symlink" {
			linked[c.Dst] = path.Join(path.Dir(c.Dst), c.Src)
			continue
		}
		for src, dst := range installed(t, c.Src, c.Dst) {
			from[dst] = src
			for ; dst != "/" && !there[dst]; dst = path.Dir(dst) {
				there[dst] = true
			}
		}
	}
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	links := 0
	for dst, src := range from {
		if !strings.HasSuffix(dst, ".md") {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(read(t, src), -1) {
			if strings.Contains(found[1], ":") { // of the web
				continue
			}
			links++
			target := path.Join(path.Dir(dst), found[1])
			for link, to := range linked {
				if below, ok := strings.CutPrefix(target, link+"/"); ok {
					target = path.Join(to, below)
				}
			}
			if !there[target] {
				t.Errorf("%s links to %s: the package has no %s", dst, found[1], target)
			}
		}
	}
	if links < 20 {
		t.Errorf("%d links", links)
	}
}

// installed returns where nfpm puts what a pattern matches: below dst, without the folders that all matches share.
// A pattern that is a path goes to dst itself.
func installed(t *testing.T, src, dst string) map[string]string {
	t.Helper()
	if !strings.ContainsAny(src, "*?[{") {
		return map[string]string{src: dst}
	}
	matches, err := filepath.Glob(src)
	if err != nil {
		t.Fatal(err)
	}
	shared := filepath.Dir(src)
	for strings.ContainsAny(shared, "*?[{") {
		shared = filepath.Dir(shared)
	}
	files := make(map[string]string)
	for _, match := range matches {
		below, err := filepath.Rel(shared, match)
		if info, statErr := os.Stat(match); err != nil || statErr != nil || info.IsDir() {
			t.Errorf("%s is no file: %v, %v", match, err, statErr)
		}
		files[match] = path.Join(dst, filepath.ToSlash(below))
	}
	return files
}
