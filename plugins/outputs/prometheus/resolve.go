package prometheus

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// place is a field on its way to its cell.
type place struct {
	at     int // in the row
	column column
	line   line
}

// resolve finds or makes the cells of m's fields, all of them or, where the page is full, none.
func (p *Prometheus) resolve(m *sdk.Metric, row *row, cells []int) bool {
	s := &row.State
	if s.refused == p.store.room+1 {
		return false
	}
	var places []place
	missing := 0
	for slot, at := range cells {
		if at < 0 || !row.Cell(at).stale() {
			continue
		}
		name := ofSample
		if m.Class() == sdk.ClassResult {
			name = ofResult
		}
		c, ok := name(m.Name(), m.Field(slot))
		if !ok {
			*row.Cell(at) = target{state: left}
			continue
		}
		pl := place{at, c, line{c.family, s.labels.of(c.reason, m.Series().Tags())}}
		if p.store.cells[pl.line] == nil && !slices.ContainsFunc(places, func(o place) bool { return o.line == pl.line }) {
			missing++
		}
		places = append(places, pl)
	}
	if p.store.len+missing > p.store.max {
		s.refused = p.store.room + 1
		return false
	}
	s.holds = slices.DeleteFunc(s.holds, (*hold).gone)
	for i := range places {
		t := p.target(s, &places[i])
		if t.cell != nil && m.Class() == sdk.ClassInfo && m.Name() != vocabulary.Threshold && m.Name() != vocabulary.Pod {
			t.cell.device = s.device
		}
		if t.cell != nil && isPolled(m) {
			t.cell.quiet = quiet
			if t.hold != nil {
				t.cell.quiet = max(quiet, p.store.hold)
			}
		}
		*row.Cell(places[i].at) = t
	}
	return true
}

func (p *Prometheus) target(s *seriesState, pl *place) target {
	f := p.store.family(&pl.column)
	if f == nil {
		p.conflicts.Add(1)
		return target{state: left}
	}
	t := target{cell: p.store.cell(f, pl.line.labels), state: plain}
	if pl.column.instant {
		t.state = instant
	}
	if pl.column.peak == "" {
		return t
	}
	key := line{pl.column.peak, pl.line.labels}
	t.hold = p.store.holds[key]
	if t.hold == nil {
		t.hold = new(hold)
		p.store.holds[key] = t.hold
	}
	if pl.column.instant {
		t.state, t.hold.time = moment, t.cell
		return t
	}
	t.state, t.hold.max = maximum, t.cell
	if !slices.Contains(s.holds, t.hold) {
		s.holds = append(s.holds, t.hold)
	}
	return t
}
