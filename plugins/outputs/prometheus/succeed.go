package prometheus

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// seat is where the samples of one device by one source belong, whoever has been given the device: the series that
// differ in the pod alone take it one after the other. Where several have the device, and a source tells a row of each,
// they take turns, and all stay.
type seat struct{ taken *row }

type row = sdk.TableRow[seriesState, target]

// seatOf returns the seat of a series of samples, or nil where a pod makes no other series of it.
func (p *Prometheus) seatOf(m *sdk.Metric) *seat {
	if m.Class() != sdk.ClassSample || m.Name() == vocabulary.Process || !isPolled(m) || deviceOf(m) == "" {
		return nil
	}
	var key strings.Builder
	key.WriteString(m.Name())
	for _, t := range m.Series().Tags() {
		switch t.Key {
		case vocabulary.TagNamespace, vocabulary.TagPodName, vocabulary.TagContainerName:
		default:
			key.WriteString("\x00" + t.Key + "\x00" + t.Value)
		}
	}
	s := p.seats[key.String()]
	if s == nil {
		s = new(seat)
		p.seats[key.String()] = s
	}
	return s
}

// succeed lets the values of the series before leave, once it has been silent for three times as long as ever: what was
// said of a GPU beside the pod that had it would else be counted twice, by whoever sums over pods.
func (s *seriesState) succeed(r *row, now int64) {
	if s.seen != 0 {
		s.gap = max(s.gap, now-s.seen)
	}
	s.seen = now
	if s.seat == nil {
		return
	}
	if s.seat.taken != r {
		if s.before == nil {
			s.before = s.seat.taken
		}
		s.seat.taken = r
	}
	if b := s.before; b != nil && b.State.gap > 0 && now-b.State.seen > 3*b.State.gap {
		b.State.retire(b)
		s.before = nil
	}
}

// retire lets all values of a series leave the page.
func (s *seriesState) retire(r *row) {
	for i := range r.Len() {
		if c := r.Cell(i).cell; c != nil {
			c.retire()
		}
	}
}

// leaveSeats forgets those whose series have left the catalog.
func (p *Prometheus) leaveSeats() {
	for key, s := range p.seats {
		if s.taken == nil || s.taken.Series.Left() {
			delete(p.seats, key)
		}
	}
}
