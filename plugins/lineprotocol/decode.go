package lineprotocol

import (
	"bytes"
	"math"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// DecoderOptions say how a [Decoder] reads what line protocol leaves open.
type DecoderOptions struct {
	Precision Precision // of time stamps; Nanosecond when 0

	// Coerce tells a field's kind, unit and type, which line protocol does not carry; false says that it does
	// not know the field. It is asked once for each place of a field in a shape of lines, not for each value.
	// A Name in its answer renames the field. Numbers are converted to the type in its answer; a value that
	// cannot be converted (a string for a number, 1e300 for an int) stays as it is written, in a field without
	// unit.
	Coerce func(measurement, field string) (sdk.Field, bool)

	// Counters are patterns of the names of fields that only grow: * stands for any bytes, ? for one.
	// They apply to numeric fields that Coerce does not know.
	Counters []string
}

// DefaultCounters are the counters where nobody says otherwise.
var DefaultCounters = []string{"*_total"}

// Decoder decodes line protocol into the batches of one catalog. It remembers the heads and shapes of
// the lines that it met, in bounded memory, so keep it for as long as the stream lasts. It belongs to
// one goroutine.
type Decoder struct {
	catalog    *sdk.Catalog
	options    DecoderOptions
	limits     cacheLimits
	heads      map[string]*head
	headBytes  int
	measures   map[string]*measure
	learned    int   // shapes and field keys
	last       *head // of the line before
	generation uint64

	values []uint64 // of the line at work, by slot
	texts  []string
	tail   []byte // the last line of data that does not end in a newline
	bad    *DecodeError
}

// cacheLimits bound the caches. One that is full is emptied.
type cacheLimits struct{ heads, headBytes, learned int }

const (
	maxFields = 1024 // of one line: a schema of n fields costs n² to build
	keptText  = 1024 // longer keys and strings are not remembered
)

// NewDecoder returns a decoder for batches of the catalog c.
func NewDecoder(c *sdk.Catalog, options DecoderOptions) *Decoder {
	return &Decoder{
		catalog:    c,
		options:    options,
		limits:     cacheLimits{heads: 1 << 16, headBytes: 16 << 20, learned: 1 << 14},
		heads:      make(map[string]*head),
		measures:   make(map[string]*measure),
		generation: c.Generation(),
	}
}

// SetPrecision changes the unit of the time stamps for the calls that follow.
func (d *Decoder) SetPrecision(p Precision) { d.options.Precision = p }

// Decode adds the metrics in data to b, which belongs to the decoder's catalog. Lines without a time
// stamp get the time now, in Unix nanoseconds. The error is nil or a [*DecodeError]: it names lines that
// were refused, while all others were added. Decode keeps no reference to data.
//
// A string field may hold newlines, as the library has it. Where such a string is not valid, or never
// ends, its first line alone is refused, so that a stray quote costs one line.
func (d *Decoder) Decode(b *sdk.Batch, data []byte, now int64) error {
	_, err := d.DecodeSome(b, data, now, math.MaxInt, false)
	return err
}

// Progress says how far DecodeSome came.
type Progress struct{ Bytes, Lines, Metrics int }

// DecodeSome is Decode for a stream that is read in pieces: it stops once it has added limit metrics,
// and with more set it leaves a line that does not end within data for the next call. The caller goes
// on at data[Progress.Bytes:].
func (d *Decoder) DecodeSome(b *sdk.Batch, data []byte, now int64, limit int, more bool) (Progress, error) {
	d.sweep()
	if d.learned >= d.limits.learned {
		d.forget()
	}
	var p Progress
	d.run(b, data, now, limit, true, &p)
	if rest := data[p.Bytes:]; len(rest) > 0 && !more && p.Metrics < limit {
		start := p.Bytes
		d.tail = append(d.tail[:0], rest...)
		if rest[len(rest)-1] != '\n' {
			d.tail = append(d.tail, '\n')
		}
		q := Progress{Lines: p.Lines, Metrics: p.Metrics}
		d.run(b, d.tail, now, limit, false, &q)
		p = Progress{Bytes: min(start+q.Bytes, len(data)), Lines: q.Lines, Metrics: q.Metrics}
		if cap(d.tail) > 1<<20 {
			d.tail = nil
		}
	}
	if d.bad == nil {
		return p, nil
	}
	err := d.bad
	d.bad = nil
	return p, err
}

// run decodes the whole lines of data. With more set it stops before an entry that has no end in data.
func (d *Decoder) run(b *sdk.Batch, data []byte, now int64, limit int, more bool, p *Progress) {
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	for p.Bytes < len(data) && p.Metrics < limit {
		rest, indent := data[p.Bytes:], 0
		for rest[indent] == ' ' {
			indent++
		}
		rest = rest[indent:]
		if n := d.fast(b, rest, now); n > 0 {
			p.Bytes += indent + n
			p.Lines++
			p.Metrics++
			continue
		}
		if n := skip(rest); n > 0 {
			p.Bytes += indent + n
			p.Lines++
			continue
		}
		n, lines, ok := d.slow(b, rest, now, p.Lines, indent, more)
		if n == 0 {
			return
		}
		p.Bytes += indent + n
		p.Lines += lines
		if ok {
			p.Metrics++
		}
	}
}

// skip returns the length of the line at the start of data if it is empty or a comment, else 0. The
// library refuses comments that hold control characters; here a comment is nobody's data.
func skip(data []byte) int {
	switch {
	case data[0] == '\n':
		return 1
	case data[0] == '\r' && data[1] == '\n':
		return 2
	case data[0] == '#':
		return bytes.IndexByte(data, '\n') + 1
	}
	return 0
}
