package nats

import (
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/jsonlines"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// encoder writes metrics as the data of a message.
type encoder struct {
	encoding natsclient.Encoding
	zstd     *zstd.Encoder // nil where data are sent as they are

	catalog *sdk.Catalog // that what follows belongs to
	lines   *lineprotocol.Encoder
	json    *jsonlines.Encoder
	scratch *sdk.Batch
	raw     []byte // before compression
	refused []int
	perRow  int // of a message's bytes, with a margin, as it was last in this batch; 0 before
}

// fit guesses how many rows fit into so many bytes.
func (e *encoder) fit(limit int) int {
	if e.perRow == 0 {
		return math.MaxInt
	}
	return max(limit/e.perRow, 1)
}

// learn notes what n rows took.
func (e *encoder) learn(size, unpacked, n, limit int) {
	e.perRow = max(size/n, unpacked/n*limit/maxDecoded)*17/16 + 1
}

func newEncoder(c *Config) (*encoder, error) {
	e := &encoder{encoding: natsclient.Encoding(c.Encoding)}
	if c.ContentEncoding != natsclient.Zstd {
		return e, nil
	}
	var err error
	e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return e, nil
}

const (
	zstdWindow = 256 << 10
	keptBytes  = 4 << 20 // a buffer that has grown beyond it is not kept

	// A message that unpacks to more is taken for an attack by inputs.nats with its default max_decoded.
	maxDecoded = 8 << 20
)

// append appends rows to dst. refused are the indices of those that the encoding cannot hold; they are valid
// until the next call. unpacked is the size before compression.
func (e *encoder) append(dst []byte, c *sdk.Catalog, rows []*sdk.Metric) (out []byte, unpacked int, refused []int) {
	if e.catalog != c {
		e.catalog, e.scratch = c, sdk.NewBatch(c)
		e.lines, e.json = lineprotocol.NewEncoder(c, lineprotocol.EncoderOptions{}), new(jsonlines.Encoder)
	}
	e.refused = e.refused[:0]
	if e.zstd == nil {
		start := len(dst)
		dst = e.write(dst, rows)
		return dst, len(dst) - start, e.refused
	}
	raw := e.write(e.raw[:0], rows)
	if e.raw = raw; cap(raw) > keptBytes {
		e.raw = nil
	}
	if len(raw) > 0 {
		dst = e.zstd.EncodeAll(raw, dst)
	}
	return dst, len(raw), e.refused
}

func (e *encoder) write(dst []byte, rows []*sdk.Metric) []byte {
	switch e.encoding {
	case natsclient.Record:
		e.scratch.Reset()
		for _, m := range rows {
			e.scratch.Copy(m)
		}
		return record.Append(dst, e.scratch)
	case natsclient.JSON:
		for _, m := range rows {
			dst = e.json.Append(dst, m)
		}
		return dst
	}
	for i, m := range rows {
		var ok bool
		if dst, ok = e.lines.Append(dst, m); !ok {
			e.refused = append(e.refused, i)
		}
	}
	return dst
}
