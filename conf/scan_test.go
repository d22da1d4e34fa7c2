package conf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

func TestScanFindsLines(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		var got []string
		entries, _ := scan(text)
		for _, e := range entries {
			if e.key != nil {
				got = append(got, fmt.Sprintf("%d %s", e.line, strings.Join(e.path, "/")))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
		keys, ok := libraryKeys(text)
		if !ok {
			t.Fatalf("%q is not TOML", text)
		}
		compareKeys(t, text, keys)
	}
	f("")
	f("a = 1\nb = 2", "1 a", "2 b")
	f("\xef\xbb\xbfa = 1\r\n# c\r\n\r\nb = 2 # d\r\n", "1 a", "4 b")
	f("a.b . \"c d\" = 1", "1 a/b/c d")
	f(`"" = 1`+"\n[a]\n''.x = 2", "1 ", "2 a", "3 a//x")
	f(`"a\tb\u00e9\x41\U0001F600\"\\" = 1`, "1 a\tbéA😀\"\\")
	f("[a]\nb = 1\n[a.c]\nd = 1", "1 a", "2 a/b", "3 a/c", "4 a/c/d")
	f("[[a]]\nb = 1\n[[a]]\nb = 1\n [a.c]\n d = 1", "1 a/0", "2 a/0/b", "3 a/1", "4 a/1/b", "5 a/1/c", "6 a/1/c/d")
	f("[[a.b]]\n[[a.b.c]]\n[[a.b.c]]\nx=1\n[[a.b]]\n[[a.b.c]]\nx=1",
		"1 a/b/0", "2 a/b/0/c/0", "3 a/b/0/c/1", "4 a/b/0/c/1/x", "5 a/b/1", "6 a/b/1/c/0", "7 a/b/1/c/0/x")
	f("a = \"\"\"x\n\\\"\"\"\ny = 1\"\"\"\nb = 1", "1 a", "4 b")
	f("a = '''\n'''\nb = '''x'''''\nc = \"\"\"\"\"x\"\"\"\"\"\nd = ''", "1 a", "3 b", "4 c", "5 d")
	f("a = \"x = 1 # \\\" [b]\"\nb = 'c = \\'\n", "1 a", "2 b")
	f("a = [ # x\n 1, [2],\n # y = 3\n {b = 1, c.d = 2},\n {b = 1} ]\ne = 1",
		"1 a", "4 a/2/b", "4 a/2/c/d", "5 a/3/b", "6 e")
	f("a = {b = {c = 1, d = [{e = 1}]}, f = 2,\n g = 1 }\nh = 1979-05-27 07:32:00Z # x\ni = -inf",
		"1 a", "1 a/b", "1 a/b/c", "1 a/b/d", "1 a/b/d/0/e", "1 a/f", "2 a/g", "3 h", "4 i")
	f("[ x . 'y.z' ]\n[[ x.w ]]", "1 x/y.z", "2 x/w/0")
}

func TestLocateTrustsNothingPastAMismatch(t *testing.T) {
	text := "[a]\nb = 1\nc = 2\n[d]\ne = 3"
	keys, _ := libraryKeys(text)
	keys[2] = toml.Key{"a", "other"}
	entries, _ := scan(text)
	lines := locate(entries, keys)
	f := func(path string, want int) {
		t.Helper()
		if got := lines.line(strings.Split(path, ".")); got != want {
			t.Errorf("line of %s is %d, want %d", path, got, want)
		}
	}
	f("a.b", 2)
	f("a.c", 1)
	f("a.c.x", 1)
	f("d", 0)
	f("d.e", 0)
}

func libraryKeys(text string) (keys []toml.Key, ok bool) {
	table, md, fault := decode(text)
	return md.Keys(), fault == nil && table != nil
}

func compareKeys(t *testing.T, text string, keys []toml.Key) {
	t.Helper()
	var want, got []string
	for _, key := range keys {
		want = append(want, fmt.Sprintf("%q", []string(key)))
	}
	last, lines := 1, 1+strings.Count(text, "\n")
	entries, tooDeep := scan(text)
	if tooDeep > 0 {
		return
	}
	for _, e := range entries {
		if e.key != nil {
			got = append(got, fmt.Sprintf("%q", e.key))
		}
		if e.line < last || e.line > lines {
			t.Fatalf("%q: line %d after line %d of %d", text, e.line, last, lines)
		}
		last = e.line
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q:\n%s", text, diff)
	}
}

func FuzzScan(f *testing.F) {
	f.Add("[[a]]\nb = {c = [1, {d = 2}]}\n\"e\\u0041\".'f' = '''\n'''\r\n[a.g] # h\n")
	f.Add("a = \"\"\"\\\n\"\"\"\"\"\nb = 1979-05-27 07:32:00\n")
	f.Add("a = [[{b = 1}], [], [{c.d = 1, e = {}}]]\n")
	f.Add("\xef\xbb\xbf[a.b]\n[a]\nb.c = 1")
	f.Fuzz(func(t *testing.T, text string) {
		keys, ok := libraryKeys(text)
		if !ok {
			scan(text) // must end
			return
		}
		compareKeys(t, text, keys)
	})
}
