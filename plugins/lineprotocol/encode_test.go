package lineprotocol

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// README.md's table of what becomes of each bad byte, line by line.
func TestSanitise(t *testing.T) {
	f := func(name, key, value, field, want string) {
		t.Helper()
		c := sdk.NewCatalog(sdk.Limits{})
		b := sdk.NewBatch(c)
		m := b.Add(c.Series(name, sdk.Tag{Key: key, Value: value}), 5)
		m.Int(field, 1)
		out, ok := NewEncoder(c, EncoderOptions{}).Append(nil, m)
		if !ok {
			t.Error("left out")
		}
		check(t, string(out), want+" 5\n")
	}
	f("m", "k", "v", "f", "m,k=v f=1i")
	f("m", "", "", "f", "m f=1i")
	f("m n,o=p", "k =,", "v =,", "f =,", `m\ n\,o=p,k\ \=\,=v\ \=\, f\ \=\,=1i`)
	f("a\nb", "a\nb", "a\nb", "a\nb", "a_b,a_b=a_b a_b=1i")
	f("a\r\t\x00\x7fb", "k\x1f", "\n", "\x00", "a____b,k_=_ _=1i")
	f("a\xffb", "\xff\xfe", "\xc3", "é\xed\xa0\x80", "a\ufffdb,\ufffd\ufffd=\ufffd é\ufffd\ufffd\ufffd=1i")
	f(`a\`, `k\`, `v\\`, `f\`, `a_,k_=v\_ f_=1i`)
	f(`a\b`, `k\ `, `\,`, `\=`, `a\b,k\\ =\\, \\==1i`)
	f("", "k", "v", "", "_,k=v _=1i")
	f("#m", "#", "#", "#", "_m,#=# #=1i")
	f(" #", "k", "v", "f", `\ #,k=v f=1i`)
	f("#", "k", "v", "f", "_,k=v f=1i")
	f("\n#", "k", "v", "f", "_#,k=v f=1i")
}

func TestSanitisedKeysStayDistinct(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(c)
	m := b.Add(c.Series("m", sdk.Tag{Key: "a\n", Value: "1"}, sdk.Tag{Key: "a\r", Value: "2"}, sdk.Tag{Key: "a_", Value: "3"}, sdk.Tag{Key: "A", Value: "4"}), 5)
	m.Int("f\n", 1)
	m.Int("f_", 2)
	m.Int("f\r", 3)
	m.Int("", 4)
	m.Int("_", 5)
	out, _ := NewEncoder(c, EncoderOptions{}).Append(nil, m)
	check(t, string(out), "m,A=4,a_=3,a__=1,a___=2 f__=1i,f_=2i,f___=3i,__=4i,_=5i 5\n")
}

func TestAnnotations(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		c := sdk.NewCatalog(sdk.Limits{})
		out, _ := NewEncoder(c, EncoderOptions{}).AppendBatch(nil, sdktest.Batch(t, c, in))
		check(t, string(out), want)
	}
	f("m,b=1 f=1 5 notes=a=2,c=3", "m,a=2,b=1,c=3 f=1 5\n")
	f("m,b=1 f=1 5 notes=b=2", "m,b=1 f=1 5\n")
	f("m,b=1 f=1 5 notes=c=3\nm,b=1 f=1 6\nm,b=1 f=1 7 notes=c=4", "m,b=1,c=3 f=1 5\nm,b=1 f=1 6\nm,b=1,c=4 f=1 7\n")
}

func TestValues(t *testing.T) {
	f := func(o EncoderOptions, in, want string, left LeftOut, rejected ...int) {
		t.Helper()
		c := sdk.NewCatalog(sdk.Limits{})
		e := NewEncoder(c, o)
		out, got := e.AppendBatch([]byte("x\n"), sdktest.Batch(t, c, in))
		check(t, string(out), "x\n"+want)
		check(t, append([]int(nil), got...), rejected)
		check(t, e.LeftOut(), left)
	}
	f(EncoderOptions{}, `m f=1.5,i=-2i,u=3u,b=false,s="a\"b\\c\nd\re\tf" 5`, `m f=1.5,i=-2i,u=3u,b=false,s="a\"b\\c\nd\re\tf" 5`+"\n", LeftOut{})
	f(EncoderOptions{}, "m s=\"a\xffb\",e=\"\" 5", "m s=\"a\ufffdb\",e=\"\" 5\n", LeftOut{})
	f(EncoderOptions{}, "m f=NaN,g=1,h=+Inf,i=-Inf,j=2 5", "m g=1,j=2 5\n", LeftOut{NotFinite: 3})
	f(EncoderOptions{}, "m f=1 5\nm f=NaN 6\nm - 7\nm f=2 8", "m f=1 5\nm f=2 8\n", LeftOut{NotFinite: 1, Metrics: 2}, 1, 2)
	f(EncoderOptions{Unsigned: UnsignedAsInt}, "m a=1u,b=9223372036854775807u,c=9223372036854775808u,d=-1i 5", "m a=1i,b=9223372036854775807i,d=-1i 5\n", LeftOut{TooLarge: 1})
	f(EncoderOptions{}, "m f=1 -9223372036854775808\nm f=1 0", "m f=1 -9223372036854775808\nm f=1 0\n", LeftOut{})
	f(EncoderOptions{Precision: Millisecond}, "m f=1 1999999\nm f=1 -1999999", "m f=1 1\nm f=1 -1\n", LeftOut{})
}

func TestHiddenFields(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdktest.Batch(t, c, "m a=1,b=2,c=3 5")
	b.Limit(func(*sdk.Metric) bool { return true }, func(s *sdk.Schema) *sdk.Mask {
		return sdk.NewMask(s, func(f sdk.Field) bool { return f.Name != "a" })
	})
	out, _ := NewEncoder(c, EncoderOptions{}).AppendBatch(nil, b)
	check(t, string(out), "m b=2,c=3 5\n")
}

// Everything legal that an output may meet leaves as one line a metric, which the library reads back.
func TestEncodeHostile(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(c)
	sdktest.AddHostile(b)
	out, rejected := NewEncoder(c, EncoderOptions{}).AppendBatch(nil, b)
	got := sdk.NewBatch(c)
	if refused := libraryDecode(got, out, 0); len(refused) > 0 {
		t.Errorf("the library refuses lines %v", refused)
	}
	want := b.Len() - len(rejected)
	if lines := strings.Count(string(out), "\n"); lines != want || got.Len() != want || len(rejected) != 4 {
		t.Errorf("%d lines, %d read back, %d rejected, %d metrics", lines, got.Len(), len(rejected), b.Len())
	}
}

// The way out and in again changes nothing but the annotations, which become tags.
func TestRoundTrip(t *testing.T) {
	const text = `
		gpu,gpu_index=0,host=a\ b power_watts=300.5,n=3i,u=4u,ok=true,s="x\"y\nz" 1000
		gpu,gpu_index=0,host=a\ b,window=10s power_watts_mean=0.1234567890123456 2000 class=result origin=gpu,gpu_index=0,host=a\ b
		gpu_event,event=xid code=79i 3000 class=event
		gpu_info,gpu_index=0 driver="550.54" 4000 class=info`
	c := sdk.NewCatalog(sdk.Limits{})
	out, _ := NewEncoder(c, EncoderOptions{}).AppendBatch(nil, sdktest.Batch(t, c, text))
	lines, err := decode(t, DecoderOptions{}, string(out))
	if err != nil {
		t.Error(err)
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], ":gauge:", "")
	}
	check(t, lines, sdktest.Lines(text))
}

func TestEncoderSweep(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Idle: time.Second})
	e := NewEncoder(c, EncoderOptions{})
	for range 2 {
		out, _ := e.AppendBatch(nil, sdktest.Batch(t, c, "m,a=1 f=1 5\nm,a=2 f=1 6"))
		check(t, string(out), "m,a=1 f=1 5\nm,a=2 f=1 6\n")
		check(t, len(e.prefixes), 2)
		check(t, e.bytes, 2*len("m,a=1")+len(",f="))
		c.Sweep(time.Unix(100, 0))
		c.Sweep(time.Unix(200, 0))
	}
}

func TestFloats(t *testing.T) {
	f := func(x float64) {
		t.Helper()
		if got, want := string(appendFloat(nil, x)), strconv.FormatFloat(x, 'g', -1, 64); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, x := range []float64{
		0, 1, 10, 12, 100, 999999, 1e6, 1234567, 1e7, 85520809984, 1e11, 999999999999, 1e12, 1e20, 1e21, 1e300,
		0.1, 0.5, 300.5, 0.001, 0.0001, 0.00012, 0.00001, 0.123, 0.1234, 0.123456, 0.1234567, 1234567.5, 1000000.5, 123456.789, 999999.999999,
		999999999999.999, 0.1 + 0.2, 1.0 / 3, 100.25, 64.000001, 1e15 - 0.5, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi,
	} {
		f(x)
		f(-x)
		f(math.Nextafter(x, 0))
		f(math.Nextafter(x, math.Inf(1)))
	}
	f(math.Copysign(0, -1))
	for i := range 100_000 {
		f(float64(i) / 1000)
		f(float64(i*7919) / 1e6)
	}
}

func TestEncodeAllocates(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdktest.Batch(t, c, strings.Repeat("m,a=1 f=1.5,g=2i,h=3u,b=true,s=\"a\\nb\" 5\nm,a=2 g=0.1234567890123456 6 notes=x=y\n", 50))
	e := NewEncoder(c, EncoderOptions{})
	var out []byte
	if n := testing.AllocsPerRun(20, func() { out, _ = e.AppendBatch(out[:0], b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
