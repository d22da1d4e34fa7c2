package conf

import (
	"fmt"
	"strings"
	"testing"
)

// TestSlips: what people write who know another notation is told with what to write in its place.
func TestSlips(t *testing.T) {
	f := func(text, remedy string) {
		t.Helper()
		_, err := Parse(fakes(), "a.toml", []byte(text))
		if err == nil || !strings.HasSuffix(err.Error(), ": "+remedy) || !strings.Contains(err.Error(), "is not valid TOML: ") {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, remedy)
		}
	}
	f("[inputs.meter]\n[inputs.meter]", "it is one of several: write it in double brackets, [[inputs.meter]]")
	f("[[inputs.meter]]\n[inputs.meter.processors.peak]\n[inputs.meter.processors.peak]", "it is one of several: write it in double brackets")
	f("[agent]\n[agent]", "give it once")
	f("a = “edge”", `the quotes of a string are plain ones, " or '`)
	f("a = True", "write true or false")
	f("a = yes", "write true or false")
	f("a: 4", "write KEY = VALUE")
	f("a\n", "write KEY = VALUE")
	f("a =\n", "write KEY = VALUE")
	f("a", "write KEY = VALUE")
	f("[[inputs.meter]\n", "a heading that begins with [[ ends with ]]")
	f("[inputs meter]\n", "write the heading as [[NAME.NAME]] or [NAME.NAME]")
	f("a = [\"0\"\nb = 1", "a list ends with ], and has commas between its elements; a string, a duration or a size stands in quotes")
	f("a = { b = 1 c = 2 }", "a table on one line ends with }, and has commas between its keys; a string, a duration or a size stands in quotes")
	f("a = \"b\nc = 1", "a string ends on its line, with the quote that it begins with")
	f("a = \"M\xfcnchen\"", "save the file as UTF-8")
	f("a = 1\rb = 2\r", `a line ends with \n, or with \r\n`)
	f("a = \"C:\\gpu\"", `write \\ for a plain \, or take single quotes`)
	f("a = 0660", "a mode, or another string of digits, stands in quotes")
	f("a = 10s", "a string, a duration or a size stands in quotes")
	f("a = edge-7", "a string, a duration or a size stands in quotes")
}

// TestLineOfASlip: the line that a fault bears is the one to be mended, wherever it stands.
func TestLineOfASlip(t *testing.T) {
	f := func(slip string) {
		t.Helper()
		for _, before := range []string{"", "\n", "# x\n\n", "\ufeff[agent]\r\n"} {
			for _, after := range []string{"", "\n", "\n\n[[inputs.meter]]\n"} {
				want := fmt.Sprintf("a.toml:%d: is not valid TOML: ", 1+strings.Count(before, "\n"))
				if _, err := Parse(fakes(), "a.toml", []byte(before+slip+after)); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%q: %v, want %s", before+slip+after, err, want)
				}
			}
		}
	}
	f("interval")
	f("interval =")
	f("interval: 1s")
	f("interval = 1s")
	f("interval = yes")
	f("interval = \"1s")
	f("url = \"\\q\"")
	f("[[inputs.meter]")
	f("[inputs meter]")
	f("[inputs")
	f("filter = { metrics = [] tags = {} }")
	f("\x1f")
	f("hostname = \"M\xfcnchen\"")
}
