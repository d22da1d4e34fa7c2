package nats

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/jsonlines"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// decoder reads messages into batches of one catalog. What a message claims is not believed: its size unpacked,
// its rows and its tally are bounded and counted anew.
type decoder struct {
	fallback natsclient.Encoding
	most     int // bytes unpacked
	lines    *lineprotocol.Decoder
	json     *jsonlines.Decoder
	zstd     *zstd.Decoder
	unpacked []byte
	scratch  *sdk.Batch
}

// lineErrors says that some lines of a message are bad; the others were added.
type lineErrors struct {
	count int
	err   error
}

func (e *lineErrors) Error() string { return e.err.Error() }
func (e *lineErrors) Unwrap() error { return e.err }

var (
	errTooLarge = errors.New("unpacks to more than `max_decoded`")
	errRest     = errors.New("bytes behind the record")
)

func newDecoder(c *Config, catalog *sdk.Catalog) (*decoder, error) {
	precision, err := lineprotocol.ParsePrecision(c.Precision)
	if err != nil {
		return nil, sdk.Fault{Path: []string{"precision"}, Problem: err.Error()}
	}
	d := &decoder{
		fallback: natsclient.Encoding(c.Encoding),
		most:     int(c.MaxDecoded),
		lines: lineprotocol.NewDecoder(catalog, lineprotocol.DecoderOptions{
			Precision: precision, Coerce: vocabulary.Coerce, Counters: c.Counters,
		}),
		json:    jsonlines.NewDecoder(vocabulary.Coerce),
		scratch: sdk.NewBatch(catalog),
	}
	d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(d.most)))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return d, nil
}

func (d *decoder) close() { d.zstd.Close() }

// decode adds the metrics of m to b. An error that is no [*lineErrors] means that none was added. It wraps
// [record.ErrVersion] where a newer program wrote the message.
func (d *decoder) decode(b *sdk.Batch, m *message, now int64) error {
	data, err := d.unpack(m)
	if err != nil {
		return err
	}
	encoding, known := natsclient.EncodingOf(m.header)
	if !known {
		encoding = d.fallback
	}
	switch encoding {
	case natsclient.Record:
		return d.record(b, data)
	case natsclient.JSON:
		var bad *jsonlines.DecodeError
		if err := d.json.Decode(b, data, now); errors.As(err, &bad) {
			return &lineErrors{bad.Count, err}
		}
		return nil
	}
	var bad *lineprotocol.DecodeError
	if err := d.lines.Decode(b, data, now); errors.As(err, &bad) {
		return &lineErrors{bad.Count, err}
	}
	return nil
}

// keptBytes is the size up to which the buffer of unpacked data is kept.
const keptBytes = 4 << 20

func (d *decoder) unpack(m *message) ([]byte, error) {
	switch encoding := natsclient.ContentEncodingOf(m.header); encoding {
	case "":
		if len(m.data) > d.most {
			return nil, errTooLarge
		}
		return m.data, nil
	case natsclient.Zstd:
		data, err := d.zstd.DecodeAll(m.data, d.unpacked[:0])
		switch {
		case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
			return nil, errTooLarge
		case err != nil:
			return nil, fmt.Errorf("unpack: %w", err)
		}
		if d.unpacked = data; cap(data) > keptBytes {
			d.unpacked = nil
		}
		return data, nil
	default:
		return nil, fmt.Errorf("content encoding %.40q is unknown", encoding)
	}
}

// record reads a frame. Its rows are added as rows that were read here: what the agent's windows have absorbed
// this agent's have not, and what the frame says of rows that are not in it concerns the agent that wrote it.
func (d *decoder) record(b *sdk.Batch, data []byte) error {
	d.scratch.Reset()
	n, err := record.Decode(data, d.scratch)
	if err != nil {
		return err
	}
	if n < len(data) {
		return errRest
	}
	d.scratch.Unlimit()
	for m := range d.scratch.All() {
		if !m.Absorbed() {
			b.Copy(m)
			continue
		}
		c := b.Add(m.Series(), m.Time())
		for slot, f := range m.Schema().Fields() {
			c.Set(f, m.Value(slot))
		}
		if m.Origin() != m.Series() {
			c.SetOrigin(m.Origin())
		}
		c.SetClass(m.Class())
		c.Annotate(m.Annotations())
	}
	// Series that do not fit into the catalog.
	if over := uint64(binary.LittleEndian.Uint32(data[8:])) - uint64(d.scratch.Len()); over > 0 {
		b.Tally().Added += over
		b.Tally().AddDrops(sdk.DropSeriesCap, over)
	}
	return nil
}
