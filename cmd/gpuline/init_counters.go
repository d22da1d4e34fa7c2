package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// counter is a line of dcgm-exporter's counters file: FIELD, type, help.
type counter struct {
	field string // "DCGM_FI_DEV_GPU_TEMP"
	kind  string // one of counterKinds
}

const kindLabel = "label" // its value becomes a label of the others

var counterKinds = []string{"gauge", "counter", "histogram", "summary", kindLabel}

// counterFault is a line that is none.
type counterFault struct {
	line    int
	problem string
}

// parseCounters reads a counters file. It takes what dcgm-exporter takes, and blanks before a comment and
// commas in a help text besides. A field that is listed twice is returned once. It gives up after a dozen
// faults: that is another file.
func parseCounters(text string) (counters []counter, faults []counterFault) {
	seen := make(map[string]bool)
	text = strings.TrimPrefix(text, "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		c, problem := parseCounter(line)
		switch {
		case problem != "":
			if faults = append(faults, counterFault{i + 1, problem}); len(faults) == 12 {
				return nil, faults
			}
		case !seen[c.field]:
			seen[c.field] = true
			counters = append(counters, c)
		}
	}
	return counters, faults
}

func parseCounter(line string) (c counter, problem string) {
	cells := strings.SplitN(line, ",", 3)
	if len(cells) < 2 {
		return c, fmt.Sprintf("%.60q is no counter: write FIELD, type, help", line)
	}
	c = counter{field: unquote(cells[0]), kind: unquote(cells[1])}
	if !isMetricName(c.field) {
		return c, fmt.Sprintf("%.60q is not the name of a field", c.field)
	}
	if !slices.Contains(counterKinds, c.kind) {
		problem = fmt.Sprintf("%s has the unknown type %.60q: ", c.field, c.kind)
		if near := sdk.Nearest(c.kind, counterKinds); near != "" {
			return c, problem + fmt.Sprintf("did you mean %s?", near)
		}
		return c, problem + "there are " + strings.Join(counterKinds, ", ")
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
