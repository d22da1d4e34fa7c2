package exposition_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
)

// show writes what a page says, a line a sample.
func show(page string, openMetrics bool) string {
	var b strings.Builder
	s := exposition.Scanner{OpenMetrics: openMetrics}
	for s.Reset([]byte(page)); s.Next(); {
		id, err := s.Identity()
		fmt.Fprintf(&b, "%s %q", id.Name, id.Labels)
		if err != nil {
			b.WriteString(" ?")
		}
		fmt.Fprintf(&b, " %v", s.Value)
		if s.Stamped {
			fmt.Fprintf(&b, " @%d", s.Stamp)
		}
		b.WriteByte('\n')
	}
	if s.Err != nil {
		fmt.Fprintf(&b, "fault: %v\n", s.Err)
	}
	if !s.Whole() {
		b.WriteString("cut\n")
	}
	return b.String()
}

func TestText(t *testing.T) {
	f := func(page, want string) {
		t.Helper()
		if got := show(page, false); got != want {
			t.Errorf("%q:\n got %q\nwant %q", page, got, want)
		}
	}
	f("", "cut\n")
	f("a 1\n", "a [] 1\n")
	f("a 1", "a [] 1\ncut\n")
	f("  a\t \t1  \r\n\n \n", "a [] 1\n")
	f("# HELP a # TYPE b gauge\n# TYPE a counter\na 1\nb 2\n", "a [] 1\nb [] 2\n")
	f("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 3\nh_sum 2.5\n", `h_bucket [{"le" "+Inf"}] 3`+"\nh_sum [] 2.5\n")
	f("# TYPE \"my.metric\" gauge\n{\"my.metric\",\"a.b\"=\"c\"} 1\n", `my.metric [{"a.b" "c"}] 1`+"\n")
	f("{\"x\"} 1\n{ \"x\" , a=\"b\" , } 2\n", "x [] 1\n"+`x [{"a" "b"}] 2`+"\n")
	f("a{} 1\na {b=\"c\"} 2\na{ b = \"c\" , d=\"\", } 3\n", "a [] 1\n"+`a [{"b" "c"}] 2`+"\n"+`a [{"b" "c"} {"d" ""}] 3`+"\n")
	f(`a{b="\\",c="x\"},{\n",d="e"} 1`+"\n", `a [{"b" "\\"} {"c" "x\"},{\n"} {"d" "e"}] 1`+"\n")
	f("a 1 1700000000123\na 1 -5\n", "a [] 1 @1700000000123000000\na [] 1 @-5000000\n")
	f("a NaN\na +Inf\na -inf\na 1e3\na -1.5E-3\na .5\na 5.\na +7\n",
		"a [] NaN\na [] +Inf\na [] -Inf\na [] 1000\na [] -0.0015\na [] 0.5\na [] 5\na [] 7\n")
	f("a 9223372036854775792\na 0.1234567890123456789\n", "a [] 9.223372036854776e+18\na [] 0.12345678901234568\n")

	// What is no sample hides nothing else.
	f("a\nb 1\n", "b [] 1\nfault: line 1: no valid value\n")
	f("<html>\na 1\n1a 1\n", "a [] 1\nfault: line 1: no valid name\n")
	f("a{b=\"c} 1\na{b=\"c\" 1\na 1\n", "a [] 1\nfault: line 1: labels do not end in }\n")
	f("a{b=\"c\"} } 1\n", "fault: line 1: no valid value\n")
	f("{} 1\n{a=\"b\"} 1\n", " [] ? 1\n"+` [{"a" "b"}] ? 1`+"\n")
	f("a 1 x\na 1 2 3\na 1 # {} 1\na x\na 0x1p3\na 1_0\na -\n", "fault: line 1: no valid time stamp\n")
	f("a 1 9223372036854775807\n", "fault: line 1: no valid time stamp\n")
	f("a{b} 1\na{1b=\"\"} 1\na{b=c} 1\na{b=\"c\" d=\"e\"} 1\n",
		"a [] ? 1\na [] ? 1\na [] ? 1\n"+`a [{"b" "c"}] ? 1`+"\n")
}

func TestOpenMetrics(t *testing.T) {
	f := func(page, want string) {
		t.Helper()
		if got := show(page, true); got != want {
			t.Errorf("%q:\n got %q\nwant %q", page, got, want)
		}
	}
	f("# TYPE a counter\na_total 1 1700000000.5 # {trace_id=\"x y\"} 0.5 1.5\n# EOF\n", "a_total [] 1 @1700000000500000000\n")
	f("a 1 # {} 1\n# EOF\nb 2\n", "a [] 1\n")
	f("a 1\n", "a [] 1\ncut\n")
	f("a 1 1e300\n# EOF", "fault: line 1: no valid time stamp\n")
	f("# TYPE d summary\nd{quantile=\"0.5\"} 1\n# EOF\n", `d [{"quantile" "0.5"}] 1`+"\n")
}

func TestNumbersAreExact(t *testing.T) {
	for _, v := range []float64{0.1, 319.64, 1.1, 123456.789, 99999.99999, 0.000001, 1 << 52, 999999999999999, 0.3, 2.675, math.Pi} {
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%f", v), fmt.Sprintf("%.3f", v)} {
			var want float64
			if _, err := fmt.Sscan(text, &want); err != nil {
				t.Fatal(err)
			}
			var s exposition.Scanner
			s.Reset([]byte("a " + text))
			if !s.Next() || s.Value != want {
				t.Errorf("%s: %v", text, s.Value)
			}
		}
	}
}

// page returns a page as dcgm-exporter writes it, of n samples.
func page(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		if i%100 == 0 {
			fmt.Fprintf(&b, "# HELP DCGM_FI_DEV_FIELD_%d What it is (in W).\n# TYPE DCGM_FI_DEV_FIELD_%d gauge\n", i/100, i/100)
		}
		fmt.Fprintf(&b, `DCGM_FI_DEV_FIELD_%d{gpu="%d",UUID="GPU-01000100-0000-0000-0000-%012d",pci_bus_id="00000000:1A:00.0",device="nvidia0",`+
			`modelName="NVIDIA H100 80GB HBM3",hostname="node-7",DCGM_FI_DRIVER_VERSION="550.163.01",pod="trainer-0"} %d.640000`+"\n", i/100, i%100, i, i)
	}
	return b.Bytes()
}

func TestNothingIsAllocated(t *testing.T) {
	text := page(1000)
	var s exposition.Scanner
	if n := testing.AllocsPerRun(10, func() {
		s.Reset(text)
		for s.Next() {
		}
	}); n != 0 || s.Samples != 1000 {
		t.Errorf("%v allocations, %d samples", n, s.Samples)
	}
}

// The limit is 4 ms for 10,000 series.
func BenchmarkScan(b *testing.B) {
	text := page(10_000)
	var s exposition.Scanner
	var heads []string
	for s.Reset(text); s.Next(); {
		heads = append(heads, string(s.Head))
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Reset(text)
		for s.Next() {
			s.Expect = heads[s.Samples%len(heads)]
		}
		if s.Samples != 10_000 {
			b.Fatal(s.Samples)
		}
	}
}

func TestCaptures(t *testing.T) {
	dir := os.Getenv("GPULINE_CAPTURES")
	if dir == "" {
		t.Skip("GPULINE_CAPTURES is not set: what real exporters printed is not at hand")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "dcgm", "exporter-*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, text)
	}
}
