package dcgm

import (
	"github.com/gpuline/gpuline/plugins/sdk"
)

// sheet is what is known of one GPU at one instant, before it becomes a row.
type sheet struct {
	values []float64 // in our units, by slot
	rank   []int8    // of the field that the value is from; absent where there is none
}

const absent = -1

func newSheet() sheet {
	s := sheet{values: make([]float64, len(slots)), rank: make([]int8, len(slots))}
	s.reset()
	return s
}

func (s *sheet) reset() {
	for i := range s.rank {
		s.rank[i] = absent
	}
}

func (s *sheet) has(slot int) bool { return s.rank[slot] != absent }

// verdict says what a value of DCGM was.
type verdict uint8

const (
	good verdict = iota
	blank
	invalid // cannot be
	worse   // left out, since the GPU has a better field for the reading
)

// put takes a value in DCGM's unit. best are the ranks of the best fields that the GPU is known to have: a
// value of a worse one is left out, so that a reading does not go back and forth between two fields.
func (s *sheet) put(r *reading, theirs float64, best []int8) verdict {
	if r.isBlank(theirs) {
		return blank
	}
	v := r.DCGM.Ours(theirs)
	if !r.Valid(v) {
		return invalid
	}
	rank := int8(r.rank)
	if best[r.slot] == absent || rank < best[r.slot] {
		best[r.slot] = rank
	}
	if rank > best[r.slot] {
		return worse
	}
	s.values[r.slot], s.rank[r.slot] = v, rank
	return good
}

// derive adds what follows from other readings.
func (s *sheet) derive() {
	if !s.has(slotUsed) || !s.has(slotFree) {
		return
	}
	used, free := s.values[slotUsed], s.values[slotFree]
	if !s.has(slotRatio) && used+free > 0 {
		s.values[slotRatio], s.rank[slotRatio] = used/(used+free), 0
	}
	if !s.has(slotTotal) && s.has(slotReserved) {
		s.values[slotTotal], s.rank[slotTotal] = used+free+s.values[slotReserved], 0
	}
}

// fill sets the fields of a row, from slot from up to slot to.
func (s *sheet) fill(m *sdk.Metric, from, to int) {
	for slot := from; slot < to; slot++ {
		if s.has(slot) {
			m.SetNumber(fieldOf(slot), s.values[slot])
		}
	}
}
