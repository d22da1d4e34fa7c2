package lineprotocol

import (
	"bytes"
	"math"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// fast decodes the line at the start of data, which ends with a newline, and returns its length; it
// returns 0, and has added nothing, where the line holds something that is not known or not plain.
func (d *Decoder) fast(b *sdk.Batch, data []byte, now int64) int {
	h := d.headAt(data)
	if h == nil || h.raw == "" {
		return 0
	}
	i := len(h.raw)
	for data[i] == ' ' {
		i++
	}
	s := &h.measure.root
	d.values, d.texts = d.values[:0], d.texts[:0]
	for {
		c := s.next
		if c == nil || len(data)-i <= len(c.key) || string(data[i:i+len(c.key)]) != c.key {
			c = s.follow(data[i:])
		}
		var key string
		if c != nil {
			key = c.key
		} else if key = h.measure.known(data[i:]); key == "" {
			return 0
		}
		i += len(key)
		var bits uint64
		var written sdk.Type
		var text string
		switch first := data[i]; first {
		case '"':
			text, i = d.scanText(data, i, c)
			written = sdk.String
		case 't', 'T', 'f', 'F':
			bits, i = scanBool(data, i)
			written = sdk.Bool
		default:
			bits, written, i = scanNumber(data, i)
		}
		if i == 0 {
			return 0
		}
		if c == nil || c.written != written || c.verbatim {
			if c = d.grow(h.measure, s, key, written, false); c == nil {
				return 0
			}
		}
		if s = d.put(h.measure, s, c, bits, text); s == nil {
			return 0
		}
		if data[i] != ',' {
			break
		}
		i++
	}
	t, end := d.scanTime(data, i, now)
	if end == 0 {
		return 0
	}
	h.mark(b.AddRow(h.series, s.schema, t, d.values, d.texts))
	return end
}

// put adds the value of c, a child of s, to the row at work. It returns the shape to go on from: c or, for a value that
// does not fit the field, the sibling of c that keeps values as they are written.
func (d *Decoder) put(m *measure, s, c *shape, bits uint64, text string) *shape {
	if c.ignore {
		return c
	}
	if c.convert {
		v, ok := numberValue(c.written, bits).As(c.field.Type)
		if !ok {
			if c = d.grow(m, s, c.key, c.written, true); c == nil || c.ignore {
				return c
			}
			v, ok = numberValue(c.written, bits).As(c.field.Type)
			if !ok { // the field came before: its first value stays
				return c
			}
		}
		bits = valueBits(v)
	}
	repeated := c.slot < len(d.values)
	if c.written == sdk.String {
		if repeated {
			d.texts[d.values[c.slot]] = text
			return c
		}
		bits = uint64(len(d.texts))
		d.texts = append(d.texts, text)
	}
	if repeated {
		d.values[c.slot] = bits
	} else {
		d.values = append(d.values, bits)
	}
	return c
}

func numberValue(t sdk.Type, bits uint64) sdk.Value {
	switch t {
	case sdk.Int:
		return sdk.IntValue(int64(bits))
	case sdk.Uint:
		return sdk.UintValue(bits)
	}
	return sdk.FloatValue(math.Float64frombits(bits))
}

func valueBits(v sdk.Value) uint64 {
	if v.Type() == sdk.Float {
		return math.Float64bits(v.Float())
	}
	return v.Uint()
}

// scanText reads the quoted string at data[i:] if it is plain: no escapes, no newline. It returns the
// string that c, if there is one, had last when it is the same, and an end of 0 for what is not plain.
func (d *Decoder) scanText(data []byte, i int, c *shape) (text string, end int) {
	i++
	n := bytes.IndexByte(data[i:], '"')
	if n < 0 {
		return "", 0
	}
	raw := data[i : i+n]
	if c != nil && c.written == sdk.String && string(raw) == c.text {
		return c.text, i + n + 1
	}
	if bytes.IndexByte(raw, '\\') >= 0 || bytes.IndexByte(raw, '\n') >= 0 || !utf8.Valid(raw) {
		return "", 0
	}
	text = string(raw)
	if c != nil && c.written == sdk.String && len(text) <= keptText {
		c.text = text
	}
	return text, i + n + 1
}

// scanTime reads what stands between the last field and the next line, and returns the time and where
// that line starts, or 0.
func (d *Decoder) scanTime(data []byte, i int, now int64) (t int64, end int) {
	if data[i] == ' ' {
		for data[i] == ' ' {
			i++
		}
		if data[i] != '\n' && data[i] != '\r' {
			stamp, end := scanStamp(data, i)
			if end == 0 {
				return 0, 0
			}
			var ok bool
			if now, ok = d.options.Precision.nanoseconds(stamp); !ok {
				return 0, 0
			}
			for i = end; data[i] == ' '; i++ {
			}
		}
	}
	switch {
	case data[i] == '\n':
		return now, i + 1
	case data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n':
		return now, i + 2
	}
	return 0, 0
}
