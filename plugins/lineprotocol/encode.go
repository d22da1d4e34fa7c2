package lineprotocol

import (
	"math"
	"strconv"

	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Unsigned says how unsigned integers are written.
type Unsigned uint8

const (
	UnsignedSuffix Unsigned = iota // 43u, as InfluxDB 2 and later take it
	UnsignedAsInt                  // 43i, as InfluxDB 1 needs it; what exceeds an int64 is left out
)

// EncoderOptions say how an [Encoder] writes what line protocol leaves open.
type EncoderOptions struct {
	Precision Precision // of time stamps, which are cut to it; Nanosecond when 0
	Unsigned  Unsigned
}

// Encoder encodes metrics of one catalog as line protocol: one line for each metric, ended by a newline,
// whatever bytes the metric holds. It remembers how series and field keys are written, in bounded
// memory, so keep it for as long as the output lives. It belongs to one goroutine.
type Encoder struct {
	catalog    *sdk.Catalog
	options    EncoderOptions
	limits     encoderLimits
	library    lp.Encoder
	prefixes   map[prefixKey]*prefix
	bytes      int // of prefixes and keys
	keys       map[string][]byte
	schemas    map[*sdk.Schema]*fieldKeys
	last       *prefix
	schema     *fieldKeys
	generation uint64
	left       LeftOut
	rejected   []int

	time  int64 // of the metric before
	stamp []byte
}

// LeftOut counts what could not be written.
type LeftOut struct {
	NotFinite uint64 // fields: NaN and the infinities
	TooLarge  uint64 // fields: unsigned integers that do not fit, with UnsignedAsInt
	Metrics   uint64 // metrics: no field was left
}

type prefixKey struct {
	series *sdk.Series
	notes  *sdk.Annotations
}

// prefix is a line up to its fields.
type prefix struct {
	prefixKey
	text []byte
	next *prefix // of the metric that followed last time, and probably does so again
}

// fieldKeys are the field keys of a schema, each as ",key=".
type fieldKeys struct {
	schema *sdk.Schema
	keys   [][]byte
}

type encoderLimits struct{ entries, bytes int }

// NewEncoder returns an encoder for metrics of the catalog c.
func NewEncoder(c *sdk.Catalog, options EncoderOptions) *Encoder {
	return &Encoder{
		catalog:    c,
		options:    options,
		limits:     encoderLimits{entries: 1 << 16, bytes: 16 << 20},
		prefixes:   make(map[prefixKey]*prefix),
		keys:       make(map[string][]byte),
		schemas:    make(map[*sdk.Schema]*fieldKeys),
		generation: c.Generation(),
	}
}

// LeftOut returns the counts since the encoder was made.
func (e *Encoder) LeftOut() LeftOut { return e.left }

// AppendBatch appends the metrics of b in their order. It returns the extended buffer and the positions,
// in the order of Batch.All, of the metrics that have no field that can be written; the positions are
// valid until the next call.
func (e *Encoder) AppendBatch(dst []byte, b *sdk.Batch) (out []byte, rejected []int) {
	e.rejected = e.rejected[:0]
	i := 0
	for m := range b.All() {
		var ok bool
		if dst, ok = e.Append(dst, m); !ok {
			e.rejected = append(e.rejected, i)
		}
		i++
	}
	return dst, e.rejected
}

// Append appends m as one line. It returns the extended buffer and true; where m has no field that can
// be written, it returns dst as it was and false. Fields that a filter hides are left out.
func (e *Encoder) Append(dst []byte, m *sdk.Metric) ([]byte, bool) {
	start := len(dst)
	dst = append(dst, e.prefix(m)...)
	fields := len(dst)
	keys := e.fieldKeys(m.Schema())
	for slot := range m.Len() {
		if !m.Visible(slot) {
			continue
		}
		dst = e.appendField(dst, keys.keys[slot], m.Value(slot))
	}
	if len(dst) == fields {
		e.left.Metrics++
		return dst[:start], false
	}
	dst[fields] = ' ' // in place of the first field's comma
	return e.appendStamp(dst, m.Time()), true
}

// appendField appends key and value, or nothing.
func (e *Encoder) appendField(dst, key []byte, v sdk.Value) []byte {
	switch v.Type() {
	case sdk.Float:
		if !v.Finite() {
			e.left.NotFinite++
			return dst
		}
		return appendFloat(append(dst, key...), v.Float())
	case sdk.Int:
		return append(strconv.AppendInt(append(dst, key...), v.Int(), 10), 'i')
	case sdk.Uint:
		suffix := byte('u')
		if e.options.Unsigned == UnsignedAsInt {
			if v.Uint() > math.MaxInt64 {
				e.left.TooLarge++
				return dst
			}
			suffix = 'i'
		}
		return append(strconv.AppendUint(append(dst, key...), v.Uint(), 10), suffix)
	case sdk.Bool:
		return strconv.AppendBool(append(dst, key...), v.Bool())
	}
	return appendText(append(dst, key...), v.Text())
}

// appendStamp appends the time and the newline. Metrics of one instant follow each other.
func (e *Encoder) appendStamp(dst []byte, t int64) []byte {
	if t != e.time || e.stamp == nil {
		e.time = t
		e.stamp = strconv.AppendInt(append(e.stamp[:0], ' '), t/int64(max(e.options.Precision, Nanosecond)), 10)
		e.stamp = append(e.stamp, '\n')
	}
	return append(dst, e.stamp...)
}
