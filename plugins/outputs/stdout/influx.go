package stdout

import (
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// influxLines writes line protocol.
type influxLines struct {
	catalog *sdk.Catalog
	encoder *lineprotocol.Encoder // of that catalog
}

func (l *influxLines) appendBatch(dst []byte, b *sdk.Batch) (out []byte, rejected []int) {
	if c := b.Catalog(); c != l.catalog {
		l.catalog, l.encoder = c, lineprotocol.NewEncoder(c, lineprotocol.EncoderOptions{})
	}
	return l.encoder.AppendBatch(dst, b)
}
