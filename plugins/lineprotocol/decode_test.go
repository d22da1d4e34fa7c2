package lineprotocol

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func check(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// decode decodes twice, so that the second pass takes the fast way, and compares.
func decode(t *testing.T, o DecoderOptions, text string) (lines []string, err error) {
	t.Helper()
	c := sdk.NewCatalog(sdk.Limits{})
	d := NewDecoder(c, o)
	b := sdk.NewBatch(c)
	err = d.Decode(b, []byte(text), 42)
	lines = sdktest.DumpFull(b)
	b.Reset()
	again := d.Decode(b, []byte(text), 42)
	check(t, sdktest.DumpFull(b), lines)
	check(t, fmt.Sprint(again), fmt.Sprint(err))
	return lines, err
}

func TestDecode(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		lines, err := decode(t, DecoderOptions{Counters: DefaultCounters}, in)
		if err != nil {
			t.Error(err)
		}
		for i := range lines {
			lines[i] = strings.ReplaceAll(lines[i], ":gauge:", "")
		}
		check(t, lines, want)
	}
	f("m f=1 5", "m f=1 5")
	f("m f=1", "m f=1 42")
	f("m,b=2,a=1 f=1.5,g=-2i,h=3u,i=t,j=\"x\" 5\n", `m,a=1,b=2 f=1.5,g=-2i,h=3u,i=true,j="x" 5`)
	f("\n# comment\t\n  m f=1  5  \r\nm f=2 6\r\n\r\n", "m f=1 5", "m f=2 6")
	f("m a=\"two\nlines\",b=1 5\nm b=2 6", `m a="two\nlines",b=1 5`, "m b=2 6")
	f(`m s="\"\\\n\x" 5`, `m s="\"\\\n\\x" 5`)
	// Of equal tags the first stays, of equal fields the last, in the type of the first.
	f("m,a=1,a=2 f=1,f=2i,g=1i,g=2.9,f=\"x\" 5", "m,a=1 f=2,g=2i 5")
	f("m f_total=1,f=2,s_total=\"x\" 5", `m f_total:counter:=1,f=2,s_total="x" 5`)
	f("m f=1i 5\nm f=1 6\nm f=1i 7", "m f=1i 5", "m f=1 6", "m f=1i 7")
	// Classes: by the tag window, and by the name.
	f("gpu,host=a,part=head,window=10s f_mean=1 5", "gpu,host=a,part=head,window=10s f_mean=1 5 class=result origin=gpu,host=a")
	f("gpu_event,event=xid code=79i 5", "gpu_event,event=xid code=79i 5 class=event")
	f("gpu_threshold,rule=hot active=1i 5", "gpu_threshold,rule=hot active=1i 5 class=info")
	f("gpu_pod,pod=p devices=1i 5", "gpu_pod,pod=p devices=1i 5 class=info")
	f("gpu_info driver=\"550\" 5", `gpu_info driver="550" 5 class=info`)
}

func TestPrecision(t *testing.T) {
	f := func(precision, stamp, want string) {
		t.Helper()
		p, err := ParsePrecision(precision)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := decode(t, DecoderOptions{Precision: p}, "m f=1 "+stamp)
		if err != nil {
			lines = []string{err.Error()}
		}
		check(t, strings.TrimPrefix(lines[0], "m f:gauge:=1 "), want)
	}
	f("", "-5", "-5")
	f("ns", "1700000000123456789", "1700000000123456789")
	f("us", "1700000000123456", "1700000000123456000")
	f("ms", "-1", "-1000000")
	f("s", "1700000000", "1700000000000000000")
	f("s", "1700000000000", "line 1:7: invalid timestamp 1700000000000: out of range")
	f("ns", "9223372036854775807", "9223372036854775807")
	f("ns", "-9223372036854775808", "-9223372036854775808")
	f("ns", "9223372036854775808", `line 1:7: invalid timestamp "9223372036854775808"`)
	if _, err := ParsePrecision("m"); err == nil {
		t.Error("precision m is taken")
	}
}

func TestCoerce(t *testing.T) {
	coerce := func(measurement, field string) (sdk.Field, bool) {
		switch measurement + " " + field {
		case "gpu watts":
			return sdk.Field{Unit: "watts", Type: sdk.Float}, true
		case "gpu bytes":
			return sdk.Field{Unit: "bytes", Type: sdk.Int}, true
		case "gpu joules":
			return sdk.Field{Unit: "joules", Type: sdk.Float, Kind: sdk.Counter}, true
		case "gpu old":
			return sdk.Field{Name: "new", Type: sdk.Float}, true
		}
		return sdk.Field{}, false
	}
	f := func(in, want string) {
		t.Helper()
		lines, err := decode(t, DecoderOptions{Coerce: coerce, Counters: []string{"*es", "?_n"}}, in)
		if err != nil {
			t.Error(err)
		}
		check(t, strings.Join(lines, "; "), want)
	}
	f("gpu watts=300i,bytes=5 1", "gpu watts:gauge:watts=300,bytes:gauge:bytes=5i 1")
	f("gpu bytes=5u,joules=1.5 1", "gpu bytes:gauge:bytes=5i,joules:counter:joules=1.5 1")
	f("other watts=300i,bytes=5 1", "other watts:gauge:=300i,bytes:counter:=5 1")
	f("gpu x_n=1,xx_n=1 1", "gpu x_n:counter:=1,xx_n:gauge:=1 1")
	f("gpu old=1i 1", "gpu new:gauge:=1 1")
	f("gpu old=1i,new=2i 1", "gpu new:gauge:=2 1")
	// What cannot be converted stays what it is.
	f("gpu watts=\"n/a\" 1", `gpu watts:gauge:="n/a" 1`)
	f("gpu bytes=1e300 1\ngpu bytes=7 2", "gpu bytes:counter:=1e+300 1; gpu bytes:gauge:bytes=7i 2")
	f("gpu bytes=18446744073709551615u,watts=1 1", "gpu bytes:counter:=18446744073709551615u,watts:gauge:watts=1 1")
	f("gpu bytes=1,bytes=1e300 1", "gpu bytes:gauge:bytes=1i 1")
}

func TestDecodeErrors(t *testing.T) {
	f := func(in, want string, rows int) {
		t.Helper()
		lines, err := decode(t, DecoderOptions{}, in)
		check(t, fmt.Sprint(err), want)
		check(t, len(lines), rows)
	}
	f("m f=1\nm f=\nm f=2", "line 2:5: field value has unrecognized type", 2)
	f("m f=1 1.5", `line 1:7: invalid timestamp ("1.5")`, 0)
	f("m f=1 1-5", `line 1:7: invalid timestamp "1-5"`, 0)
	f("   m f=x", "line 1:8: field value has unrecognized type", 0)
	f("m f=NaN", "line 1:5: field value has unrecognized type", 0)
	f("m s=\"open\nm f=1\nm f=2", "line 1:5: string field has no closing quote", 2)
	f("m s=\"open\nm s=\"x\" 1\nm f=2", "line 2:6: unexpected character 'x' after field", 2)
	f("m\xff f=1\nm \xff=1\nm f=\"\xff\"", `line 1:1: invalid utf-8 sequence in token "m\xff"; line 2:3: invalid utf-8 sequence in token "\xff"; line 3:6: invalid utf-8 sequence in token "\xff"`, 0)
}

func TestDecodeErrorIsBounded(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	err := NewDecoder(c, DecoderOptions{}).Decode(sdk.NewBatch(c), []byte(strings.Repeat("m f="+strings.Repeat("1", 10_000)+"\xff\n", 1000)), 0)
	var bad *DecodeError
	if !errors.As(err, &bad) || bad.Count != 1000 || len(bad.Lines) != keptErrors {
		t.Fatal(err)
	}
	var line *LineError
	if !errors.As(err, &line) || line.Line != 1 {
		t.Errorf("first line error: %v", line)
	}
	if !strings.HasSuffix(err.Error(), "; and 992 more") {
		t.Error(err)
	}
	if n := len(err.Error()); n > keptErrors*2*keptErrorLen {
		t.Errorf("a message of %d bytes", n)
	}
}

// Random lines, most of them well formed, decode as the library decodes them, from a decoder that has
// seen many such lines.
func TestDecodeAsLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	number := func() string {
		switch r.IntN(8) {
		case 0:
			return fmt.Sprint(r.Int64()>>r.IntN(64)) + "i"
		case 1:
			return fmt.Sprint(r.Uint64()>>r.IntN(64)) + "u"
		case 2:
			return fmt.Sprint(r.NormFloat64())
		case 3:
			return fmt.Sprintf("%.*f", r.IntN(25), r.ExpFloat64()*float64(int64(1)<<r.IntN(62)))
		case 4:
			return fmt.Sprintf("%.*e", r.IntN(20), r.NormFloat64())
		case 5:
			return pick("-0", "0.", ".5", "00", "-.5", "1e5", "1E5", "9007199254740993", "0.000000000000000001", "123456789012345678", "1234567890123456789")
		case 6:
			return pick("t", "true", "F", "False", `""`, `"a b,c=d"`, `"\""`, `"é"`)
		}
		return fmt.Sprintf("%d.%d", r.IntN(1000), r.IntN(1000))
	}
	line := func() string {
		var b strings.Builder
		b.WriteString(pick("gpu", "cpu", `g\ p\,u`, "g#", `"q"`, "é"))
		for range r.IntN(4) {
			b.WriteString("," + pick("a", "b", `c\=`, "d") + "=" + pick("1", "2", `x\ y`, `z\,`, `\v`, "é"))
		}
		b.WriteString(pick(" ", " ", " ", "  "))
		for i := range 1 + r.IntN(6) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(pick("f", "g", "h", `i\ j`, `k\k`, "é") + "=" + number())
		}
		b.WriteString(pick("", " ", " 1", " 1700000000000000000", " -5 ", "\r", " 7\r"))
		if r.IntN(10) == 0 && !strings.Contains(b.String(), `"`) {
			text := []byte(b.String())
			text[r.IntN(len(text))] = pick(" ", ",", "=", "\\", "x", "1", "\x00", "\xff", "#", "\r", "-", ".")[0]
			return string(text)
		}
		return b.String()
	}
	c := sdk.NewCatalog(sdk.Limits{})
	d := NewDecoder(c, DecoderOptions{})
	good := 0
	for range 500 {
		var text strings.Builder
		for range 40 {
			text.WriteString(line() + "\n")
		}
		want, got := sdk.NewBatch(c), sdk.NewBatch(c)
		refused := libraryDecode(want, []byte(text.String()), 42)
		err := d.Decode(got, []byte(text.String()), 42)
		if diff := cmp.Diff(dump(want), dump(got)); diff != "" {
			t.Fatalf("%s\nlibrary -, ours +\n%s", text.String(), diff)
		}
		if lines := refusedLines(t, err); len(lines) != len(refused) {
			t.Fatalf("%s\nrefused %v, library %v: %v", text.String(), lines, refused, err)
		}
		good += got.Len()
	}
	if good < 15_000 {
		t.Errorf("only %d of 20,000 lines were good", good)
	}
}

func TestTooManyFields(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	d, b := NewDecoder(c, DecoderOptions{}), sdk.NewBatch(c)
	line := func(n int) []byte {
		var s strings.Builder
		s.WriteString("m ")
		for i := range n {
			fmt.Fprintf(&s, "f%d=1,", i)
		}
		return []byte(strings.TrimSuffix(s.String(), ",") + "\n")
	}
	for range 2 {
		b.Reset()
		check(t, fmt.Sprint(d.Decode(b, line(maxFields+1), 0)), "line 1:1: more than 1024 fields")
		check(t, b.Len(), 0)
	}
	if err := d.Decode(b, line(maxFields), 0); err != nil || b.Len() != 1 {
		t.Errorf("%d rows, %v", b.Len(), err)
	}
}

func TestSeriesCap(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Series: 2})
	d, b := NewDecoder(c, DecoderOptions{}), sdk.NewBatch(c)
	for range 2 {
		b.Reset()
		if err := d.Decode(b, []byte("m,a=1 f=1\nm,a=2 f=1\nm,a=3 f=1\nm,a=4 s=\"x\"\nm,a=1 f=2\n"), 0); err != nil {
			t.Error(err)
		}
		check(t, b.Len(), 3)
		check(t, *b.Tally(), sdk.Tally{Added: 5, Drops: []sdk.Drop{{Reason: sdk.DropSeriesCap, Count: 2}}})
	}
}

// A series that left is interned anew, and its old pointer is let go.
func TestSweep(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Idle: time.Second})
	d, b := NewDecoder(c, DecoderOptions{}), sdk.NewBatch(c)
	line := []byte("m,a=1 f=1 1\nm,a=2,window=1s f=1 1\n")
	series := func() (all []*sdk.Series) {
		b.Reset()
		if err := d.Decode(b, line, 0); err != nil {
			t.Fatal(err)
		}
		for m := range b.All() {
			all = append(all, m.Series(), m.Origin())
		}
		return all
	}
	before := series()
	if !slices.Equal(before, series()) {
		t.Error("series differ")
	}
	c.Sweep(time.Unix(100, 0))
	c.Sweep(time.Unix(200, 0))
	after := series()
	for i := range after {
		if !before[i].Left() || after[i].Left() || before[i].String() != after[i].String() {
			t.Errorf("%d: %v left: %v, then %v left: %v", i, before[i], before[i].Left(), after[i], after[i].Left())
		}
	}
	check(t, len(d.heads), 2)
	check(t, d.headBytes, len("m,a=1 ")+len("m,a=2,window=1s "))
}

// Whatever comes, the caches stay within their limits, and what is decoded stays right.
func TestCachesAreBounded(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Schemas: 1 << 20})
	d := NewDecoder(c, DecoderOptions{})
	d.limits = cacheLimits{heads: 10, headBytes: 200, learned: 20}
	e := NewEncoder(c, EncoderOptions{})
	e.limits = encoderLimits{entries: 10, bytes: 1000}
	b := sdk.NewBatch(c)
	for i := range 3000 {
		line := fmt.Sprintf("m%d,a=%d f%d=1,g=%d,f%d=3 %d\n", i%50, i%70, i%31, i, i%17, i)
		b.Reset()
		if err := d.Decode(b, []byte(line), 0); err != nil {
			t.Fatal(err)
		}
		want := sdk.NewBatch(c)
		libraryDecode(want, []byte(line), 0)
		check(t, dump(b), dump(want))
		if i%31 != i%17 {
			out, _ := e.AppendBatch(nil, b)
			check(t, string(out), line)
		}
		if len(d.heads) > 10 || len(d.measures) > 10 || d.headBytes > 300 || d.learned > 20 {
			t.Fatalf("%d heads, %d measures, %d bytes, %d learned", len(d.heads), len(d.measures), d.headBytes, d.learned)
		}
		if len(e.prefixes) > 10 || len(e.keys) > 10 || len(e.schemas) > 10 || e.bytes > 1100 {
			t.Fatalf("%d prefixes, %d keys, %d schemas, %d bytes", len(e.prefixes), len(e.keys), len(e.schemas), e.bytes)
		}
	}
}

// Schemas beyond the catalog's cap belong to one metric each: nothing is kept for them.
func TestPrivateSchemas(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Schemas: 2})
	d, e := NewDecoder(c, DecoderOptions{}), NewEncoder(c, EncoderOptions{})
	const text = "m a=1,b=2,c=3,d=\"x\" 1\nm d=\"y\",c=1i 2\nm a=1 3\n"
	for range 3 {
		b := sdk.NewBatch(c)
		if err := d.Decode(b, []byte(text), 0); err != nil {
			t.Fatal(err)
		}
		out, _ := e.AppendBatch(nil, b)
		check(t, string(out), text)
	}
	if len(e.schemas) > 2 {
		t.Errorf("%d schemas kept", len(e.schemas))
	}
}

func TestDecodeAllocates(t *testing.T) {
	f := func(text string) {
		t.Helper()
		c := sdk.NewCatalog(sdk.Limits{})
		d, b := NewDecoder(c, DecoderOptions{}), sdk.NewBatch(c)
		data := []byte(strings.Repeat(text, 100))
		if n := testing.AllocsPerRun(20, func() {
			b.Reset()
			if err := d.Decode(b, data, 0); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%v allocations for 100 times %q", n, text)
		}
	}
	f("gpu,a=1 f=1,g=2i,h=3u,s=\"P0\",b=true 5\n")
	f("gpu,a=1 f=1 5\ngpu,a=2 g=1,f=2 5\ngpu,a=3 f=1.234567890123456789\n")
	f(`m\ x,a\,b=c\ d i\ j=1 5` + "\n")
}
