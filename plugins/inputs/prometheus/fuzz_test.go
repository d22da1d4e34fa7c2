package prometheus

import (
	"bytes"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// sampleKey names a sample for a comparison: its name and its labels, those without a value left out.
func sampleKey(name string, labels []sdk.Tag) string {
	var parts []string
	for _, l := range labels {
		if l.Value != "" {
			parts = append(parts, strconv.Quote(l.Key)+"="+strconv.Quote(l.Value))
		}
	}
	slices.Sort(parts)
	return name + "{" + strings.Join(parts, ",") + "}"
}

// byExpfmt returns the finite samples of a page as Prometheus' own parser reads it, or false where it
// refuses the page.
func byExpfmt(page []byte) (map[string]float64, bool) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		return nil, false
	}
	all := make(map[string]float64)
	for name, f := range families {
		for _, m := range f.Metric {
			labels := []sdk.Tag{}
			for _, l := range m.Label {
				labels = append(labels, sdk.Tag{Key: l.GetName(), Value: l.GetValue()})
			}
			put := func(suffix string, v float64, more ...sdk.Tag) {
				all[sampleKey(name+suffix, append(slices.Clone(labels), more...))] = v
			}
			switch {
			case m.Counter != nil:
				put("", m.Counter.GetValue())
			case m.Gauge != nil:
				put("", m.Gauge.GetValue())
			case m.Untyped != nil:
				put("", m.Untyped.GetValue())
			default:
				putParts(m, put)
			}
		}
	}
	for key, v := range all {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(all, key)
		}
	}
	return all, true
}

// putParts puts the parts of a summary or a histogram, so far as they are whole numbers or finite: the
// parser turns counts into integers.
func putParts(m *dto.Metric, put func(string, float64, ...sdk.Tag)) {
	if s := m.Summary; s != nil {
		for _, q := range s.Quantile {
			put("", q.GetValue(), sdk.Tag{Key: "quantile", Value: formatBound(q.GetQuantile())})
		}
	}
	if h := m.Histogram; h != nil {
		for _, b := range h.Bucket {
			put("_bucket", float64(b.GetCumulativeCount()), sdk.Tag{Key: "le", Value: formatBound(b.GetUpperBound())})
		}
	}
}

func formatBound(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// FuzzPage holds the parser against Prometheus' own: what that reads is read, with the same values. Parts
// of summaries and histograms, which it puts together and rounds, are compared where they are quantiles.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		"up 1\n", "# HELP a b\n# TYPE a counter\na{b=\"c\",d=\"e\\n\\\\\\\"\"} 1.5 1000\n", "a{} -1e-7\n", "\n\n#\n# x\n",
		"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 3\n", "a{b=\"}\"} NaN\n", "a  {  b = \"c\" , } \t +Inf \t 5\n",
		"# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n", "a 1\na 2\n", "a{b=\"c\"}1\n",
		"a 0x1p-2\n", "a .5\na. 1\n", "a{b=\"\xff\"} 1\n", "a 9223372036854775807\n", "a\t1\r\n", "# TYPE a gauge\n# TYPE a gauge\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		catalog := sdk.NewCatalog(sdk.Limits{})
		value := sdk.Field{Name: field, Type: sdk.Float}
		p := newPage(catalog, &settings{raw: rawAll, maxSeries: 10_000, plain: catalog.Schema().With(value), growing: catalog.Schema().With(value)})
		b := sdk.NewBatch(catalog)
		for range 2 { // the second time from memory
			b.Reset()
			p.read(b, text, false, 5)
			got := make(map[string]float64)
			for m := range b.All() {
				got[sampleKey(m.Name(), m.Series().Tags())] = m.NumberAt(0)
			}
			want, ok := byExpfmt(text)
			if !ok || glued.Match(text) {
				continue
			}
			if p.scanner.Bad > 0 && !errors.Is(p.scanner.Err, errDouble) {
				t.Errorf("refused: %v", p.scanner.Err)
			}
			for key, v := range want {
				have, ok := got[key]
				if !ok && hasBound(key) {
					continue // written in another way
				}
				if !ok || have != v && !strings.Contains(key, "_bucket{") && p.scanner.Bad == 0 {
					t.Errorf("%s is %v, want %v", key, have, v)
				}
			}
		}
	})
}

// glued finds a name of which a part alone stands in quotes. That parser takes {a"b"} for {ab}.
var glued = regexp.MustCompile(`(?m)^(?:[^"\n]*"(?:[^"\\\n]|\\.)*"[ \t},=])*[^"\n]*(?:[^ \t{,="\n]"|"(?:[^"\\\n]|\\.)*"[^ \t},=\n])`)

func hasBound(key string) bool {
	return strings.Contains(key, `"quantile"=`) || strings.Contains(key, `"le"=`)
}

// FuzzOpenMetrics reads anything as OpenMetrics, by itself and from memory: the same comes out, and all of
// it is legible.
func FuzzOpenMetrics(f *testing.F) {
	f.Add([]byte("# TYPE a counter\na_total 1 1.5 # {x=\"y\"} 1 2\n# EOF\n"), true)
	f.Add([]byte("{\"a.b\",\"c.d\"=\"e\"} 1\n"), true)
	f.Add([]byte("nv_inference_count{model=\"m\"} 1\nnv_inference_exec_count 1\n"), false)
	mappings, err := loadMappings(shippedNames())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte, openMetrics bool) {
		catalog := sdk.NewCatalog(sdk.Limits{})
		value := sdk.Field{Name: field, Type: sdk.Float}
		p := newPage(catalog, &settings{
			raw: rawRest, maxSeries: 10_000, mappings: mappings, stamps: true,
			plain: catalog.Schema().With(value), growing: catalog.Schema().With(value),
		})
		b := sdk.NewBatch(catalog)
		first, bad := 0, 0
		for n := range 2 {
			b.Reset()
			p.read(b, text, openMetrics, 5)
			for m := range b.All() {
				if m.Time() <= 0 || m.Len() == 0 || m.Name() == "" {
					t.Errorf("%s", sdktest.Line(m))
				}
			}
			if b.Tally().Added != uint64(b.Len())+b.Tally().Dropped() {
				t.Errorf("%+v", b.Tally())
			}
			if n == 1 && (p.scanner.Bad != bad || b.Len() < first) {
				t.Errorf("%d rows and %d bad lines, then %d and %d", first, bad, b.Len(), p.scanner.Bad)
			}
			first, bad = b.Len(), p.scanner.Bad
		}
	})
}
