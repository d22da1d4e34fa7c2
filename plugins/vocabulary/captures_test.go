package vocabulary_test

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// captures returns the folder with what real cards printed.
func captures(t *testing.T) string {
	dir := os.Getenv("GPULINE_CAPTURES")
	if dir == "" {
		t.Skip("GPULINE_CAPTURES is not set: what real drivers printed is not at hand")
	}
	return dir
}

func TestCSVNamesExist(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(captures(t), "session", "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no session transcripts: %v", err)
	}
	quoted := regexp.MustCompile(`"([^"]+)"`)
	known := map[string]bool{}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		inside := false
		for lines := bufio.NewScanner(file); lines.Scan(); {
			line := lines.Text()
			if strings.HasPrefix(line, "# $ ") {
				inside = strings.Contains(line, "--help-query-gpu")
			}
			if inside && strings.HasPrefix(line, `"`) {
				for _, m := range quoted.FindAllStringSubmatch(line, -1) {
					known[m[1]] = true
				}
			}
		}
	}
	for _, r := range vocabulary.All() {
		for _, name := range append([]string{r.CSV}, r.CSVOlder...) {
			if name != "" && !known[name] {
				t.Errorf("%s: no driver knows the query field %s", r.Name, name)
			}
		}
	}
}

func TestDCGMNamesKnown(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(captures(t), "dcgm", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures of dcgm-exporter: %v", err)
	}
	field := regexp.MustCompile(`(?m)^(DCGM_FI_[A-Z0-9_]+)[ ,{]`)
	// What is no reading of a GPU, or only a label.
	others := []string{"DCGM_FI_DEV_VGPU_LICENSE_STATUS"}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range field.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if _, ok := vocabulary.ByDCGMName(name); !ok && !slices.Contains(others, name) {
				t.Errorf("%s: %s is not in the table", filepath.Base(path), name)
			}
		}
	}
}

func TestXMLPathsExist(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(captures(t), "*", "*.xml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no XML: %v", err)
	}
	known := map[string]bool{}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := elements(file, known); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	// Driver 610's, of which there is no document among the captures.
	for _, path := range []string{
		"../kmd_version", "../cuda_umd_version", "gpu_power_readings/gpu_ceiling_power_limit/current_power_limit",
		"gpu_power_readings/gpu_ceiling_power_limit/default_power_limit", "gpu_power_readings/gpu_ceiling_power_limit/requested_power_limit",
	} {
		if known[path] {
			t.Errorf("%s is printed by a card: it needs no mention here", path)
		}
		known[path] = true
	}
	for _, r := range vocabulary.All() {
		for path := range strings.SplitSeq(r.XML, ", ") {
			if path != "" && !slices.ContainsFunc(expand(path), func(p string) bool { return known[p] }) {
				t.Errorf("%s: no card prints %s", r.Name, path)
			}
		}
	}
}

// elements adds the paths of an nvidia-smi document, as the table writes them.
func elements(r io.Reader, known map[string]bool) error {
	var open []string
	for d := xml.NewDecoder(r); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			switch {
			case len(open) > 2 && open[1] == "gpu":
				known[strings.Join(open[2:], "/")] = true
			case len(open) == 2:
				known["../"+open[1]] = true
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

// expand lists what a path with {a,b} and a final * may stand for.
func expand(path string) []string {
	path = strings.TrimSuffix(path, "*")
	before, rest, ok := strings.Cut(path, "{")
	if !ok {
		return []string{path}
	}
	choices, after, _ := strings.Cut(rest, "}")
	var all []string
	for choice := range strings.SplitSeq(choices, ",") {
		all = append(all, before+choice+after)
	}
	return all
}
