package lineprotocol

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var newline = []byte{'\n'}

var (
	errOpenQuote = errors.New("string field has no closing quote")
	errNoFields  = errors.New("no fields")
	errStamp     = errors.New("invalid timestamp")
	errTooMany   = fmt.Errorf("more than %d fields", maxFields)
)

// slow has the library decode the entry at the start of data, and remembers what fast needs to decode another one like
// it. line and indent, the lines before the entry and the spaces before it on its own, are for error messages. It
// returns the bytes and lines of the entry, and whether it added a metric; n is 0 where the entry does not end in data
// and more is to come.
func (d *Decoder) slow(b *sdk.Batch, data []byte, now int64, line, indent int, more bool) (n, lines int, ok bool) {
	n, open := entryLen(data)
	first := bytes.IndexByte(data, '\n') + 1
	var fault *LineError
	if open == 0 {
		fault = d.decodeEntry(b, data[:n], now)
	} else {
		if more {
			return 0, 0, false
		}
		fault = &LineError{Line: 1, Column: open, Err: errOpenQuote}
	}
	if fault == nil {
		return n, bytes.Count(data[:n], newline), true
	}
	if fault.Line == 1 {
		fault.Column += indent
	}
	d.refuse(line+fault.Line, fault.Column, fault.Err)
	return first, 1, false
}

// decodeEntry adds the metric of one entry, newline included.
func (d *Decoder) decodeEntry(b *sdk.Batch, entry []byte, now int64) *LineError {
	dec := lp.NewDecoderWithBytes(entry)
	if !dec.Next() {
		return &LineError{Line: 1, Column: 1, Err: errNoFields}
	}
	measurement, tags, err := readHead(dec)
	if err != nil {
		return lineError(err)
	}
	h := d.headOf(entry, measurement, tags)
	s := &h.measure.root
	d.values, d.texts = d.values[:0], d.texts[:0]
	for {
		key, value, err := dec.NextField()
		if err != nil {
			return lineError(err)
		}
		if key == nil {
			break
		}
		if s = d.take(h.measure, s, key, value); s == nil {
			return &LineError{Line: 1, Column: 1, Err: errTooMany}
		}
	}
	stamp, err := dec.TimeBytes()
	if err != nil {
		return lineError(err)
	}
	if stamp != nil {
		if now, err = d.parseStamp(stamp); err != nil {
			at := bytes.LastIndex(entry, stamp)
			start := bytes.LastIndexByte(entry[:at], '\n') + 1
			return &LineError{Line: 1 + bytes.Count(entry[:at], newline), Column: at - start + 1, Err: err}
		}
	}
	h.mark(b.AddRow(h.series, s.schema, now, d.values, d.texts))
	return nil
}

// headOf returns the head of an entry that the library has decoded, and remembers it for fast.
func (d *Decoder) headOf(entry []byte, measurement string, tags []sdk.Tag) *head {
	raw := entry[:headLen(entry)]
	if h := d.heads[string(raw)]; h != nil {
		return h
	}
	return d.keepHead(raw, measurement, tags)
}

// take adds a field that the library has decoded to the row at work.
func (d *Decoder) take(m *measure, s *shape, name []byte, value lp.Value) *shape {
	var bits uint64
	var text string
	var written sdk.Type
	switch value.Kind() {
	case lp.Float:
		written, bits = sdk.Float, math.Float64bits(value.FloatV())
	case lp.Int:
		written, bits = sdk.Int, uint64(value.IntV())
	case lp.Uint:
		written, bits = sdk.Uint, value.UintV()
	case lp.Bool:
		written = sdk.Bool
		if value.BoolV() {
			bits = 1
		}
	default:
		written, text = sdk.String, value.StringV()
	}
	key := escapeKey(name)
	if m.fields[key] == "" && d.learn(key) {
		m.fields[key] = key
	}
	c := d.grow(m, s, key, written, false)
	if c == nil {
		return nil
	}
	return d.put(m, s, c, bits, text)
}

func (d *Decoder) parseStamp(text []byte) (int64, error) {
	stamp, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w %q", errStamp, text)
	}
	ns, ok := d.options.Precision.nanoseconds(stamp)
	if !ok {
		return 0, fmt.Errorf("%w %d: out of range", errStamp, stamp)
	}
	return ns, nil
}

// lineError takes over the position that the library gives.
func lineError(err error) *LineError {
	if at, ok := errors.AsType[*lp.DecodeError](err); ok {
		return &LineError{Line: int(at.Line), Column: at.Column, Err: at.Err}
	}
	return &LineError{Line: 1, Column: 1, Err: err}
}

// entryLen returns the length of the entry at the start of data, newline included. It is one line, or
// more where a quoted string holds newlines. Where such a string never ends, open is its column.
func entryLen(data []byte) (n, open int) {
	line := bytes.IndexByte(data, '\n') + 1
	i := headLen(data[:line])
	if i == 0 {
		return line, 0
	}
	for ; i < len(data); i++ {
		switch data[i] {
		case '\n':
			return i + 1, 0
		case '\\': // the library sees no escaped backslash in a key
			if data[i+1] == '=' {
				i++
			}
		case '=':
			if data[i+1] != '"' {
				continue
			}
			end := stringEnd(data[i+2:])
			if end < 0 {
				return line, i + 1 - bytes.LastIndexByte(data[:i], '\n')
			}
			i += 1 + end
		}
	}
	return line, 0
}

// stringEnd returns the length of the string that starts data, its closing quote included, or -1.
func stringEnd(data []byte) int {
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
