package wire

import (
	"errors"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Messages encodes b at once. With a *[RowError] nothing of it needs to go out.
func (e *Encoder) Messages(b *sdk.Batch) ([]*proto.Batch, error) {
	var list []*proto.Batch
	err := e.Encode(b, func(msg *proto.Batch, _ bool) error {
		list = append(list, msg)
		return nil
	})
	if _, ok := errors.AsType[*RowError](err); ok {
		e.reset = true
	}
	return list, err
}

// Fits reports whether a row can go over the wire at all: strings are not longer than the protocol allows,
// and the row is not larger than half a message.
func (e *Encoder) Fits(m *sdk.Metric) bool {
	alone := Encoder{limits: e.limits}
	return sizeOf(m) <= e.limits.Bytes/2 && alone.fits(m, shapeOf(m))
}
