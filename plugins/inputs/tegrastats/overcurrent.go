package tegrastats

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// currentLimit is a limit of the supply's voltage or current, by the chip's thermal controller: each time that it
// is exceeded the hardware lowers clocks, for some microseconds or until it is over, and counts that. On Orin oc1 is
// too low a voltage, oc2 too high a current on average, oc3 at an instant.
type currentLimit struct {
	name   []byte
	events *node
	idle   bool // to exceed it has no effect
}

const eventsSuffix = "_event_cnt"

// addLimits takes the limits of a chip of hwmon, as kernels from JetPack 5.1 on offer them.
func (y *sysfs) addLimits(dir string) {
	for _, path := range glob(dir, "oc*"+eventsSuffix) {
		name := strings.TrimSuffix(filepath.Base(path), eventsSuffix)
		if n := open(path); n != nil {
			y.limits = append(y.limits, currentLimit{[]byte(name), n, textOf(filepath.Join(dir, name+"_throt_en")) == "0"})
		}
	}
}

func (y *sysfs) closeLimits() error {
	var errs []error
	for _, l := range y.limits {
		errs = append(errs, l.events.close())
	}
	return errors.Join(errs...)
}

// readLimits reads how often each limit was exceeded since the system was started.
func (y *sysfs) readLimits(s *sheet) {
	for i := range y.limits {
		l := &y.limits[i]
		if v, ok := l.events.number(); ok {
			p := s.add(overCurrent, l.name)
			p.idle = l.idle
			s.putPart(p, socThrottles, v)
		}
	}
}

// onset tells when a limit begins to hold clocks back, after ten seconds or more in which none did. What was counted
// before the first sheet is no news.
func (d *board) onset(b *sdk.Batch, s *sheet) {
	exceeded := false
	for i := range s.parts {
		p := &s.parts[i]
		if p.component != overCurrent || p.unit == nil || !p.has(socThrottles) {
			continue
		}
		u, v := p.unit, p.v[socThrottles]
		exceeded = exceeded || u.counted && v > u.count && !p.idle
		u.count, u.counted = v, true
	}
	if exceeded {
		d.onsets.Observe(d.events.On(b, d.tags, d.last), vocabulary.ThrottleHWSlowdown)
	}
}
