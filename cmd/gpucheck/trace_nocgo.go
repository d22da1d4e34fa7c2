//go:build !cgo

package main

import (
	"context"
	"errors"
)

func (b *bench) trace(context.Context, func(string, ...any)) error {
	return errors.New("gpucheck was built without cgo, which NVML needs")
}
