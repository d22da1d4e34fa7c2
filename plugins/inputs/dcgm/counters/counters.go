// Package counters reads the file that tells dcgm-exporter which fields to show: FIELD, type, help.
package counters

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Counter is a line of the file.
type Counter struct {
	Field string // "DCGM_FI_DEV_GPU_TEMP"
	Kind  string // gauge, counter, histogram, summary or Label
}

// Label is the kind of a field whose value becomes a label of the others.
const Label = "label"

var kinds = []string{"gauge", "counter", "histogram", "summary", Label}

// Fault is a line that is none.
type Fault struct {
	Line    int
	Problem string
}

// Parse reads a counters file. It takes what dcgm-exporter takes, and blanks before a comment and
// commas in a help text besides. A field that is listed twice is returned once. It gives up after a dozen
// faults: that is another file.
func Parse(text string) (counters []Counter, faults []Fault) {
	seen := make(map[string]bool)
	text = strings.TrimPrefix(text, "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		c, problem := parse(line)
		switch {
		case problem != "":
			if faults = append(faults, Fault{i + 1, problem}); len(faults) == 12 {
				return nil, faults
			}
		case !seen[c.Field]:
			seen[c.Field] = true
			counters = append(counters, c)
		}
	}
	return counters, faults
}

func parse(line string) (c Counter, problem string) {
	cells := strings.SplitN(line, ",", 3)
	if len(cells) < 2 {
		return c, fmt.Sprintf("%.60q is no counter: write FIELD, type, help", line)
	}
	c = Counter{Field: unquote(cells[0]), Kind: unquote(cells[1])}
	if !isMetricName(c.Field) {
		return c, fmt.Sprintf("%.60q is not the name of a field", c.Field)
	}
	if !slices.Contains(kinds, c.Kind) {
		problem = fmt.Sprintf("%s has the unknown type %.60q: ", c.Field, c.Kind)
		if near := sdk.Nearest(c.Kind, kinds); near != "" {
			return c, problem + fmt.Sprintf("did you mean %s?", near)
		}
		return c, problem + "there are " + strings.Join(kinds, ", ")
	}
	return c, ""
}

// unquote takes the blanks around a cell, and the quotes that CSV allows.
func unquote(cell string) string {
	cell = strings.TrimSpace(cell)
	if len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
		return strings.TrimSpace(cell[1 : len(cell)-1])
	}
	return cell
}

// isMetricName reports whether Prometheus would take s as a metric's name.
func isMetricName(s string) bool {
	for i, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', r == ':':
		case r >= '0' && r <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}
