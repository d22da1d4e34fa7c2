package prometheus

import (
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// takeEvent counts an event, and keeps when the last one was. What it is about is in its tags.
func (p *Prometheus) takeEvent(m *sdk.Metric, s *seriesState, now int64) bool {
	if s.count == nil || s.count.at < 0 || s.last.at < 0 {
		stem := strings.TrimSuffix(legalName(m.Name()), "_event")
		count := column{family: stem + "_events_total", help: "Events by kind, since the agent started.", kind: counter}
		last := column{family: stem + "_event_last_timestamp_seconds", help: "When the last event of the kind was, in Unix seconds."}
		cells, fit := p.direct(s, m.Series().Tags(), &count, &last)
		if !fit || cells == nil {
			return fit
		}
		s.count, s.last = cells[0], cells[1]
	}
	s.count.set(s.count.value()+1, now)
	s.last.set(max(s.last.value(), unixSeconds(m.Time())), now)
	return true
}

// takeInfo shows the texts of an info as labels of a constant 1. When a text changes, the line with the
// old one leaves.
func (p *Prometheus) takeInfo(m *sdk.Metric, s *seriesState, now int64) bool {
	if s.constant != nil && s.constant.at >= 0 && sameTexts(m, s.texts) {
		s.constant.set(1, now)
		return true
	}
	var own []sdk.Tag
	var texts []string
	for slot, f := range m.Schema().Fields() {
		if f.Type != sdk.String || !m.Visible(slot) {
			continue
		}
		text := m.Value(slot).Text()
		texts = append(texts, f.Name, text)
		if text != "" {
			own = append(own, sdk.Tag{Key: f.Name, Value: text})
		}
	}
	slices.SortStableFunc(own, func(a, b sdk.Tag) int { return strings.Compare(a.Key, b.Key) })
	c := column{family: strings.TrimSuffix(legalName(m.Name()), "_info") + "_info", help: infoHelp(m.Name()), kind: info}
	if len(own) == 0 {
		return true
	}
	cells, fit := p.direct(s, slices.Concat(m.Series().Tags(), own), &c)
	if !fit || cells == nil {
		return fit
	}
	if s.constant != nil && s.constant != cells[0] {
		s.constant.retire()
	}
	s.constant, s.texts = cells[0], texts
	if m.Name() == vocabulary.Pod { // a pod ends before its GPU does
		s.constant.device, s.constant.quiet = nil, quiet
	}
	s.constant.set(1, now)
	return true
}

func infoHelp(measurement string) string {
	if measurement == vocabulary.Pod {
		return "Which container has been given the device, in labels; the value is 1."
	}
	return "What the device is, in labels; the value is 1."
}

func sameTexts(m *sdk.Metric, texts []string) bool {
	n := 0
	for slot, f := range m.Schema().Fields() {
		if f.Type != sdk.String || !m.Visible(slot) {
			continue
		}
		if n+1 >= len(texts) || texts[n] != f.Name || texts[n+1] != m.Value(slot).Text() {
			return false
		}
		n += 2
	}
	return n == len(texts)
}

// direct returns the cells of families that have the given labels, and live as long as the device. It
// returns false where the page is full, and nil where a family of another type has a name.
func (p *Prometheus) direct(s *seriesState, tags []sdk.Tag, columns ...*column) ([]*cell, bool) {
	if s.refused == p.store.room+1 {
		return nil, false
	}
	missing, labels := 0, labelsOf(nil, tags)
	for _, c := range columns {
		if p.store.cells[line{c.family, labels}] == nil {
			missing++
		}
	}
	if p.store.len+missing > p.store.max {
		s.refused = p.store.room + 1
		return nil, false
	}
	cells := make([]*cell, 0, len(columns))
	for _, c := range columns {
		f := p.store.family(c)
		if f == nil {
			p.conflicts.Add(1)
			return nil, true
		}
		cell := p.store.cell(f, labels)
		cell.device = s.device
		cells = append(cells, cell)
	}
	return cells, true
}
