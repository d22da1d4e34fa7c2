package lineprotocol

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var decodeSeeds = []string{
	"gpu,host=a,gpu_index=0 power_watts=300.5,n=3i,u=4u,b=true,s=\"x\" 1000\n",
	"m f=1\nm f=2 \nm f=3 5\r\n\r\n# comment\n  m f=4  7  \n",
	"m,b=2,a=1,b=3 f=1,f=2i,f=\"x\" 3",
	"m\\ x\\,y,t\\=k=v\\ w f\\ 1=1,f\\=2=2i 9\nm\\ x\\,y,t\\=k=v\\ w f\\ 1=1,f\\=2=2i 9\n",
	"m s=\"a\\\"b\\\\c\\nd\",t=\"raw\nnewline\" 1\nm f=2\n",
	"m s=\"open\nm f=2\nm g=3\n",
	"m f=NaN\nm f=0x10\nm f=1.5 1.5\nm a= 3\n,x=1 f=1\nm, f=1\nm f\nm\nm f=1,\n",
	"m f=9007199254740993,g=0.1234567890123456789,h=1e300,i=-9223372036854775808i,j=18446744073709551615u\n",
	"m f=1. 1\nm f=.5 1\nm f=-.5 1\nm f=- 1\nm f=-0 1\nm f=00001.50 1\nm f=1 -5\nm f=1 99999999999999999999\n",
	"m f=t,g=T,h=true,i=True,j=TRUE,k=f,l=False,m=tr\n",
	"m\x00 f=1\nm\xff f=1\nm \xff=1\nm f=\"\xff\"\n#m\t\nm\tx f=1\n\tm f=1\n",
	"m a=\"x\"b=1\nm a=1=\"x\ny\"\nm \\=\"=\"a\nb\" 1\n",
	"m f=1i,f=1.5 1\nm f=1.5,f=9i 1\nm f=true,f=1 2\nm f=\"a\",f=\"b\" 3\nm f=\"a\",f=\"b\" 3\n",
}

// What the library accepts, the decoder decodes to the same, cold (mostly the library) and warm (mostly
// its own code); and it accepts nothing else. Where a quote spans lines that are refused it recovers
// earlier than the library: there its own two ways must agree.
func FuzzDecode(f *testing.F) {
	for _, s := range decodeSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		catalog := sdk.NewCatalog(sdk.Limits{})
		want := sdk.NewBatch(catalog)
		refused := libraryDecode(want, data, 42)
		if slices.ContainsFunc(slices.Collect(want.All()), func(m *sdk.Metric) bool { return m.Len() >= maxFields }) {
			t.Skip("too many fields")
		}
		exact := len(refused) == 0 || bytes.IndexByte(data, '"') < 0 || bytes.Count(bytes.Trim(data, " \n"), newline) == 0
		d := NewDecoder(catalog, DecoderOptions{})
		var cold []string
		for pass := range 3 {
			input := slices.Clone(data)
			got := sdk.NewBatch(catalog)
			err := d.Decode(got, input, 42)
			for i := range input {
				input[i] = '!' // nothing may refer to it
			}
			rows := dump(got)
			if exact {
				if diff := cmp.Diff(dump(want), rows); diff != "" {
					t.Fatalf("pass %d: library -, ours +\n%s", pass, diff)
				}
				if lines := refusedLines(t, err); len(lines) != len(refused) {
					t.Fatalf("pass %d: refused lines %v, library %v: %v", pass, lines, refused, err)
				}
			}
			if pass == 0 {
				cold = rows
			} else if diff := cmp.Diff(cold, rows); diff != "" {
				t.Fatalf("pass %d: cold -, warm +\n%s", pass, diff)
			}
		}
	})
}

// A stream that is cut anywhere decodes to the same.
func FuzzDecodeSome(f *testing.F) {
	for i, s := range decodeSeeds {
		f.Add([]byte(s), uint8(i*7), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut, limit uint8) {
		catalog := sdk.NewCatalog(sdk.Limits{})
		whole, parts := sdk.NewBatch(catalog), sdk.NewBatch(catalog)
		wantErr := NewDecoder(catalog, DecoderOptions{}).Decode(whole, data, 42)
		d := NewDecoder(catalog, DecoderOptions{})
		var refused, at, lines int
		for end := 0; at < len(data); {
			end = min(end+int(cut)+1, len(data))
			p, err := d.DecodeSome(parts, data[at:end], 42, int(limit)+1, end < len(data))
			refused += len(refusedLines(t, err))
			at += p.Bytes
			lines += p.Lines
			if end == len(data) && p.Bytes == 0 && at < len(data) {
				t.Fatalf("no progress at %d of %d", at, len(data))
			}
			if p.Metrics > int(limit)+1 {
				t.Fatalf("%d metrics, limit %d", p.Metrics, int(limit)+1)
			}
		}
		if diff := cmp.Diff(dump(whole), dump(parts)); diff != "" {
			t.Fatal(diff)
		}
		if want := len(refusedLines(t, wantErr)); refused != want {
			t.Fatalf("refused %d, whole %d", refused, want)
		}
		want := bytes.Count(data, newline)
		if len(data) > 0 && data[len(data)-1] != '\n' && len(bytes.Trim(data[bytes.LastIndexByte(data, '\n')+1:], " ")) > 0 {
			want++
		}
		if lines < want || lines > want+1 {
			t.Fatalf("%d lines, want %d", lines, want)
		}
	})
}

// One metric in, one line out, which the library reads back, whatever the metric holds. What the library
// accepts is written as the library writes it.
func FuzzEncode(f *testing.F) {
	f.Add("gpu", "host", "a", "alert", "hot", "power_watts", "text", "value", 300.5, int64(-3), uint64(4), int64(1000))
	f.Add("#m", "a\nb", "c\\", "a_b", "x", "", "_", "line\nfeed\r\t\"\\", math.NaN(), int64(math.MinInt64), uint64(math.MaxUint64), int64(math.MinInt64))
	f.Add("", "\xff", "\xfe", "\x00", "\x7f", "a\n", "a\r", "\xff\xc0", math.Inf(1), int64(0), uint64(0), int64(0))
	f.Add(" #m,= ", "k,= ", "v,= ", "K", "V", "f,= ", "f\\", "\\n", math.Copysign(0, -1), int64(0), uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, name, key, value, noteKey, noteValue, field, textField, text string, x float64, i int64, u uint64, at int64) {
		catalog := sdk.NewCatalog(sdk.Limits{})
		b := sdk.NewBatch(catalog)
		m := b.Add(catalog.Series(name, sdk.Tag{Key: key, Value: value}, sdk.Tag{Key: "z", Value: "1"}), at)
		m.Annotate(catalog.Annotations(sdk.Tag{Key: noteKey, Value: noteValue}))
		m.Float(field, x)
		m.Text(textField, text)
		m.Int("i", i)
		m.Uint("u", u)
		m.Bool("b", true)

		e := NewEncoder(catalog, EncoderOptions{})
		line, ok := e.Append([]byte("before\n"), m)
		again, _ := e.Append([]byte("before\n"), m)
		if !ok || !bytes.Equal(line, again) {
			t.Fatalf("%v\n%q\n%q", ok, line, again)
		}
		line = bytes.TrimPrefix(line, []byte("before\n"))
		if bytes.IndexByte(line, '\n') != len(line)-1 || bytes.IndexByte(line, '\r') >= 0 {
			t.Fatalf("not one line: %q", line)
		}
		want := sdk.NewBatch(catalog)
		c := want.Add(catalog.Series(cleanMeasurement(name), cleanTags(m.Series().Tags(), m.Annotations().Tags())...), at)
		names := make([]string, m.Len())
		for slot := range names {
			names[slot] = m.Field(slot).Name
		}
		names = cleanKeys(names)
		for slot, name := range names {
			if v := m.Value(slot); v.Finite() {
				if v.Type() == sdk.String {
					v = sdk.StringValue(strings.ToValidUTF8(string([]rune(v.Text())), ""))
				}
				c.Set(sdk.Field{Name: name, Type: v.Type()}, v)
			}
		}
		got := sdk.NewBatch(catalog)
		if refused := libraryDecode(got, line, 0); len(refused) > 0 || got.Len() != 1 {
			t.Fatalf("library: %d metrics, refused %v: %q", got.Len(), refused, line)
		}
		if diff := cmp.Diff(dump(want), dump(got)); diff != "" {
			t.Fatalf("%q\n%s", line, diff)
		}
		if theirs, err := libraryEncode(m); err == nil && !strings.HasPrefix(name, "#") && !bytes.Equal(theirs, line) {
			t.Fatalf("library %q\n   ours %q", theirs, line)
		}
	})
}

// libraryEncode encodes m with the library alone. Its error is the library's.
func libraryEncode(m *sdk.Metric) ([]byte, error) {
	var e lp.Encoder
	e.StartLine(m.Name())
	tags := slices.Clone(m.Series().Tags())
	for _, t := range m.Annotations().Tags() {
		if m.Tag(t.Key) == "" {
			tags = append(tags, t)
		}
	}
	slices.SortFunc(tags, func(a, b sdk.Tag) int { return strings.Compare(a.Key, b.Key) })
	for _, t := range tags {
		e.AddTag(t.Key, t.Value)
	}
	for slot := range m.Len() {
		v := m.Value(slot)
		var of lp.Value
		ok := true
		switch v.Type() {
		case sdk.Float:
			of, ok = lp.FloatValue(v.Float())
		case sdk.Int:
			of = lp.IntValue(v.Int())
		case sdk.Uint:
			of = lp.UintValue(v.Uint())
		case sdk.Bool:
			of = lp.BoolValue(v.Bool())
		default:
			of, ok = lp.StringValue(v.Text())
		}
		if !ok {
			return nil, strconv.ErrSyntax
		}
		e.AddField(m.Field(slot).Name, of)
	}
	e.EndLine(time.Unix(0, m.Time()))
	return e.Bytes(), e.Err()
}

func FuzzFloat(f *testing.F) {
	for _, x := range []float64{0, 1, -1, 0.5, 300.5, 1e6, 999999, 1234567.5, 85520809984, 1e-4, 9.9e-5, 0.1, 123.456, 1e12, 999999999999.999, 0.000123, math.Copysign(0, -1), math.MaxFloat64} {
		f.Add(math.Float64bits(x))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		x := math.Float64frombits(bits)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Skip("not finite")
		}
		for _, x := range []float64{x, math.Round(x*1000) / 1000, math.Trunc(x), float64(int32(bits)) / 1e3, float64(int64(bits)>>16) / 1e6, float64(int64(bits)>>14) / 1e3, float64(int64(bits)>>20) / 1e6} {
			if got, want := string(appendFloat(nil, x)), strconv.FormatFloat(x, 'g', -1, 64); got != want && !math.IsInf(x, 0) {
				t.Fatalf("%v: %s", want, got)
			}
		}
	})
}
