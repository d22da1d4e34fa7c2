package ruletest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

const defaultStart = "2026-01-01T00:00:00Z"

// begin returns the time from which at counts, where it is not that of a trace.
func (t *Test) begin() (time.Time, error) {
	return time.Parse(time.RFC3339, cmp.Or(t.Start, defaultStart))
}

// source returns the input that a test reads.
func (t *Test) source(registry sdk.Registry, dir string) pipeline.Input {
	in := pipeline.Input{Timeout: time.Minute}
	if t.Trace == "" {
		in.Name, in.New = "samples", func() (any, error) { return t.table() }
		return in
	}
	in.Name = "replay"
	in.New = func() (any, error) {
		def := registry.Find(sdk.RoleInput, "replay")
		if def == nil {
			return nil, errors.New("this binary has no inputs.replay to read a trace")
		}
		config := def.NewConfig()
		for _, fault := range sdk.Configure(config, map[string]any{"files": []any{path(dir, t.Trace)}}) {
			return nil, fault
		}
		return def.New(config)
	}
	return in
}

// table is an input that reads the samples of a test, in order of time. They pass through the decoder of
// traces, so that both ways a sample is the same.
type table struct {
	series  []series
	steps   int
	next    int
	start   int64
	every   int64
	text    []byte
	decoder *lineprotocol.Decoder
}

type series struct {
	head   string // measurement and tags, as in line protocol
	fields []column
}

type column struct {
	name   string
	values []float64
}

func (t *Test) table() (*table, error) {
	start, err := t.begin()
	if err != nil {
		return nil, err
	}
	p := &table{start: start.UnixNano(), every: int64(t.Interval)}
	for _, from := range t.Samples {
		s := series{head: escape.Replace(from.Metric)}
		for _, key := range sorted(from.Tags) {
			s.head += "," + escape.Replace(key) + "=" + escape.Replace(from.Tags[key])
		}
		for _, name := range sorted(from.Fields) {
			v, err := values(from.Fields[name])
			if err != nil {
				return nil, err
			}
			s.fields = append(s.fields, column{escape.Replace(name), v})
			p.steps = max(p.steps, len(v))
		}
		p.series = append(p.series, s)
	}
	return p, nil
}

var escape = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)

// Finite says that the table has an end, so that no clock closes windows.
func (p *table) Finite() bool { return true }

const bytesAtOnce = 64 << 10

// Read adds some rows.
func (p *table) Read(_ context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if p.next == p.steps {
		return nil, sdk.ErrEnd
	}
	if p.decoder == nil {
		p.decoder = lineprotocol.NewDecoder(b.Catalog(), lineprotocol.DecoderOptions{
			Coerce: vocabulary.Coerce, Counters: lineprotocol.DefaultCounters,
		})
	}
	p.text = p.text[:0]
	for ; p.next < p.steps && len(p.text) < bytesAtOnce; p.next++ {
		for i := range p.series {
			p.text = p.series[i].appendRow(p.text, p.next, p.start+int64(p.next)*p.every)
		}
	}
	return nil, p.decoder.Decode(b, p.text, p.start)
}

// appendRow appends the row of a step, where any field has a value.
func (s *series) appendRow(to []byte, step int, at int64) []byte {
	between := byte(' ')
	for _, c := range s.fields {
		if step >= len(c.values) || math.IsNaN(c.values[step]) {
			continue
		}
		if between == ' ' {
			to = append(to, s.head...)
		}
		to = append(append(append(to, between), c.name...), '=')
		to = strconv.AppendFloat(to, c.values[step], 'g', -1, 64)
		between = ','
	}
	if between == ' ' {
		return to
	}
	return append(strconv.AppendInt(append(to, ' '), at, 10), '\n')
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
