//go:build cgo

package nvml

import "github.com/gpuline/gpuline/plugins/sdk"

// traffic sets the counters of PCIe. They have 32 bits on many cards, which a busy link passes through several times
// a second: then they are read at each tick of the fast tier.
func (d *device) traffic(m *sdk.Metric, at int64) {
	d.readFields(m, &d.trafficFields)
	passed := float64(at - d.trafficRead)
	d.trafficRead, d.hot = at, false
	for i := range d.trafficFields.readings {
		w := d.trafficFields.readings[i].count
		if w.narrow() && float64(w.grew)*float64(d.tiers.normal) > wrap32/2*passed {
			d.hot = true
		}
	}
}
