//go:build !cgo

package dcgm

import (
	"context"

	"github.com/gpuline/gpuline/plugins/sdk"
)

const withCgo = false

// newHostengine makes an input that cannot be opened: its Open says what is missing.
func newHostengine(*Config) (any, error) { return missing{}, nil }

type missing struct{}

func (missing) Open(context.Context, *sdk.Env) error {
	return sdk.Permanent(errNoCgo)
}

func (missing) Read(context.Context, *sdk.Batch) (sdk.Ack, error) {
	return nil, sdk.Permanent(errNoCgo)
}
