//go:build cgo

package nvml

import (
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// traffic follows PCIe's counters of bytes. They have 32 bits on many cards, which a busy link passes through fifteen
// times a second: what one second apart was read says nothing of it. So they are read once more a moment after each
// reading of the normal tier, which tells whether the link is busy, and each moment while it is.
type traffic struct {
	fields fieldSet
	read   int64 // when, by the agent's time, as all here
	busy   int64 // when the link was last seen to carry much
	due    int64 // when to read again before the normal tier does; 0 for not at all
}

// countTraffic reads the counters, and sets them in m where that is not nil.
func (d *device) countTraffic(m *sdk.Metric) {
	t := &d.traffic
	at := d.clock().wall
	passed := float64(at - t.read)
	t.read, t.due = at, 0
	if d.readFields(m, &t.fields) == 0 {
		return
	}
	narrow := false
	for i := range t.fields.readings {
		w := t.fields.readings[i].count
		narrow = narrow || w.narrow()
		if float64(w.grew)*float64(max(d.tiers.normal, d.tiers.idle)) > wrap32/2*passed {
			t.busy = at
		}
	}
	if narrow && (m != nil || at-t.busy < int64(idleAfter)) {
		_, cost := d.costs.of(callFields)
		t.due = at + int64(max(trafficGap, dear*cost))
	}
}

// soonest returns how long the counters of PCIe can wait at most.
func (m *monitor) soonest(now int64) time.Duration {
	soonest := time.Duration(1<<63 - 1)
	for _, d := range m.devices {
		if due := d.traffic.due; !m.hangs(d) && !d.lost && due > 0 {
			soonest = min(soonest, time.Duration(due-now))
		}
	}
	return soonest
}

// count reads those counters that cannot wait any longer, or hardly.
func (m *monitor) count(now int64) {
	m.counted = m.counted[:0]
	for _, d := range m.devices {
		if due := d.traffic.due; !m.hangs(d) && !d.lost && due > 0 && due <= now+int64(trafficGap/4) {
			m.counted = append(m.counted, d)
		}
	}
	m.session.counting.Store(true)
	m.rota.run(m.counted, now)
	m.session.counting.Store(false)
}
