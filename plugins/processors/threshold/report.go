package threshold

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

var (
	activeEvent = vocabulary.Field(vocabulary.Event, "active")
	activeState = vocabulary.Field(vocabulary.Threshold, "active")
)

// restate is how often a state that does not change is told again.
const restate = int64(time.Minute)

// changed reports that a rule has become active, or is no longer, at t.
func (p *Threshold) changed(b *sdk.Batch, s *subject, st *state, t int64, message string) {
	s.notes = p.notes(s.active)
	severity := vocabulary.Notice
	if st.active {
		severity = st.rule.severity
	}
	tags := without(s.series, vocabulary.TagWindow, vocabulary.TagPart,
		vocabulary.TagEvent, vocabulary.TagCode, vocabulary.TagSeverity)
	m := p.events.On(b, tags, t).Add(vocabulary.EventRule, st.rule.name, severity, message)
	m.Set(activeEvent, asInt(st.active))
	if v, ok := s.reading(st); ok && st.live {
		m.Set(valueField, sdk.FloatValue(v))
	}
	p.tell(b, s, st, t)
}

var valueField = vocabulary.Field(vocabulary.Event, "value")

// tell adds a metric that says whether a rule is active.
func (p *Threshold) tell(b *sdk.Batch, s *subject, st *state, t int64) {
	if st.series == nil || st.series.Left() {
		tags := without(s.series, vocabulary.TagWindow, vocabulary.TagPart)
		tags = append(tags, sdk.Tag{Key: vocabulary.TagRule, Value: st.rule.name})
		if s.window != "" {
			tags = append(tags, sdk.Tag{Key: vocabulary.TagRuleWindow, Value: s.window})
		}
		st.series = b.Series(vocabulary.Threshold, tags...)
	}
	m := b.Add(st.series, t)
	m.SetClass(sdk.ClassInfo)
	m.Set(activeState, asInt(st.active))
	st.stated = t
}

// due reports whether a state that did not change must be told again.
func (st *state) due(t int64) bool {
	return st.stated == noTime || t >= st.stated+restate || t < st.stated-restate
}

func asInt(b bool) sdk.Value { return sdk.IntValue(int64(number(b))) }

// reading returns the first number that the condition reads.
func (s *subject) reading(st *state) (float64, bool) {
	for _, i := range st.rule.cells {
		if c := &s.cells[i]; c.has && !s.columns[i].text {
			return c.number, true
		}
	}
	return 0, false
}

func (s *subject) firedMessage(st *state) string {
	head := st.rule.message
	if head == "" {
		head = st.rule.name + ": " + st.rule.text
		if st.rule.hold > 0 {
			head += " for " + short(st.rule.hold)
		}
	}
	return head + s.suffix() + s.readings(st)
}

func (s *subject) clearedMessage(st *state) string {
	return st.rule.name + " is over" + s.suffix() + s.readings(st)
}

func (s *subject) lapsedMessage(st *state) string {
	return fmt.Sprintf("%s is over%s: nothing to judge by for %s", st.rule.name, s.suffix(), short(s.gap))
}

func (s *subject) suffix() string {
	if s.window == "" {
		return ""
	}
	return " (window " + s.window + ")"
}

// readings lists what the condition reads.
func (s *subject) readings(st *state) string {
	var b strings.Builder
	for n, i := range st.rule.cells {
		b.WriteString([...]string{": ", ", "}[min(n, 1)])
		b.WriteString(s.columns[i].name + " = ")
		if c := &s.cells[i]; s.columns[i].text {
			b.WriteString(quote(c.text))
		} else {
			b.WriteString(plain(c.number))
		}
	}
	return b.String()
}

// plain writes a number for people: whole ones in full, others to six digits.
func plain(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// short writes a duration without zeros at its end.
func short(ns int64) string {
	s := time.Duration(ns).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
