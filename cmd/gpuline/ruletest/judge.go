package ruletest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Failure is an expectation that is not met.
type Failure struct {
	Index int    // of the expectation in its test
	Text  string // such as "at 2m10s rule thermal of gpu_index=0 is clear, want active (…)"
}

// judge compares a record, which is settled, with what the test expects.
func (t *Test) judge(r *record) ([]Failure, error) {
	if r.first == math.MaxInt64 {
		return nil, errors.New("there is not one row in its data")
	}
	start := r.first
	if t.Start != "" || t.Trace == "" {
		at, err := t.begin()
		if err != nil {
			return nil, err
		}
		start = at.UnixNano()
	}
	var failures []Failure
	for i := range t.Expect {
		for _, text := range t.Expect[i].judge(r, start) {
			failures = append(failures, Failure{i, text})
		}
	}
	return failures, nil
}

func (e *Expectation) judge(r *record, start int64) []string {
	var texts []string
	evaluated := false
	from, to := start+int64(e.At), start+int64(e.end())
	for _, st := range r.order {
		if e.Rule != anyRule && e.Rule != st.rule || !bears(st.tags, e.Tags) || st.told[0].time > to {
			continue
		}
		evaluated = true
		switch all, some := st.activeIn(from, to); {
		case !e.Evaluated:
			texts = append(texts, fmt.Sprintf("%s has been evaluated, want none of it (from %s)", e.subject(st), since(start, st.told[0].time)))
		case e.Active && !all, !e.Active && some:
			texts = append(texts, fmt.Sprintf("%s is %s, want %s (%s)", e.subject(st), word(!e.Active, e.Until > e.At), word(e.Active, false), st.history(start)))
		}
	}
	if e.Evaluated && !evaluated {
		texts = append(texts, fmt.Sprintf("%s has not been evaluated, want %s (%s)", e.subject(nil), word(e.Active, false), e.why(r)))
	}
	return texts
}

// activeIn reports whether the rule is active at each instant, and at any, between two, both included.
func (st *state) activeIn(from, to int64) (all, some bool) {
	for _, s := range st.spans {
		all = all || s.from <= from && to < s.to
		some = some || s.from <= to && from < s.to
	}
	return all, some
}

func word(active, partly bool) string {
	w := "clear"
	if active {
		w = "active"
	}
	if partly {
		w += " at times"
	}
	return w
}

// subject says when, which rule and, where st is not nil, of what.
func (e *Expectation) subject(st *state) string {
	when := "at " + short(e.At)
	if e.Until > e.At {
		when = "from " + short(e.At) + " to " + short(e.Until)
	}
	rule, tags := e.Rule, ""
	if st != nil {
		rule, tags = st.rule, st.identity()
	} else if len(e.Tags) > 0 {
		tags = pairs(e.Tags)
	}
	if tags != "" {
		tags = " of " + tags
	}
	return when + " rule " + rule + tags
}

// identity names what a state is about, as briefly as it can.
func (st *state) identity() string {
	indexed := slices.ContainsFunc(st.tags, func(t sdk.Tag) bool { return t.Key == vocabulary.TagIndex })
	var b []string
	for _, t := range st.tags {
		switch t.Key {
		case vocabulary.TagRule, vocabulary.TagHost:
			continue
		case vocabulary.TagUUID, vocabulary.TagName, vocabulary.TagPCI, vocabulary.TagSource:
			if indexed {
				continue
			}
		}
		b = append(b, t.Key+"="+t.Value)
	}
	return strings.Join(b, ",")
}

// history tells when a rule is active.
func (st *state) history(start int64) string {
	const most = 4
	if len(st.spans) == 0 {
		return "never active"
	}
	var b []string
	for i, s := range st.spans {
		if i == most {
			b = append(b, fmt.Sprintf("and %d times more", len(st.spans)-most))
			break
		}
		text := "from " + since(start, s.from)
		if s.to != math.MaxInt64 {
			text += " to " + since(start, s.to)
		}
		b = append(b, text)
	}
	return "active " + strings.Join(b, ", ")
}

// why guesses why nothing was evaluated.
func (e *Expectation) why(r *record) string {
	for s := range r.series {
		if bears(s.Tags(), e.Tags) {
			return "by then nothing has come that it reads"
		}
	}
	return "no series has these tags"
}

func bears(tags []sdk.Tag, want map[string]string) bool {
	for key, value := range want {
		if !slices.Contains(tags, sdk.Tag{Key: key, Value: value}) {
			return false
		}
	}
	return true
}

func pairs(m map[string]string) string {
	var b []string
	for _, key := range sorted(m) {
		b = append(b, key+"="+m[key])
	}
	return strings.Join(b, ",")
}

func since(start, t int64) string { return short(time.Duration(t - start)) }

// short writes a duration without parts that are zero: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
