// Package jsonlines turns batches into JSON, a metric a line, and such lines into batches:
//
//	{"name":"gpu","tags":{"gpu_index":"0"},"fields":{"power_watts":300.5},"time":1700000000000000000,"class":"sample"}
//
// The time is in Unix nanoseconds. Tags that rules have put on a metric stand among its tags. JSON knows
// neither NaN nor infinities: such fields are left out.
package jsonlines

import (
	"strconv"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Encoder writes metrics of one catalog. It remembers how series and fields are written, so keep it for as
// long as the output lives. It belongs to one goroutine; its zero value is ready.
type Encoder struct {
	// For each series its line up to the tags' closing brace, and for each field its quoted name.
	table sdk.Table[[]byte, []byte]
}

// AppendBatch appends the metrics of b in their order, and returns the extended buffer.
func (e *Encoder) AppendBatch(dst []byte, b *sdk.Batch) []byte {
	for m := range b.All() {
		dst = e.Append(dst, m)
	}
	return dst
}

// Append appends m as one line, and returns the extended buffer.
func (e *Encoder) Append(dst []byte, m *sdk.Metric) []byte {
	row, isNew := e.table.Row(m)
	if isNew {
		row.State = appendHead(nil, m.Series())
	}
	dst = append(dst, row.State...)
	for _, t := range m.Annotations().Tags() {
		if m.Tag(t.Key) == "" { // the metric's own tag wins
			dst = appendTag(dst, t)
		}
	}
	dst = append(dst, `},"fields":{`...)
	start := len(dst)
	for slot, at := range row.Slots(m) {
		v := m.Value(slot)
		if at < 0 || !v.Finite() {
			continue
		}
		key := row.Cell(at)
		if *key == nil {
			*key = append(appendString(nil, m.Field(slot).Name), ':')
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = appendValue(append(dst, *key...), v)
	}
	dst = append(dst, `},"time":`...)
	dst = strconv.AppendInt(dst, m.Time(), 10)
	dst = append(dst, `,"class":"`...)
	dst = append(dst, m.Class().String()...)
	return append(dst, "\"}\n"...)
}

func appendHead(dst []byte, s *sdk.Series) []byte {
	dst = appendString(append(dst, `{"name":`...), s.Name())
	dst = append(dst, `,"tags":{`...)
	for _, t := range s.Tags() {
		dst = appendTag(dst, t)
	}
	return dst
}

func appendTag(dst []byte, t sdk.Tag) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = appendString(dst, t.Key)
	return appendString(append(dst, ':'), t.Value)
}

func appendValue(dst []byte, v sdk.Value) []byte {
	switch v.Type() {
	case sdk.Float:
		return strconv.AppendFloat(dst, v.Float(), 'g', -1, 64)
	case sdk.Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case sdk.Uint:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case sdk.Bool:
		return strconv.AppendBool(dst, v.Bool())
	}
	return appendString(dst, v.Text())
}

// appendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // RuneError is U+FFFD
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
