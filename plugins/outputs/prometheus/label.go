package prometheus

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// line returns `family{labels} `. Tags whose keys become the same label keep their order, by key, and
// the second is called label_2; a label of the family's own comes before all tags.
func line(family string, own []sdk.Tag, tags []sdk.Tag) string {
	if len(own)+len(tags) == 0 {
		return family + " "
	}
	var b strings.Builder
	b.WriteString(family)
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
			escape(&b, t.Value, true)
			b.WriteByte('"')
			separator = ','
		}
	}
	b.WriteString("} ")
	return b.String()
}

func unused(names []string, name string) string {
	try := name
	for n := 2; slices.Contains(names, try); n++ {
		try = strings.TrimSuffix(name, "_") + "_" + strconv.Itoa(n)
	}
	return try
}

// escape writes text as the value of a label or a help text; that of the text format has quotes as they are.
func escape(b *strings.Builder, text string, quotes bool) {
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '"' && quotes:
			b.WriteString(`\"`)
		default:
			b.WriteRune(r)
		}
	}
}
