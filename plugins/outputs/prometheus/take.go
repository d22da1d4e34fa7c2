package prometheus

import (
	"math"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// seriesState is what the output knows of a series of the stream.
type seriesState struct {
	device *device
	time   int64 // of the newest row, in Unix ns
	labels reasonLabels
	skip   bool  // nothing of it goes on the page
	down   bool  // its last row said that the device is lost
	linger int64 // how much longer than others its values stay

	seat      *seat // nil where it has none; see succeed
	before    *row  // who had it, until that has left
	seen, gap int64 // when a row came last, and the longest time between two

	holds    []*hold
	constant *cell    // of an info
	texts    []string // that the constant was made from
	count    *cell    // of an event
	last     *cell
	refused  uint64 // the store's room + 1 when a row was rejected
}

// target is where one field of a series goes.
type target struct {
	cell  *cell
	hold  *hold
	state targetState
}

type targetState uint8

const (
	unresolved targetState = iota
	left                   // it has no place on the page
	plain
	instant // in Unix ns
	maximum
	moment // of the maximum, in Unix ns
)

func (t *target) stale() bool { return t.state == unresolved || t.cell != nil && t.cell.at < 0 }

// take takes one row into the store, and reports whether there was room for it.
func (p *Prometheus) take(m *sdk.Metric, now int64) bool {
	row, isNew := p.table.Row(m)
	s := &row.State
	if isNew {
		s.skip, s.time, s.seat = p.skips(m), m.Time(), p.seatOf(m)
		if m.Name() == vocabulary.Threshold {
			s.linger = max(ruleExpire-p.store.expire, 0)
		}
	}
	if s.skip {
		return true
	}
	if s.device == nil || s.device.gone {
		s.device = p.store.device(deviceOf(m))
	}
	s.device.seen = now
	if late := s.time - m.Time(); late > 0 && late < p.store.expire && m.Class() != sdk.ClassEvent {
		return true
	}
	s.time = m.Time()
	s.succeed(row, now)
	switch m.Class() {
	case sdk.ClassEvent:
		return p.takeEvent(m, s, now)
	case sdk.ClassInfo:
		return p.takeInfo(m, s, now) && p.takeValues(m, row, now)
	}
	return p.takeValues(m, row, now)
}

// ruleExpire is how long the state of a rule stays at least: it is told again each minute.
const ruleExpire = int64(150 * time.Second)

// skips reports whether a series stays off the page: windows that were not seen whole, and the agent's
// own figures, which the page has from the agent itself.
func (p *Prometheus) skips(m *sdk.Metric) bool {
	if m.Class() == sdk.ClassResult {
		return m.Tag(vocabulary.TagPart) != ""
	}
	return p.totals != nil && strings.HasPrefix(legalName(m.Name())+"_", "gpuline_")
}

func (p *Prometheus) takeValues(m *sdk.Metric, row *row, now int64) bool {
	cells := row.Slots(m)
	for _, at := range cells {
		if at >= 0 && row.Cell(at).stale() {
			if !p.resolve(m, row, cells) {
				return false
			}
			break
		}
	}
	s := &row.State
	seen := now + s.linger
	for slot, at := range cells {
		if at < 0 {
			continue
		}
		switch t := row.Cell(at); t.state {
		case plain:
			t.cell.set(m.NumberAt(slot), seen)
		case instant:
			t.cell.set(seconds(m, slot), seen)
		case maximum:
			v := m.NumberAt(slot)
			t.hold.value, t.hold.fresh = v, !math.IsNaN(v)
		case moment:
			t.hold.stamp = seconds(m, slot)
		}
	}
	for _, h := range s.holds {
		if h.fresh {
			h.push(now, p.store.hold)
		}
	}
	p.checkUp(m, row, now)
	return true
}

// seconds returns an instant in Unix seconds, as near as a float64 can be.
func seconds(m *sdk.Metric, slot int) float64 {
	if m.Field(slot).Type == sdk.Int {
		return unixSeconds(m.Value(slot).Int())
	}
	return m.NumberAt(slot) / 1e9
}

func unixSeconds(ns int64) float64 { return float64(ns/1e9) + float64(ns%1e9)/1e9 }

// checkUp lets the other values of a device that is lost leave the page at once: they are no longer
// true.
func (p *Prometheus) checkUp(m *sdk.Metric, row *row, now int64) {
	if m.Class() != sdk.ClassSample {
		return
	}
	v, ok := m.Lookup("up")
	if !ok {
		return
	}
	up, isNumber := v.Number()
	down := isNumber && up == 0 || v.Type() == sdk.Bool && !v.Bool()
	if down && !row.State.down {
		for i := range row.Len() {
			if c := row.Cell(i).cell; c != nil && c.at >= 0 && c.family.seen[c.at] != now {
				c.retire()
			}
		}
	}
	row.State.down = down
}
