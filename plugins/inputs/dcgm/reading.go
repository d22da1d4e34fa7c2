package dcgm

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// reading is what one of DCGM's fields becomes.
type reading struct {
	vocabulary.Reading     // its DCGM is the field's own, with its factor
	slot               int // of a sheet; fields that give the same reading share it
	rank               int // of several fields that give the same reading the least one wins
	double             bool
}

// slots are the numeric readings that DCGM gives: those of a GPU, then from firstInfo on those of gpu_info.
var slots, firstInfo = gpuThenInfo()

func gpuThenInfo() (all []vocabulary.Reading, info int) {
	for _, metric := range []string{vocabulary.GPU, vocabulary.Info} {
		info = len(all)
		for _, r := range vocabulary.All() {
			if r.Metric == metric && r.Type.Numeric() && (r.DCGM.ID != 0 || slices.Contains(derived, r.Name)) {
				all = append(all, r)
			}
		}
	}
	return all, info
}

// readings are DCGM's fields by id; texts, which have no slot, are in it, too.
var readings = indexReadings()

func indexReadings() map[int]*reading {
	all := make(map[int]*reading)
	for _, r := range vocabulary.All() {
		if r.DCGM.ID == 0 || r.Metric != vocabulary.GPU && r.Metric != vocabulary.Info {
			continue
		}
		slot := slices.IndexFunc(slots, func(s vocabulary.Reading) bool { return s.Metric == r.Metric && s.Name == r.Name })
		for rank, d := range append(slices.Clone(r.DCGMBetter), r.DCGM) {
			own := r
			own.DCGM = d
			all[d.ID] = &reading{Reading: own, slot: slot, rank: rank, double: isDouble(&own)}
		}
	}
	return all
}

// isDouble reports whether DCGM gives a field as a float64: power, and ratios that are no percentages. See
// dcgm_fields.h.
func isDouble(r *vocabulary.Reading) bool {
	return r.Unit == "watts" || r.Unit == "ratio" && r.DCGM.Factor == 1
}

// byName returns the reading of a DCGM name, old or new.
func byName(name string) (*reading, bool) {
	r, ok := vocabulary.ByDCGMName(name)
	if !ok {
		return nil, false
	}
	own, ok := readings[r.DCGM.ID]
	return own, ok
}

// slotOf returns the slot of a GPU's reading. It panics on an unknown one, and is meant for variables.
func slotOf(name string) int {
	i := slices.IndexFunc(slots[:firstInfo], func(r vocabulary.Reading) bool { return r.Name == name })
	if i < 0 {
		panic("dcgm: no reading " + name)
	}
	return i
}

var (
	slotXID      = slotOf("xid")
	slotReasons  = slotOf("throttle_reasons")
	slotRecovery = slotOf("recovery_action")
	slotUsed     = slotOf("memory_used_bytes")
	slotFree     = slotOf("memory_free_bytes")
	slotReserved = slotOf("memory_reserved_bytes")
	slotTotal    = slotOf("memory_total_bytes")
	slotRatio    = slotOf("memory_used_ratio")

	up = vocabulary.Field(vocabulary.GPU, "up")
)

// derived are readings that DCGM may not give and that follow from others.
var derived = []string{"memory_used_ratio", "memory_total_bytes"}

func fieldOf(slot int) sdk.Field { return slots[slot].Field }
