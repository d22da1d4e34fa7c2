package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/dcgm/counters"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// conversion is what becomes of a counters file.
type conversion struct {
	source  *gpuSource
	metrics []metric // on the page
	labels  []string // of each of them
	reasons []string // why the others are not: "FIELD: reason"
}

// metric is a name on the page, and the field of the counters file that it stands for.
type metric struct{ name, field string }

// convert sorts counters by what the source gives.
func convert(s *gpuSource, list []counters.Counter) *conversion {
	v := &conversion{source: s}
	for _, c := range list {
		name, reason := s.serve(c)
		switch {
		case reason != "":
			v.reasons = append(v.reasons, c.Field+": "+reason)
		case c.Kind == counters.Label:
			v.labels = append(v.labels, c.Field)
		case slices.ContainsFunc(v.metrics, func(m metric) bool { return m.name == name }):
			v.reasons = append(v.reasons, c.Field+": "+name+" is the same reading")
		default:
			v.metrics = append(v.metrics, metric{name, c.Field})
		}
	}
	return v
}

// firstProfiling is the least DCGM id of the profiling counters.
const firstProfiling = 1001

// serve returns the name under which naming = "dcgm" shows a counter, or why there is none.
func (s *gpuSource) serve(c counters.Counter) (name, reason string) {
	r, known := vocabulary.ByDCGMName(c.Field)
	switch {
	case c.Kind == counters.Label && c.Field == vocabulary.DCGMDriver:
		return c.Field, ""
	case c.Kind == counters.Label:
		return "", "a label that gpuline does not write"
	case strings.HasPrefix(c.Field, "DCGM_EXP_"):
		return "", "dcgm-exporter counts this itself; gpuline makes events and rules of what happens"
	case !known:
		if near := sdk.Nearest(c.Field, dcgmNames()); near != "" {
			return "", "not known to gpuline; did you mean " + near + "?"
		}
		return "", "not known to gpuline"
	case !s.Reads(&r) && r.DCGM.ID >= firstProfiling:
		return "", "needs DCGM's profiling counters, which inputs." + s.Input + " does not read"
	case !s.Reads(&r):
		return "", "inputs." + s.Input + " does not read it"
	}
	as, ok := vocabulary.AsDCGM(r.Metric, r.Name)
	if !ok {
		return "", "a text, which is no metric"
	}
	return as.Measurement, ""
}

// dcgmNames lists the names that gpuline knows.
func dcgmNames() []string {
	var names []string
	for _, r := range vocabulary.All() {
		for _, d := range append([]vocabulary.DCGM{r.DCGM}, r.DCGMBetter...) {
			for _, name := range []string{d.Name, d.NewName} {
				if name != "" {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// forCounters writes a configuration that serves counters under the same names. Those that cannot be
// served stand in it as comments, with the reason. name is that of their file.
func forCounters(s *gpuSource, name string, list []counters.Counter) (text, remark string, err error) {
	v := convert(s, list)
	if len(v.metrics) == 0 { // a filter of nothing would pass everything
		if len(list) == 0 {
			return "", "", errors.New("the file lists no field")
		}
		return "", "", errors.New("none of its fields can be served:\n  " + strings.Join(v.reasons, "\n  "))
	}
	remark = fmt.Sprintf("%d of %d fields are served", len(list)-len(v.reasons), len(list))
	if len(v.reasons) > 0 {
		remark += "; the file says why the others are not"
	}
	return v.text(name), remark, nil
}

func (v *conversion) text(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by `gpuline init --from-dcgm-counters` from %s.\n", strconv.Quote(name))
	b.WriteString(`# http://127.0.0.1:9445/metrics has the names, units and labels that dcgm-exporter gives to these fields.
#
#   gpuline run -c FILE
#
# docs/migrating.md says what differs.

[agent]
# dcgm-exporter's address, once it no longer runs:
# http = ":9400"

`)
	fmt.Fprintf(&b, "[[inputs.%s]]\n%s\n", v.source.Input, v.source.Polling)
	if pods := podsOf(onNode()); pods != "" {
		b.WriteString(strings.TrimPrefix(pods, "\n") + "\n")
	}
	b.WriteString("[[outputs.prometheus]]\nnaming = \"dcgm\"\n\n[outputs.prometheus.filter]\nmetrics = [\n")
	for _, m := range v.metrics {
		fmt.Fprintf(&b, "  %q,", m.name)
		if m.field != m.name {
			b.WriteString(" # " + m.field)
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
	if len(v.labels) > 0 {
		b.WriteString("# As a label of each: " + strings.Join(v.labels, ", ") + "\n")
	}
	if len(v.reasons) > 0 {
		b.WriteString("\n# Not served:\n#\n")
		for _, reason := range v.reasons {
			b.WriteString("#   " + reason + "\n")
		}
	}
	return b.String()
}
