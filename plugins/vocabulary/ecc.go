package vocabulary

import (
	"fmt"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var eccFields = [...]struct {
	field                sdk.Field
	code, severity, what string
}{
	{Field(GPU, "ecc_corrected_errors"), "corrected", Notice, "memory errors corrected"},
	{Field(GPU, "ecc_uncorrected_errors"), "uncorrected", Critical, "memory errors that could not be corrected"},
}

// ECC follows the counters of one device's memory errors, and makes an event of each growth. The zero value
// is ready.
type ECC struct {
	counters [len(eccFields)]eccCounter
}

type eccCounter struct {
	known bool
	last  int64
	told  bool // the driver has reported the growth that the counter is about to show
}

// Observe adds an event for each counter in m that has grown since the last time.
func (c *ECC) Observe(r Reporter, m *sdk.Metric) {
	for i := range eccFields {
		f := &eccFields[i]
		v, ok := m.Number(f.field.Name)
		if !ok {
			continue
		}
		if n := c.counters[i].grown(int64(v)); n > 0 {
			r.AddValue(EventECC, f.code, f.severity, fmt.Sprintf("%d %s", n, f.what), float64(n))
		}
	}
}

// Report adds the event of memory errors that the driver has reported by itself, without their number. The next growth
// of the counter is these errors, and makes no event.
func (c *ECC) Report(r Reporter, uncorrected bool) {
	i := 0
	if uncorrected {
		i = 1
	}
	c.counters[i].told = true
	f := &eccFields[i]
	r.Add(EventECC, f.code, f.severity, f.what)
}

// grown takes a reading of a counter and returns by how much it has grown, unless that was told. A counter
// that falls was reset by a new driver.
func (c *eccCounter) grown(v int64) int64 {
	growth := v - c.last
	switch {
	case !c.known || growth < 0:
		growth = 0
	case growth > 0 && c.told:
		growth, c.told = 0, false
	}
	c.known, c.last = true, v
	return growth
}
