package nvml

import (
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// costs measures the driver's calls, and publishes what they cost. It is safe for concurrent use.
type costs struct {
	mu      sync.Mutex // a call that hung comes back beside others
	calls   [calls]*sdk.Number
	seconds [calls]*sdk.Number
	spent   [calls]time.Duration
	usual   [calls]time.Duration // about the median
	invalid *sdk.Number
	failed  *sdk.Number
	meter   *sdk.Meter
}

func newCosts(m *sdk.Meter) *costs {
	return &costs{
		meter:   m,
		invalid: m.Counter("gpuline_nvml_invalid_values_total", "Values of the driver that cannot be, such as a utilisation above 100 %, and were left out."),
		failed:  m.Counter("gpuline_nvml_call_failures_total", "Calls into the driver that failed for another reason than that the GPU does not support them."),
	}
}

// settle is how much of a call's duration the published one takes over: it is the mean of the last few.
const settle = 1.0 / 16

// add notes a call. The figures of a call appear with its first use.
func (c *costs) add(which call, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls[which] == nil {
		tag := sdk.Tag{Key: "call", Value: which.name()}
		c.seconds[which] = c.meter.Gauge("gpuline_nvml_call_seconds", "seconds", "Duration of a call into the driver, the mean of the last few.", tag)
		c.seconds[which].Set(took.Seconds())
		c.calls[which] = c.meter.Counter("gpuline_nvml_calls_total", "Calls into the driver.", tag)
	}
	c.calls[which].Add(1)
	c.spent[which] += took
	switch usual := &c.usual[which]; {
	case *usual == 0:
		*usual = took
	case took > *usual:
		*usual += *usual/8 + 1
	default:
		*usual -= *usual / 8
	}
	s := c.seconds[which]
	s.Set(s.Get() + settle*(took.Seconds()-s.Get()))
}

// of returns what all calls of a kind have taken together, and what one usually takes.
func (c *costs) of(which call) (all, one time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spent[which], c.usual[which]
}

// dear is how much longer the time between two calls is than a call at least, where less would show as much: on
// some cards one that reads a ring or a counter takes milliseconds, and keeps the driver from others meanwhile.
const dear = 50

// ring publishes what was measured of a ring: the most of all GPUs.
func (c *costs) ring(k *ringKind, period, span time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	tag := sdk.Tag{Key: "type", Value: k.name}
	p := c.meter.Gauge("gpuline_nvml_sample_period_seconds", "seconds", "Time between two samples in the driver's ring buffer: its resolution.", tag)
	p.Set(max(p.Get(), period.Seconds()))
	s := c.meter.Gauge("gpuline_nvml_ring_seconds", "seconds", "Time that the driver's ring buffer was seen to hold: read it as often at least.", tag)
	s.Set(max(s.Get(), span.Seconds()))
}
