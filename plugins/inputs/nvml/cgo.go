//go:build cgo

package nvml

const withCgo = true
