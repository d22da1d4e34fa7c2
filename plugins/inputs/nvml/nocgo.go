//go:build !cgo

package nvml

import (
	"context"

	"github.com/gpuline/gpuline/plugins/sdk"
)

const withCgo = false

// New makes an input that cannot be opened: its Open says what is missing.
func New(c *Config) (any, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return missing{}, nil
}

type missing struct{}

func (missing) Open(context.Context, *sdk.Env) error {
	return sdk.Permanent(errNoCgo)
}

func (missing) Read(context.Context, *sdk.Batch) (sdk.Ack, error) {
	return nil, sdk.Permanent(errNoCgo)
}
