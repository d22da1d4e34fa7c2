package conf

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/pipeline"
)

// writer writes random TOML: every kind of key, heading, string, list and inline table. Names are never
// used twice, so that the library accepts what it writes.
type writer struct {
	*rand.Rand
	names int
}

func (w *writer) pick(of ...string) string { return of[w.IntN(len(of))] }

func (w *writer) name() string {
	w.names++
	return fmt.Sprintf(w.pick("k%d", "K-%d", `"q %d"`, `'l.%d'`, `"e\u00e9\t\"%d"`, `"é#%d"`, "%d"), w.names)
}

func (w *writer) key() string {
	key := w.name()
	for w.IntN(4) == 0 {
		key += w.pick(".", " . ", ". ", " .") + w.name()
	}
	return key
}

func (w *writer) blank() string {
	return w.pick("", "", " ", "\t", "\n", "\r\n", " # c [x] = {\"'\n", "\n\n  ")
}

func (w *writer) value(depth int) string {
	if depth < 3 && w.IntN(3) == 0 {
		open, closing, item := "[", "]", func() string { return w.value(depth + 1) }
		if w.IntN(2) == 0 {
			open, closing, item = "{", "}", func() string { return w.pair(depth + 1) }
		}
		var items []string
		for range w.IntN(4) {
			items = append(items, w.blank()+item()+w.blank())
		}
		trailing := ""
		if len(items) > 0 && open == "[" && w.IntN(2) == 0 {
			trailing = "," + w.blank()
		}
		return open + strings.Join(items, ",") + trailing + closing
	}
	return w.pick("1", "-0x_f", "0b11", "1_000", "1e6", "-inf", "nan", "+3.5", "true", "false", "1979-05-27 07:32:00Z",
		"1979-05-27T00:32:00.999999-07:00", "07:32:00", "1979-05-27", `""`, `"a = \"b\" # [c]\\"`, `''`, `'a \ " #'`,
		`""""""`, "\"\"\"\n[x]\ny = 1\r\n\\\"\"\"\\\" z\"\"\"", "\"\"\"a\\\n   b\"\"\"\"\"", "''''''", "'''\r\n[x]\n'' y = '''", "'''a'''''")
}

func (w *writer) pair(depth int) string {
	value := w.value(depth)
	if strings.HasPrefix(value, "-0x") {
		value = "0xf"
	}
	return w.key() + w.pick("=", " = ", "\t=\t") + value
}

func (w *writer) document() string {
	var b strings.Builder
	b.WriteString(w.pick("", "\xef\xbb\xbf"))
	var tables []string
	for range w.IntN(12) {
		switch b.WriteString(w.blank()); w.IntN(5) {
		case 0:
			tables = append(tables, w.key())
			b.WriteString("[" + w.pick("", " ") + tables[len(tables)-1] + w.pick("", " ") + "]")
		case 1:
			name := w.key()
			if len(tables) > 0 && w.IntN(2) == 0 {
				name = tables[len(tables)-1] + "." + w.name()
			}
			for range 1 + w.IntN(3) {
				b.WriteString("[[" + name + "]]" + w.pick("", "# c") + "\n")
			}
			tables = append(tables, name)
		default:
			b.WriteString(w.pair(0))
		}
		b.WriteString(w.pick("\n", "\r\n", " # c\n"))
	}
	return b.String()
}

func TestScanAgreesWithTheLibrary(t *testing.T) {
	w := writer{Rand: rand.New(rand.NewPCG(1, 2))}
	accepted, total := 0, 0
	for range 3000 {
		text := w.document()
		keys, ok := libraryKeys(text)
		if ok {
			accepted++
			total += len(keys)
			compareKeys(t, text, keys)
		}
	}
	if accepted < 2000 || total < 10_000 {
		t.Errorf("the library accepted %d documents with %d keys: too few to tell", accepted, total)
	}
}

func TestOrderOfRandomFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	processors := []string{"peak", "average", "threshold"}
	scopes := []string{"inputs.meter", "inputs.listener", "outputs.page"}
	for range 300 {
		var text strings.Builder
		var main []string
		var inputs, outputs []*[]string      // each a plugin and the processors below it
		latest := make(map[string]*[]string) // of each scope
		line := 0
		write := func(heading, name string) string {
			line++
			text.WriteString("[[" + heading + "]]\n")
			return fmt.Sprintf("%s:%d", name, line)
		}
		for range 25 {
			scope, name := scopes[r.IntN(3)], processors[r.IntN(3)]
			switch r.IntN(4) {
			case 0:
				main = append(main, write("processors."+name, name))
			case 1:
				plugin := &[]string{write(scope, scope[strings.Index(scope, ".")+1:])}
				if latest[scope] = plugin; strings.HasPrefix(scope, "inputs.") {
					inputs = append(inputs, plugin)
				} else {
					outputs = append(outputs, plugin)
				}
			default:
				if plugin := latest[scope]; plugin != nil {
					*plugin = append(*plugin, write(scope+".processors."+name, name))
				}
			}
		}
		if len(inputs) == 0 || len(outputs) == 0 {
			continue
		}
		plan := parse(t, text.String())
		if got := chain(plan.Processors); got != strings.Join(main, " ") {
			t.Fatalf("%s\nprocessors %s\nwant       %s", &text, got, strings.Join(main, " "))
		}
		for i, in := range plan.Inputs {
			compareScope(t, &text, in.Plugin, in.Processors, *inputs[i])
		}
		for i, out := range plan.Outputs {
			compareScope(t, &text, out.Plugin, out.Processors, *outputs[i])
		}
		if len(plan.Inputs) != len(inputs) || len(plan.Outputs) != len(outputs) {
			t.Fatalf("%s\n%d inputs, %d outputs", &text, len(plan.Inputs), len(plan.Outputs))
		}
	}
}

func compareScope(t *testing.T, text fmt.Stringer, plugin pipeline.Plugin, below []pipeline.Processor, want []string) {
	t.Helper()
	got := strings.TrimSpace(chain([]pipeline.Processor{{Plugin: plugin}}) + " " + chain(below))
	if got != strings.Join(want, " ") {
		t.Fatalf("%s\nplugin %s\nwant   %s", text, got, strings.Join(want, " "))
	}
}
