package prometheus

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// line is what a series of the page is known by, and what its line begins with. The lines that come of one series
// of the stream share the text of their labels.
type line struct{ family, labels string }

// labelsOf returns `{labels} `. Tags whose keys become the same label keep their order, by key, and
// the second is called label_2; a label of the family's own comes before all tags.
func labelsOf(own []sdk.Tag, tags []sdk.Tag) string {
	if len(own)+len(tags) == 0 {
		return " "
	}
	var b strings.Builder
	separator := byte('{')
	var room [24]string
	names := room[:0]
	for _, group := range [2][]sdk.Tag{own, tags} {
		for _, t := range group {
			name := unused(names, legalName(t.Key))
			names = append(names, name)
			b.WriteByte(separator)
			b.WriteString(name)
			b.WriteString(`="`)
			b.WriteString(escape(t.Value, true))
			b.WriteByte('"')
			separator = ','
		}
	}
	b.WriteString("} ")
	return b.String()
}

// reasonLabels are the labels of the lines of one series of the stream, for each label reason that they have.
type reasonLabels []struct{ reason, labels string }

// of returns the labels of the columns with the reason, which may be none.
func (l *reasonLabels) of(reason string, tags []sdk.Tag) string {
	for _, known := range *l {
		if known.reason == reason {
			return known.labels
		}
	}
	var own []sdk.Tag
	if reason != "" {
		own = []sdk.Tag{{Key: "reason", Value: reason}}
	}
	labels := labelsOf(own, tags)
	*l = append(*l, struct{ reason, labels string }{reason, labels})
	return labels
}

func unused(names []string, name string) string {
	try := name
	for n := 2; slices.Contains(names, try); n++ {
		try = strings.TrimSuffix(name, "_") + "_" + strconv.Itoa(n)
	}
	return try
}

// escape returns text as the value of a label or a help text; that of the text format has quotes as they are.
func escape(text string, quotes bool) string {
	text = escapes.Replace(strings.ToValidUTF8(text, "\uFFFD"))
	if quotes {
		text = strings.ReplaceAll(text, `"`, `\"`)
	}
	return text
}

var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
