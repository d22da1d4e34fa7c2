package lineprotocol

import (
	"bytes"
	"errors"
	"slices"

	lp "github.com/influxdata/line-protocol/v2/lineprotocol"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// head is a line's measurement and tags.
type head struct {
	raw     string // as written, escapes and all, with the space that ends it
	series  *sdk.Series
	origin  *sdk.Series // of a result
	class   sdk.Class
	measure *measure
	next    *head // the head of the line that followed last time
}

// The names that tell a line's class, and the tags that tell a result from what it was made of.
const (
	tagWindow        = "window"
	tagPart          = "part"
	measurementEvent = "gpu_event"
	measurementInfo  = "gpu_info"
	measurementRule  = "gpu_threshold"
	measurementPod   = "gpu_pod"
)

// headAt returns the head at the start of data, or nil where the line has none that the library takes.
func (d *Decoder) headAt(data []byte) *head {
	if d.last != nil {
		if h := d.last.next; h != nil && len(data) > len(h.raw) && string(data[:len(h.raw)]) == h.raw {
			d.last = h
			return h
		}
	}
	n := headLen(data[:bytes.IndexByte(data, '\n')+1])
	if n == 0 {
		return nil
	}
	h := d.heads[string(data[:n])]
	if h == nil {
		var err error
		if h, err = d.decodeHead(data[:n]); err != nil {
			return nil // decoded again with the line, where its error is reported
		}
	}
	if d.last != nil {
		d.last.next = h
	}
	d.last = h
	return h
}

// headLen returns the length of the head at the start of data, with the space that ends it, or 0. A
// space ends it unless there is a backslash before it, whatever stands before that.
func headLen(data []byte) int {
	n := 0
	for {
		i := bytes.IndexByte(data[n:], ' ')
		if i < 0 || n+i == 0 {
			return 0
		}
		n += i + 1
		if data[n-2] != '\\' {
			return n
		}
	}
}

var errHead = errors.New("no measurement and tags")

// decodeHead has the library decode a head, and remembers it.
func (d *Decoder) decodeHead(raw []byte) (*head, error) {
	dec := lp.NewDecoderWithBytes(append(slices.Clone(raw), "x=0"...))
	if !dec.Next() {
		return nil, errHead
	}
	measurement, tags, err := readHead(dec)
	if err != nil {
		return nil, err
	}
	if key, _, err := dec.NextField(); err != nil || string(key) != "x" {
		return nil, errHead
	}
	return d.keepHead(raw, measurement, tags), nil
}

// readHead reads an entry up to its fields.
func readHead(dec *lp.Decoder) (measurement string, tags []sdk.Tag, err error) {
	name, err := dec.Measurement()
	if err != nil {
		return "", nil, err
	}
	measurement = string(name)
	for {
		key, value, err := dec.NextTag()
		if err != nil {
			return "", nil, err
		}
		if key == nil {
			return measurement, tags, nil
		}
		tags = append(tags, sdk.Tag{Key: string(key), Value: string(value)})
	}
}

func (d *Decoder) keepHead(raw []byte, measurement string, tags []sdk.Tag) *head {
	if max(len(d.heads), len(d.measures)) >= d.limits.heads || d.headBytes >= d.limits.headBytes {
		d.forget()
	}
	h := &head{measure: d.measures[measurement]}
	h.series = d.catalog.Series(measurement, tags...)
	h.classify(d.catalog, measurement, tags)
	if h.measure == nil {
		h.measure = &measure{name: measurement, fields: make(map[string]string)}
		h.measure.root.schema = d.catalog.Schema()
	}
	if h.series == nil {
		return h // the catalog is full now, and may not be the next time
	}
	h.raw = string(raw)
	d.measures[measurement] = h.measure
	d.heads[h.raw] = h
	d.headBytes += len(h.raw)
	return h
}

func (h *head) classify(c *sdk.Catalog, measurement string, tags []sdk.Tag) {
	switch {
	case slices.ContainsFunc(tags, func(t sdk.Tag) bool { return t.Key == tagWindow }):
		h.class = sdk.ClassResult
		h.origin = c.Series(measurement, slices.DeleteFunc(slices.Clone(tags), func(t sdk.Tag) bool {
			return t.Key == tagWindow || t.Key == tagPart
		})...)
	case measurement == measurementEvent:
		h.class = sdk.ClassEvent
	case measurement == measurementInfo, measurement == measurementRule, measurement == measurementPod:
		h.class = sdk.ClassInfo
	}
}

// mark gives a row the head's class.
func (h *head) mark(m *sdk.Metric) {
	switch {
	case h.origin != nil:
		m.SetOrigin(h.origin)
	case h.class != sdk.ClassSample:
		m.SetClass(h.class)
	}
}

// sweep forgets the heads whose series left the catalog.
func (d *Decoder) sweep() {
	generation := d.catalog.Generation()
	if generation == d.generation {
		return
	}
	d.generation, d.last = generation, nil
	for raw, h := range d.heads {
		h.next = nil
		if h.series.Left() || h.origin != nil && h.origin.Left() {
			delete(d.heads, raw)
			d.headBytes -= len(raw)
		}
	}
}

// forget empties the caches, which are full: of things that never come again, or of more than they are
// meant for. What still comes is soon known again.
func (d *Decoder) forget() {
	clear(d.heads)
	clear(d.measures)
	d.last, d.headBytes, d.learned = nil, 0, 0
}
