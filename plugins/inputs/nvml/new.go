//go:build cgo

package nvml

import "github.com/gpuline/gpuline/plugins/isolate"

// New returns the input of a configuration: an [sdk.Reader].
func New(c *Config) (any, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if !c.Isolate {
		return newMonitor(c), nil
	}
	inner := *c
	inner.Isolate = false
	return isolate.New("nvml", &inner)
}
