package sdk

import (
	"fmt"
	"strings"
)

// KeyTable writes options as a table in Markdown, keys of nested tables with a dot; without options it
// writes that there is none.
func KeyTable(options []Option) string {
	if len(options) == 0 {
		return "\nIt has no keys of its own.\n"
	}
	var b strings.Builder
	b.WriteString("\n| key | type | default | unit | meaning |\n|---|---|---|---|---|\n")
	writeOptions(&b, "", options)
	return b.String()
}

func writeOptions(b *strings.Builder, prefix string, options []Option) {
	for i := range options {
		o := &options[i]
		doc := o.Doc
		leaf := o.Leaf()
		if o.Required {
			doc += " Required."
		}
		if leaf.Enum != nil {
			doc += " One of `" + strings.Join(leaf.Enum, "`, `") + "`."
		}
		switch {
		case leaf.Min != "" && leaf.Max != "":
			doc += fmt.Sprintf(" From %s to %s.", leaf.Min, leaf.Max)
		case leaf.Min != "":
			doc += fmt.Sprintf(" At least %s.", leaf.Min)
		case leaf.Max != "":
			doc += fmt.Sprintf(" At most %s.", leaf.Max)
		}
		value := ""
		if o.Default != "" {
			value = "`" + o.Default + "`"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s | %s |\n", prefix, o.Key, o.Type(), tableCell(value), tableCell(o.Unit), tableCell(doc))
		if len(leaf.Options) > 0 {
			writeOptions(b, prefix+o.Key+".", leaf.Options)
		}
	}
}

func tableCell(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "|", `\|`) }
