package stdout

import (
	"github.com/gpuline/gpuline/plugins/jsonlines"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// jsonFormat writes an object a line. JSON can hold every metric.
type jsonFormat struct{ encoder jsonlines.Encoder }

func (j *jsonFormat) appendBatch(dst []byte, b *sdk.Batch) (out []byte, rejected []int) {
	return j.encoder.AppendBatch(dst, b), nil
}
