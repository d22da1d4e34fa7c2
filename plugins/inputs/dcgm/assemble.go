package dcgm

import (
	"cmp"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// point is what a hostengine has sampled of one field, with its own time stamp.
type point struct {
	at      int64 // Unix ns
	reading *reading
	value   float64 // in DCGM's unit
}

// sameInstant is how far apart samples of one GPU may be to become one row: a hostengine reads a GPU's fields
// one after another, and stamps each.
const sameInstant = int64(time.Millisecond)

// assemble makes rows of an entity's samples: one for each instant, with the time of its first sample. It
// leaves list empty. Each sample of field 230 is an XID of its own.
func (f *fleet) assemble(b *sdk.Batch, e *entity, list []point) {
	slices.SortStableFunc(list, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	for _, s := range list { // so that the best fields are known before the first row
		if r := s.reading; !r.isBlank(s.value) && r.Valid(r.DCGM.Ours(s.value)) && (e.best[r.slot] == absent || int8(r.rank) < e.best[r.slot]) {
			e.best[r.slot] = int8(r.rank)
		}
	}
	some, start := false, int64(0)
	end := func() {
		if some {
			if e.device.xid > 0 {
				e.sheet.values[slotXID], e.sheet.rank[slotXID] = float64(e.device.xid), 0
			}
			f.emit(b, e, start)
		}
		some = false
	}
	for _, s := range list {
		slot := s.reading.slot
		if some && (s.at-start > sameInstant || e.sheet.has(slot) && e.sheet.rank[slot] == int8(s.reading.rank)) {
			end()
		}
		switch {
		case slot == slotXID:
			f.sampledXID(b, e, s)
		case f.figures.count(e.sheet.put(s.reading, s.value, e.best)) && !some:
			some, start = true, s.at
		}
	}
	end()
}

// sampledXID takes a sample of field 230: the driver has just reported an XID.
func (f *fleet) sampledXID(b *sdk.Batch, e *entity, s point) {
	if s.reading.isBlank(s.value) {
		f.figures.count(blank)
		return
	}
	if s.value > 0 {
		e.device.xid = int64(s.value)
		e.device.tags = e.tags
		f.xid(b, e.device.tags, s.at, e.device.xid, "")
	}
}
