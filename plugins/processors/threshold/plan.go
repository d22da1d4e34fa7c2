package threshold

import "github.com/gpuline/gpuline/plugins/sdk"

// layout is what decides where a row's values are, and which of them a filter hides.
type layout struct {
	schema *sdk.Schema
	mask   *sdk.Mask
}

// plan says which slots of a layout go into which cells of a subject.
type plan struct{ moves []move }

type move struct {
	slot, cell int
	text       bool
	real       bool // a float, which may be no number
}

// knownPlans bounds the memory for layouts; a stream with more works, slower.
const knownPlans = 4096

// plan returns the plan of a metric's layout.
func (m *measurement) plan(row *sdk.Metric) *plan {
	key := layout{row.Schema(), row.Mask()}
	if p := m.plans[key]; p != nil {
		return p
	}
	p := &plan{}
	for at, c := range m.columns {
		slot := row.Schema().Slot(c.name)
		if slot < 0 || !row.Visible(slot) {
			continue
		}
		if f := row.Field(slot); (f.Type == sdk.String) == c.text {
			p.moves = append(p.moves, move{slot: slot, cell: at, text: c.text, real: f.Type == sdk.Float})
		}
	}
	if row.Schema().Private() {
		return p
	}
	if len(m.plans) == knownPlans {
		clear(m.plans)
	}
	m.plans[key] = p
	return p
}
