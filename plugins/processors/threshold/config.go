package threshold

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Config is the processor's table.
type Config struct {
	MaxGap time.Duration `toml:"max_gap" default:"30s" min:"1us" max:"8760h" doc:"A rule sees the last value of a field for so long; after a longer gap it starts anew."`
	Rules  []Rule        `toml:"rules" doc:"The rules, a table each; of tags that two active rules set, the more severe rule's win, then the earlier one's."`
}

// Rule is the table of a rule.
type Rule struct {
	Name     string            `toml:"name" required:"true" doc:"Name of the rule, of its own; the code of its events."`
	Metric   string            `toml:"metric" default:"gpu" doc:"Measurement that the rule reads."`
	When     string            `toml:"when" required:"true" doc:"Condition under which the rule becomes active."`
	For      time.Duration     `toml:"for" default:"0s" max:"8760h" doc:"It becomes active once the condition has been true for so long, in the time of the metrics."`
	Clear    string            `toml:"clear" doc:"Condition under which it ceases to be active; unless set, when the first one is no longer true."`
	Tags     map[string]string `toml:"tags" doc:"Tags that metrics get while the rule is active."`
	Severity string            `toml:"severity" enum:"info|warning|critical" doc:"Severity of its events, and the tag severity unless tags has one; unless set, that of tags, or warning."`
	Message  string            `toml:"message" doc:"What its events say, before the readings; unless set, the rule's name and condition."`
}

// maxRules bounds what a row can cost.
const maxRules = 1000

// Validate checks the rules, conditions included.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	if len(c.Rules) == 0 {
		faults.Add("there is no rule", "add a table [[processors.threshold.rules]]", "rules")
	}
	if len(c.Rules) > maxRules {
		faults.Add(fmt.Sprintf("more than %d rules", maxRules), "give some of them a processor of their own", "rules")
	}
	if c.MaxGap <= 0 {
		faults.Add("must be more than 0", "", "max_gap")
	}
	names := make(map[string]bool, len(c.Rules))
	for i := range c.Rules {
		r := &c.Rules[i]
		report := func(problem, remedy string, key ...string) {
			faults.Add(problem, remedy, append([]string{"rules", strconv.Itoa(i)}, key...)...)
		}
		if names[r.Name] {
			report("another rule has the name "+strconv.Quote(r.Name), "rename one", "name")
		}
		names[r.Name] = true
		r.check(report)
	}
	return faults.Err()
}

type reporter func(problem, remedy string, key ...string)

func (r *Rule) check(report reporter) {
	for _, text := range []struct{ key, value string }{{"name", r.Name}, {"metric", r.Metric}, {"message", r.Message}} {
		switch {
		case text.value == "" && text.key != "message":
			report("must not be empty", "", text.key)
		case strings.ContainsFunc(text.value, unicode.IsControl):
			report("must not contain line breaks or other control characters", "", text.key)
		}
	}
	if r.For < 0 {
		report("must not be negative", "", "for")
	}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		switch {
		case key == "" || r.Tags[key] == "":
			report("a tag needs a key and a value", "", "tags", key)
		case key == vocabulary.TagPart || isTag(r.Metric, key):
			report("metrics have a tag "+key+" already, and their own wins", "choose another key", "tags", key)
		}
	}
	if tag := r.Tags[vocabulary.TagSeverity]; r.Severity != "" && tag != "" && tag != r.Severity {
		report("is "+strconv.Quote(r.Severity)+", and in tags it is "+strconv.Quote(tag), "leave one of them out", "severity")
	}
	r.parse(report)
}

// parse returns the trees of the rule's conditions; end is nil where there is no clear. It returns nil for
// both after a fault.
func (r *Rule) parse(report reporter) (when, end *node) {
	when, ok := r.condition("when", r.When, report)
	if r.Clear != "" {
		var fine bool
		if end, fine = r.condition("clear", r.Clear, report); !fine {
			ok = false
		}
	}
	if !ok {
		return nil, nil
	}
	if f := r.meet(when, end); f != nil {
		report(f.problem, f.remedy, "when")
		return nil, nil
	}
	return when, end
}

func (r *Rule) condition(key, text string, report reporter) (*node, bool) {
	n, f := parse(text)
	if f != nil {
		report(f.at(), f.remedy, key)
		return nil, false
	}
	c := checker{measurement: cmp.Or(r.Metric, vocabulary.GPU)}
	c.condition(n)
	if len(c.faults) == 0 && len(names(n)) == 0 {
		c.report(n, "the condition names no field and no tag", "")
	}
	for _, f := range c.faults {
		report(f.at(), f.remedy, key)
	}
	return n, len(c.faults) == 0
}

// meet finds fields that no metric has together: a gauge is in samples, what windows make of it in
// results.
func (r *Rule) meet(when, end *node) *fault {
	var sample, result string
	for _, n := range []*node{when, end} {
		for _, name := range names(n) {
			f, known := vocabulary.Coerce(r.Metric, name)
			switch {
			case !known:
			case resultSuffix(r.Metric, name) != "":
				result = cmp.Or(result, name)
			case f.Kind == sdk.Gauge:
				sample = cmp.Or(sample, name)
			}
		}
	}
	if sample == "" || result == "" {
		return nil
	}
	return &fault{
		problem: fmt.Sprintf("no metric has both %q and %q: the first is in samples, the second in results of windows", sample, result),
		remedy:  "write `" + sample + "_mean` or the like, or make two rules of it",
	}
}

// names returns the fields and tags that a tree names, in order.
func names(n *node) []string {
	if n == nil {
		return nil
	}
	if n.op == opName {
		return []string{n.text}
	}
	all := names(n.left)
	if n.op != opHas {
		all = append(all, names(n.right)...)
	}
	for _, item := range n.list {
		all = append(all, names(item)...)
	}
	return all
}
