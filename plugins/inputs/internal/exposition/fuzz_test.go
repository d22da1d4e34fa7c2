package exposition_test

import (
	"bytes"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// reading is a sample in a form that both parsers can be brought to.
type reading struct {
	series string
	value  uint64
	time   int64
}

// oracle reads a page with Prometheus' own parser, and reports false where that refuses it, or where it has
// kinds of metrics that the parser takes apart.
func oracle(text []byte) ([]reading, bool) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, false
	}
	var all []reading
	for name, family := range families {
		for _, m := range family.Metric {
			var value float64
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				value = m.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				value = m.GetGauge().GetValue()
			case dto.MetricType_UNTYPED:
				value = m.GetUntyped().GetValue()
			default:
				return nil, false
			}
			labels := make([]sdk.Tag, 0, len(m.Label))
			for _, l := range m.Label {
				labels = append(labels, sdk.Tag{Key: l.GetName(), Value: l.GetValue()})
			}
			all = append(all, newReading(name, labels, value, m.GetTimestampMs()*1e6))
		}
	}
	return all, true
}

func newReading(name string, labels []sdk.Tag, value float64, time int64) reading {
	slices.SortFunc(labels, func(a, b sdk.Tag) int { return strings.Compare(a.Key, b.Key) })
	var b strings.Builder
	b.WriteString(name)
	for _, l := range labels {
		b.WriteString("\xff" + l.Key + "\xfe" + l.Value)
	}
	if math.IsNaN(value) {
		value = math.NaN()
	}
	return reading{b.String(), math.Float64bits(value), time}
}

// Prometheus' parser takes more than the format allows, such as "a+1". These lines it may not refuse.
var plain = regexp.MustCompile(`^(?:#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\]*",?)*\})? [-+]?[0-9]+(?:\.[0-9]+)?(?: [0-9]{1,13})?|)$`)

// compare holds the scanner against Prometheus' parser.
func compare(t *testing.T, text []byte) {
	t.Helper()
	want, ok := oracle(text)
	if !ok {
		return
	}
	var got []reading
	strict := false // labels were refused
	var s exposition.Scanner
	for s.Reset(text); s.Next(); {
		id, err := s.Identity()
		if err != nil {
			strict = true
			continue
		}
		got = append(got, newReading(id.Name, id.Labels, s.Value, s.Stamp))
	}
	if s.Err != nil || strict {
		for line := range bytes.SplitSeq(text, []byte("\n")) {
			if !plain.Match(line) {
				return
			}
		}
		t.Fatalf("%q: %v", text, s.Err)
	}
	order := func(a, b reading) int {
		if a.series != b.series {
			return strings.Compare(a.series, b.series)
		}
		return int(a.value%1024) - int(b.value%1024)
	}
	slices.SortStableFunc(got, order)
	slices.SortStableFunc(want, order)
	if !slices.Equal(got, want) {
		t.Fatalf("%q:\n got %+v\nwant %+v", text, got, want)
	}
}

// FuzzScan: what Prometheus' parser takes, the scanner takes alike; whatever comes, it does not panic, and
// its slices point into the page.
func FuzzScan(f *testing.F) {
	f.Add([]byte("# TYPE a gauge\na{b=\"c\\\"\",d=\"\\\\\"} 1.5 1700000000000\n"), false)
	f.Add([]byte("# TYPE a counter\na_total{b=\"c\"} 1 1.5 # {x=\"y\"} 2\n# EOF\n"), true)
	f.Add([]byte("{\"a.b\",c=\"d\"} NaN\n"), false)
	f.Add(page(3), false)
	f.Fuzz(func(t *testing.T, text []byte, openMetrics bool) {
		before := bytes.Clone(text)
		s := exposition.Scanner{OpenMetrics: openMetrics}
		var heads []string
		for s.Reset(text); s.Next(); {
			heads = append(heads, string(s.Head))
			_, _ = s.Identity()
		}
		for ahead := range min(3, len(heads)) { // what is expected changes nothing, be it right or wrong
			i := 0
			for s.Reset(text); s.Next(); i++ {
				if string(s.Head) != heads[i] {
					t.Fatalf("sample %d has the head %q, and %q where another was expected", i, heads[i], s.Head)
				}
				s.Expect = heads[(i+1+ahead)%len(heads)]
			}
			if i != len(heads) {
				t.Fatalf("%d samples, and %d where another head was expected", len(heads), i)
			}
		}
		if !bytes.Equal(before, text) {
			t.Fatal("the page was changed")
		}
		compare(t, text)
	})
}
