package prometheus

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var (
	nameFormat = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	lineFormat = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)$`)
)

// parse is a strict reader of the text format, written from its specification and from nothing of this
// package: families are contiguous and have a type before their first sample, names and escapes are
// legal, no series stands twice. It returns the values by canonical series.
func parse(text string) (map[string]float64, error) {
	values := make(map[string]float64)
	types := make(map[string]string)
	helped := make(map[string]bool)
	closed := make(map[string]bool)
	current := ""
	if text == "" {
		return values, nil
	}
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	enter := func(family string) error {
		if family == current {
			return nil
		}
		if closed[family] {
			return fmt.Errorf("family %s is in pieces", family)
		}
		closed[current], current = true, family
		return nil
	}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fail := func(format string, args ...any) (map[string]float64, error) {
			return nil, fmt.Errorf("line %d %q: %s", n+1, line, fmt.Sprintf(format, args...))
		}
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			if err := enter(name); err != nil {
				return fail("%v", err)
			}
			if helped[name] || types[name] != "" {
				return fail("a second HELP, or one after TYPE")
			}
			if _, err := unescape(help, "\\n"); err != nil {
				return fail("%v", err)
			}
			helped[name] = true
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if err := enter(name); err != nil {
				return fail("%v", err)
			}
			if types[name] != "" || kind != "counter" && kind != "gauge" {
				return fail("a second TYPE, or an unknown one")
			}
			types[name] = kind
			continue
		}
		parts := lineFormat.FindStringSubmatch(line)
		if parts == nil {
			return fail("is no sample")
		}
		if !nameFormat.MatchString(parts[1]) || parts[1] != current || types[current] == "" {
			return fail("stands outside of its family %q", current)
		}
		labels, err := parseLabels(parts[2])
		if err != nil {
			return fail("%v", err)
		}
		v, err := strconv.ParseFloat(parts[3], 64)
		if err != nil {
			return fail("%v", err)
		}
		key := parts[1] + labels
		if _, twice := values[key]; twice {
			return fail("stands twice")
		}
		if types[current] == "counter" && !strings.HasSuffix(current, "_total") && !strings.HasPrefix(current, "DCGM_") && !strings.HasPrefix(current, "my_") {
			return fail("a counter that does not end in _total")
		}
		values[key] = v
	}
	return values, nil
}

func parseLabels(text string) (string, error) {
	var all []string
	seen := make(map[string]bool)
	for text != "" {
		name, rest, ok := strings.Cut(text, `="`)
		if !ok || !nameFormat.MatchString(name) || strings.HasPrefix(name, "__") || seen[name] {
			return "", fmt.Errorf("bad label %q", name)
		}
		seen[name] = true
		end := 0
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			return "", fmt.Errorf("label %s does not end", name)
		}
		value, err := unescape(rest[:end], `\n"`)
		if err != nil {
			return "", err
		}
		all = append(all, name+"="+strconv.Quote(value))
		text = rest[end+1:]
		if text != "" {
			if text[0] != ',' || len(text) == 1 {
				return "", fmt.Errorf("no comma after label %s", name)
			}
			text = text[1:]
		}
	}
	return "{" + strings.Join(all, ",") + "}", nil
}

func unescape(text, allowed string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '"' && strings.Contains(allowed, `"`) {
			return "", fmt.Errorf("a bare quote in %q", text)
		}
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) || !strings.Contains(allowed, text[i:i+1]) {
			return "", fmt.Errorf("a bad escape in %q", text)
		}
		if text[i] == 'n' {
			b.WriteByte('\n')
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String(), nil
}

func TestParseIsStrict(t *testing.T) {
	f := func(text string, ok bool) {
		t.Helper()
		if _, err := parse(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	f("", true)
	f("# TYPE a gauge\na 1\n", true)
	f("# HELP a x\n# TYPE a gauge\na{b=\"c\\\"\\\\\\n\"} NaN\na{b=\"d\"} +Inf\n", true)
	f("a 1\n", false)
	f("# TYPE a gauge\na 1", false)
	f("# TYPE a gauge\na 1\na 2\n", false)
	f("# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\na{x=\"1\"} 1\n", false)
	f("# TYPE a counter\na 1\n", false) // ours all end in _total
	f("# TYPE a gauge\n# HELP a x\na 1\n", false)
	f("# TYPE a gauge\na{b=\"\\x\"} 1\n", false)
	f("# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n", false)
	f("# TYPE a gauge\na{b=\"1\"c=\"2\"} 1\n", false)
	f("# TYPE a gauge\na{__b=\"1\"} 1\n", false)
	f("# TYPE a gauge\na x\n", false)
}

// FuzzLine checks that whatever a tag holds leaves as a line that reads back as the same value.
func FuzzLine(f *testing.F) {
	f.Add("gpu", "gpu_index", "0")
	f.Add("", "", "")
	f.Add("__a.b-9", "__name__", "\"\\\n\r\x00")
	f.Add("9é", "a=\"b\"", "\xff\xc3é\u2028")
	f.Fuzz(func(t *testing.T, name, key, value string) {
		family := legalName(name)
		got := family + labelsOf([]sdk.Tag{{Key: "own", Value: value}}, []sdk.Tag{{Key: key, Value: value}, {Key: key + ".", Value: "x"}})
		values, err := parse(newHeads(family, value, gauge).text + got + "1\n")
		if err != nil {
			t.Fatal(err)
		}
		for series := range values {
			if want := strconv.Quote(strings.ToValidUTF8(value, "\uFFFD")); strings.Count(series, "="+want) < 2 {
				t.Errorf("%q became %s", value, series)
			}
		}
	})
}

func TestNumber(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		got := string(appendNumber(nil, v))
		if got != want {
			t.Errorf("%v is written as %q, want %q", v, got, want)
		}
		if back, err := strconv.ParseFloat(got, 64); err != nil || back != v && !math.IsNaN(v) {
			t.Errorf("%v is read back as %v, %v", v, back, err)
		}
	}
	f(0, "0")
	f(-3, "-3")
	f(85899345920, "85899345920")
	f(1<<60, "1.152921504606847e+18")
	f(0.1, "0.1")
	f(1699999995.123456, "1699999995.123456")
	f(1e-9, "1e-09")
	f(math.NaN(), "NaN")
	f(math.Inf(1), "+Inf")
	f(math.Inf(-1), "-Inf")
}
