package sdktest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Parse adds a metric to b for each line of text; see the package comment. A line that cannot be read
// ends the test.
func Parse(t testing.TB, b *sdk.Batch, text string) {
	t.Helper()
	for i, line := range Lines(text) {
		if err := parseLine(b, line); err != nil {
			t.Fatalf("sdktest.Parse: line %d: %v\n%s", i+1, err, line)
		}
	}
}

// Batch returns a batch of the catalog c with the metrics of text.
func Batch(t testing.TB, c *sdk.Catalog, text string) *sdk.Batch {
	t.Helper()
	b := sdk.NewBatch(c)
	Parse(t, b, text)
	return b
}

// Lines splits text into its lines, without space around them, empty lines and comments: what [Dump]
// gives can be compared with it.
func Lines(text string) []string {
	lines := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

func parseLine(b *sdk.Batch, line string) error {
	words := split(line, ' ')
	if len(words) < 3 {
		return errors.New("a line is a series, fields and a time")
	}
	name, tags, err := parseSeries(words[0])
	if err != nil {
		return err
	}
	ns, err := parseTime(words[2])
	if err != nil {
		return err
	}
	m := b.Add(b.Series(name, tags...), ns)
	if words[1] != "-" {
		for _, pair := range split(words[1], ',') {
			if err := parseField(m, pair); err != nil {
				return err
			}
		}
	}
	return parseMarks(b, m, words[3:])
}

func parseMarks(b *sdk.Batch, m *sdk.Metric, words []string) error {
	for _, word := range words {
		key, text, _ := strings.Cut(word, "=")
		switch key {
		case "absorbed":
			b.Absorb(m)
			if text != "" {
				read := split(text, ',')
				m.SetUnreadMask(sdk.NewMask(m.Schema(), func(f sdk.Field) bool { return slices.Contains(read, escape(f.Name)) }))
			}
		case "class":
			class, err := parseClass(text)
			if err != nil {
				return err
			}
			m.SetClass(class)
		case "notes":
			tags, err := parseTags(text)
			if err != nil {
				return err
			}
			m.Annotate(b.Catalog().Annotations(tags...))
		case "origin":
			name, tags, err := parseSeries(text)
			if err != nil {
				return err
			}
			class := m.Class()
			m.SetOrigin(b.Series(name, tags...))
			if class != sdk.ClassSample {
				m.SetClass(class)
			}
		default:
			return fmt.Errorf("%q is neither class=, absorbed, notes= nor origin=", word)
		}
	}
	return nil
}

func parseClass(text string) (sdk.Class, error) {
	for c := sdk.ClassSample; c <= sdk.ClassInfo; c++ {
		if c.String() == text {
			return c, nil
		}
	}
	return 0, fmt.Errorf("no class is called %q", text)
}

func parseSeries(text string) (string, []sdk.Tag, error) {
	name, rest := cut(text, ',')
	if name == "" {
		return "", nil, fmt.Errorf("series %q has no name", text)
	}
	if rest == "" {
		return unescape(name), nil, nil
	}
	tags, err := parseTags(rest)
	return unescape(name), tags, err
}

func parseTags(text string) ([]sdk.Tag, error) {
	var tags []sdk.Tag
	for _, pair := range split(text, ',') {
		key, val := cut(pair, '=')
		if key == "" || val == "" {
			return nil, fmt.Errorf("tag %q is not key=value", pair)
		}
		tags = append(tags, sdk.Tag{Key: unescape(key), Value: unescape(val)})
	}
	return tags, nil
}

func parseTime(text string) (int64, error) {
	if ns, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ns, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is neither nanoseconds nor a duration", text)
	}
	return int64(d), nil
}

func parseField(m *sdk.Metric, pair string) error {
	key, text := cut(pair, '=')
	if key == "" || key[0] == ':' || text == "" {
		return fmt.Errorf("field %q is not name=value", pair)
	}
	v, err := parseValue(text)
	if err != nil {
		return err
	}
	name, rest := cut(key, ':')
	f := FieldNamed(unescape(name), v.Type())
	if rest != "" {
		kind, unit, stated := strings.Cut(rest, ":")
		if f.Kind, err = parseKind(kind); err != nil {
			return err
		}
		if stated {
			f.Unit = sdk.Unit(unescape(unit))
		}
	}
	if m.Schema().Slot(f.Name) >= 0 {
		return fmt.Errorf("field %q stands twice", f.Name)
	}
	m.Set(f, v)
	return nil
}

// FieldNamed returns the field that [Parse] makes of a name: with the unit and the kind that the name
// tells.
func FieldNamed(name string, t sdk.Type) sdk.Field {
	f := sdk.Field{Name: name, Type: t}
	last := name[strings.LastIndexByte(name, '_')+1:]
	switch last {
	case "ratio", "bytes", "watts", "joules", "celsius", "hertz", "seconds", "volts":
		f.Unit = sdk.Unit(last)
	}
	if last != name && (last == "total" || last == "joules") {
		f.Kind = sdk.Counter
	}
	return f
}

func parseKind(text string) (sdk.Kind, error) {
	for k := sdk.Gauge; k <= sdk.Info; k++ {
		if k.String() == text {
			return k, nil
		}
	}
	return 0, fmt.Errorf("no kind is called %q", text)
}

func parseValue(text string) (sdk.Value, error) {
	switch last := text[len(text)-1]; {
	case text == "true" || text == "false":
		return sdk.BoolValue(text == "true"), nil
	case text[0] == '"':
		s, err := strconv.Unquote(text)
		return sdk.StringValue(s), err
	case last == 'i':
		n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
		return sdk.IntValue(n), err
	case last == 'u':
		n, err := strconv.ParseUint(text[:len(text)-1], 10, 64)
		return sdk.UintValue(n), err
	}
	v, err := strconv.ParseFloat(text, 64)
	return sdk.FloatValue(v), err
}

// split cuts text at each sep that is neither escaped nor within quotes; several separators in a row,
// as between aligned columns, count as one.
func split(text string, sep byte) []string {
	var parts []string
	for text != "" {
		var part string
		if part, text = cut(text, sep); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// cut cuts text at the first sep that is neither escaped nor within quotes.
func cut(text string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"' && (quoted || i > 0 && text[i-1] == '='):
			quoted = !quoted
		case c == sep && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

var unescaper = strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\ `, ` `, `\=`, `=`, `\:`, `:`, `\n`, "\n", `\r`, "\r", `\"`, `"`)

func unescape(s string) string { return unescaper.Replace(s) }
