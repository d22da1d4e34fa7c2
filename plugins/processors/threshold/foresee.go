package threshold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Foresee finds rules that never become active, or never cease to be by their own condition, since they wait for what
// nothing gives. Into tags it does not look: those come from anywhere.
func (c *Config) Foresee(in sdk.Outlook) (out sdk.Outlook, idle []sdk.Fault) {
	var more []string // rules that wait for other inputs, but for the first one
	waiting := 0
	for i := range c.Rules {
		r, at := &c.Rules[i], []string{"rules", strconv.Itoa(i)}
		when, end := r.parse(func(string, string, ...string) {})
		start, stop := r.waits(in, when, "becomes active"), r.waits(in, end, "ends by it")
		switch {
		case start == nil && stop == nil:
			continue
		case start == nil:
			idle = append(idle, stop.below(at, "clear"))
			continue
		case start.input:
			if waiting++; waiting > 1 {
				more = append(more, strconv.Quote(r.Name))
				continue
			}
		}
		idle = append(idle, start.below(at, "when"))
	}
	if len(more) > 0 {
		idle = append(idle, sdk.Fault{
			Path:    []string{"rules"},
			Problem: fmt.Sprintf("%d more wait for what the inputs here do not give: %s", len(more), strings.Join(more, ", ")),
		})
	}
	own := vocabulary.Outlook(func(r vocabulary.Reading) bool {
		return r.Metric == vocabulary.Threshold || r.Metric == vocabulary.Event
	})
	return in.Join(own), idle
}

// lack is what a condition waits for in vain.
type lack struct {
	problem, remedy string
	input           bool // another input might give it
}

// waits returns the first thing in a condition that nothing gives, or nil.
func (r *Rule) waits(in sdk.Outlook, condition *node, so string) *lack {
	fields, known := in.Of(r.Metric)
	if !known || condition == nil {
		return nil
	}
	so = ": the rule never " + so
	if len(fields) == 0 {
		return &lack{"nothing that comes here is a metric `" + r.Metric + "`" + so, metricRemedy(in, r.Metric), true}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(fields, func(f sdk.Field) bool { return f.Name == name })
	}
	for _, n := range numbers(condition) {
		if has(n.text) {
			continue
		}
		f := fault{place: n.place, problem: "nothing that comes here has `" + n.text + "`" + so}
		suffix := resultSuffix(r.Metric, n.text)
		base := strings.TrimSuffix(n.text, suffix)
		reading, isReading := vocabulary.Find(r.Metric, base)
		if isReading && has(base) {
			return &lack{f.at(), windowRemedy(reading.Field, suffix), false}
		}
		return &lack{f.at(), vocabulary.Remedy(in, r.Metric, base), isReading}
	}
	return nil
}

func (l *lack) below(rule []string, key string) sdk.Fault {
	return sdk.Fault{Path: append(slices.Clip(rule), key), Problem: l.problem, Remedy: l.remedy}
}

// numbers returns the names in a condition that stand for numbers: these are fields.
func numbers(n *node) []*node {
	isText := func(n *node) bool { return n != nil && n.op == opText }
	switch {
	case n == nil:
		return nil
	case n.op == opName:
		return []*node{n}
	case n.op == opHas:
		return numbers(n.left)
	case n.comparison() && (isText(n.left) || isText(n.right) || slices.ContainsFunc(n.list, isText)):
		return nil
	}
	all := append(numbers(n.left), numbers(n.right)...)
	for _, item := range n.list {
		all = append(all, numbers(item)...)
	}
	return all
}

func metricRemedy(in sdk.Outlook, metric string) string {
	var names []string
	for name, fields := range in.Fields {
		if len(fields) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if near := sdk.Nearest(metric, names); near != "" {
		return "did you mean `" + near + "`?"
	}
	if len(names) == 0 {
		return ""
	}
	return "the metrics here are " + strings.Join(names, ", ")
}

// windowRemedy says what makes the result of a field that is there, or what it makes instead.
func windowRemedy(f sdk.Field, suffix string) string {
	switch {
	case f.Kind == sdk.Info:
		return "windows make nothing of it: write `" + f.Name + "`"
	case f.Kind == sdk.Counter && suffix != "_rate":
		return "of a counter windows give the rate: write `" + f.Name + "_rate`"
	case f.Kind == sdk.Gauge && suffix == "_rate":
		return "of a gauge windows give the mean: write `" + f.Name + "_mean`"
	}
	return "it takes " + windowOf(f.Name, suffix) + " before the rules"
}

// windowOf returns the processor that makes a field with the suffix.
func windowOf(base, suffix string) string {
	switch suffix {
	case "_mean", "_rate":
		return "[[processors.average]]"
	case "_stddev", "_p50", "_p95", "_p99":
		return "[[processors.average]] with " + strconv.Quote(suffix[1:]) + " in its stats"
	case "_min":
		return "[[processors.peak]] with min = true"
	case "_above_seconds", "_excursions":
		return "[[processors.peak]] with above = { " + base + " = LEVEL }"
	case "_samples", "_resolution_seconds":
		return "[[processors.peak]] with evidence = true"
	}
	return "[[processors.peak]]"
}
