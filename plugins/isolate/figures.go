package isolate

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// A message of figures has entries until its end, each of a figure of the child's meter that has changed:
//
//	N number of the figure, from 0
//	byte 1 where the figure is new, and its definition follows: N length and bytes of the name, the help
//	     and the unit, byte kind, N number of tags, N length and bytes of each key and value; else byte 0
//	8 bytes, the value: IEEE 754, little-endian
//
// N is an unsigned LEB128.
const (
	maxFigures    = 2000    // of all children of an input
	maxDefinition = 1 << 10 // bytes of a string
	fullFigures   = 32 << 10
)

// tracker knows which figures of a meter have changed since they were last sent.
type tracker struct {
	meter *sdk.Meter
	sent  []float64
}

// append appends messages with the figures that have changed, if there are any.
func (t *tracker) append(dst []byte) []byte {
	at, i := -1, -1
	for total := range t.meter.Totals() {
		i++
		fresh := i == len(t.sent)
		if !fresh && t.sent[i] == total.Value {
			continue
		}
		if fresh {
			t.sent = append(t.sent, 0)
		}
		t.sent[i] = total.Value
		if at < 0 {
			at = len(dst)
			dst = begin(dst, kindFigures)
		}
		dst = binary.AppendUvarint(dst, uint64(i))
		dst = appendDefinition(dst, &total, fresh)
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(total.Value))
		if len(dst)-at > fullFigures {
			dst, at = finish(dst, at), -1
		}
	}
	if at >= 0 {
		dst = finish(dst, at)
	}
	return dst
}

func appendDefinition(dst []byte, t *sdk.Total, fresh bool) []byte {
	if !fresh {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	for _, s := range [...]string{t.Name, t.Help, string(t.Unit)} {
		dst = appendString(dst, s)
	}
	dst = binary.AppendUvarint(append(dst, byte(t.Kind)), uint64(len(t.Tags)))
	for _, tag := range t.Tags {
		dst = appendString(appendString(dst, tag.Key), tag.Value)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	s = clip(s, maxDefinition)
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// mirror repeats the figures of children in the agent's meter. Counters go on where an earlier child's
// ended.
type mirror struct {
	meter   *sdk.Meter
	known   map[*sdk.Number]bool // of all children
	figures []figure             // of this child
}

type figure struct {
	number *sdk.Number
	kind   sdk.Kind
	last   float64
}

func newMirror(m *sdk.Meter) mirror { return mirror{meter: m, known: make(map[*sdk.Number]bool)} }

// begin forgets the figures of an earlier child.
func (m *mirror) begin() { m.figures = m.figures[:0] }

// apply takes a message.
func (m *mirror) apply(body []byte) error {
	c := cursor{rest: body}
	for len(c.rest) > 0 {
		i := c.number(len(m.figures) + 1)
		switch c.byte() {
		case 0:
		case 1:
			f := m.define(&c)
			if c.bad || i != len(m.figures) || len(m.known) > maxFigures || i > maxFigures {
				return fmt.Errorf("%w: figures that cannot be", errWire)
			}
			m.known[f.number] = true
			m.figures = append(m.figures, f)
		default:
			c.bad = true
		}
		v := c.float()
		if c.bad || i >= len(m.figures) {
			return fmt.Errorf("%w: figures that cannot be", errWire)
		}
		m.figures[i].set(v)
	}
	return nil
}

func (m *mirror) define(c *cursor) figure {
	name, help, unit, kind := c.string(), c.string(), c.string(), sdk.Kind(c.byte())
	var tags []sdk.Tag
	for range c.number(len(c.rest)/2 + 1) {
		tags = append(tags, sdk.Tag{Key: c.string(), Value: c.string()})
	}
	if !strings.HasPrefix(name, "gpuline_") || kind > sdk.Info {
		c.bad = true
	}
	switch {
	case c.bad:
		return figure{}
	case kind == sdk.Counter:
		return figure{number: m.meter.Counter(name, help, tags...), kind: kind}
	}
	return figure{number: m.meter.Gauge(name, sdk.Unit(unit), help, tags...), kind: kind}
}

// set takes a value over. One that is no finite number is left out: a counter would never go on.
func (f *figure) set(v float64) {
	if !sdk.FloatValue(v).Finite() {
		return
	}
	if f.kind != sdk.Counter {
		f.number.Set(v)
		return
	}
	if d := v - f.last; d > 0 && !math.IsInf(d, 1) {
		f.number.Add(d)
	}
	f.last = v
}

// cursor reads a body. Once bad, it gives zeros.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) bytes(n int) []byte {
	if c.bad || n > len(c.rest) {
		c.bad, c.rest = true, nil
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// number reads a number below limit.
func (c *cursor) number(limit int) int {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 || v >= uint64(limit) {
		c.bad, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[n:]
	return int(v)
}

func (c *cursor) string() string { return string(c.bytes(c.number(maxDefinition + 1))) }

func (c *cursor) float() float64 {
	if b := c.bytes(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}
