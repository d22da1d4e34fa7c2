package stdout

import (
	"github.com/gpuline/gpuline/plugins/jsonlines"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// lineFormat appends the metrics of b to dst, a line each. rejected are the positions, in the order of Batch.All, of
// those that the format cannot hold; they are valid until the next call.
type lineFormat func(dst []byte, b *sdk.Batch) (out []byte, rejected []int)

func influxLines() lineFormat {
	var catalog *sdk.Catalog
	var encoder *lineprotocol.Encoder // of that catalog
	return func(dst []byte, b *sdk.Batch) (out []byte, rejected []int) {
		if c := b.Catalog(); c != catalog {
			catalog, encoder = c, lineprotocol.NewEncoder(c, lineprotocol.EncoderOptions{})
		}
		return encoder.AppendBatch(dst, b)
	}
}

// jsonLines rejects nothing: JSON can hold every metric.
func jsonLines() lineFormat {
	var encoder jsonlines.Encoder
	return func(dst []byte, b *sdk.Batch) (out []byte, rejected []int) { return encoder.AppendBatch(dst, b), nil }
}
