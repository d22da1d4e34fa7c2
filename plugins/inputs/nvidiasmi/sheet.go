package nvidiasmi

import (
	"math"
	"math/bits"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// sheet collects the readings of one GPU, or of a MIG instance, by slot. It holds no memory of its own:
// its texts are parts of what was parsed.
type sheet struct {
	have    set
	torn    set // sums of which a part could not be read
	number  [maxReadings]float64
	text    [maxReadings][]byte
	rank    [maxReadings]uint8
	lost    bool // the driver said of some reading that the GPU is lost
	invalid int  // readings that cannot be, such as a utilisation of 107 %
}

const maxReadings = 192 // the vocabulary has about 110; a test checks that it fits

// set is a set of slots.
type set [maxReadings / 64]uint64

func (s *set) add(slot int)     { s[slot/64] |= 1 << (slot % 64) }
func (s *set) remove(slot int)  { s[slot/64] &^= 1 << (slot % 64) }
func (s set) has(slot int) bool { return s[slot/64]&(1<<(slot%64)) != 0 }

func (s set) empty() bool {
	for _, w := range s {
		if w != 0 {
			return false
		}
	}
	return true
}

func (s set) and(t set) set {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

func (s set) without(t set) set {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

// slotsOf returns the readings of a measurement.
func slotsOf(metric string) (s set) {
	for i := range readings {
		if readings[i].Metric == metric {
			s.add(i)
		}
	}
	return s
}

var gpuSlots, infoSlots = slotsOf(vocabulary.GPU), slotsOf(vocabulary.Info)

func (s *sheet) reset() { s.have, s.torn, s.lost, s.invalid = set{}, set{}, false, 0 }

// put decodes the text of a reading. Where several elements or columns give the same one, the lowest
// rank wins; with sum set, values of equal rank are added up, unless one of them could not be read at this moment:
// a counter would seem to fall, and to grow when it is read again.
func (s *sheet) put(slot int, rank uint8, sum bool, text []byte, column *scale) {
	r := &readings[slot]
	if r.form == formWord {
		w, ok := word(text)
		if ok && (!s.have.has(slot) || rank < s.rank[slot]) {
			s.text[slot], s.rank[slot] = w, rank
			s.have.add(slot)
		}
		if !ok && isLost(text) {
			s.lost = true
		}
		return
	}
	v, ok := r.decode(text, column)
	switch {
	case !ok:
		if isLost(text) {
			s.lost = true
		}
		if sum && isUnknown(text) {
			s.torn.add(slot)
			s.have.remove(slot)
		}
		return
	case s.torn.has(slot):
		return
	case !r.Valid(v):
		s.invalid++
		return
	case s.have.has(slot) && (rank > s.rank[slot] || rank == s.rank[slot] && !sum):
		return
	case s.have.has(slot) && rank == s.rank[slot]:
		v += s.number[slot]
	}
	s.set(slot, v)
	s.rank[slot] = rank
}

func (s *sheet) set(slot int, v float64) {
	s.number[slot] = v
	s.have.add(slot)
}

// derive computes what nvidia-smi leaves to its reader.
func (s *sheet) derive() {
	if !s.have.has(slotUsed) || !s.have.has(slotTotal) {
		return
	}
	used, total := s.number[slotUsed], s.number[slotTotal]
	if used < 0 || used > total {
		s.invalid++
		return
	}
	room := total
	if s.have.has(slotReserved) {
		room -= s.number[slotReserved]
	}
	if room > 0 {
		// Each of the three is rounded to MiB on its own, so that a full card may seem fuller.
		s.set(slotUsedRatio, math.Min(used/room, 1))
	}
}

// fill sets the fields of m, in the order of the vocabulary, so that equal readings make equal schemas.
func (s *sheet) fill(m *sdk.Metric, which set) {
	which = which.and(s.have)
	for i, w := range which {
		for ; w != 0; w &= w - 1 {
			slot := i*64 + bits.TrailingZeros64(w)
			r := &readings[slot]
			if r.form == formWord {
				m.Set(r.Field, sdk.StringValue(clean(s.text[slot])))
				continue
			}
			m.SetNumber(r.Field, s.number[slot])
		}
	}
}

// fingerprint changes when one of the readings does.
func (s *sheet) fingerprint(which set) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	mix := func(v uint64) { h = (h ^ v) * prime }
	which = which.and(s.have)
	for i, w := range which {
		for ; w != 0; w &= w - 1 {
			slot := i*64 + bits.TrailingZeros64(w)
			mix(uint64(slot))
			if readings[slot].form != formWord {
				mix(math.Float64bits(s.number[slot]))
				continue
			}
			for _, c := range s.text[slot] {
				mix(uint64(c))
			}
		}
	}
	return h
}
