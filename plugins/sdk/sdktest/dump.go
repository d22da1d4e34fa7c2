package sdktest

import (
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Dump returns each metric of b as a line, in the order of the batch. The package comment describes the
// lines; [Parse] reads them.
func Dump(b *sdk.Batch) []string { return dump(b, false) }

// DumpFull is Dump with the kind and the unit of each field.
func DumpFull(b *sdk.Batch) []string { return dump(b, true) }

func dump(b *sdk.Batch, full bool) []string {
	lines := []string{}
	for m := range b.All() {
		lines = append(lines, line(m, full))
	}
	return lines
}

// Line returns one metric as [Dump] does.
func Line(m *sdk.Metric) string { return line(m, false) }

func line(m *sdk.Metric, full bool) string {
	var w strings.Builder
	writeSeries(&w, m.Series())
	w.WriteByte(' ')
	if m.Len() == 0 {
		w.WriteByte('-')
	}
	for slot := range m.Len() {
		if slot > 0 {
			w.WriteByte(',')
		}
		f := m.Field(slot)
		w.WriteString(escape(f.Name))
		if full {
			w.WriteString(":" + f.Kind.String() + ":" + escape(string(f.Unit)))
		}
		w.WriteByte('=')
		w.WriteString(value(m.Value(slot)))
	}
	w.WriteString(" " + strconv.FormatInt(m.Time(), 10))
	if m.Class() != sdk.ClassSample {
		w.WriteString(" class=" + m.Class().String())
	}
	if m.Absorbed() {
		w.WriteString(" absorbed")
		writeRead(&w, m)
	}
	if tags := m.Annotations().Tags(); len(tags) > 0 {
		w.WriteString(" notes=")
		writeTags(&w, tags)
	}
	if m.Origin() != m.Series() {
		w.WriteString(" origin=")
		writeSeries(&w, m.Origin())
	}
	return w.String()
}

// writeRead names the fields that windows have read where they have not read all.
func writeRead(w *strings.Builder, m *sdk.Metric) {
	if !m.Unread() {
		return
	}
	sep := byte('=')
	for slot := range m.Len() {
		if m.Read(slot) {
			w.WriteByte(sep)
			w.WriteString(escape(m.Field(slot).Name))
			sep = ','
		}
	}
}

func value(v sdk.Value) string {
	switch v.Type() {
	case sdk.Int:
		return v.String() + "i"
	case sdk.Uint:
		return v.String() + "u"
	case sdk.String:
		return strconv.Quote(v.Text())
	}
	return v.String()
}

func writeSeries(w *strings.Builder, s *sdk.Series) {
	w.WriteString(escape(s.Name()))
	if len(s.Tags()) > 0 {
		w.WriteByte(',')
		writeTags(w, s.Tags())
	}
}

func writeTags(w *strings.Builder, tags []sdk.Tag) {
	for i, t := range tags {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteString(escape(t.Key) + "=" + escape(t.Value))
	}
}

var escaper = strings.NewReplacer(`\`, `\\`, `,`, `\,`, ` `, `\ `, `=`, `\=`, `:`, `\:`, "\n", `\n`, "\r", `\r`, `"`, `\"`)

func escape(s string) string { return escaper.Replace(s) }
