//go:build cgo

package dcgm

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/NVIDIA/go-dcgm/pkg/dcgm"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// The status of a value, see dcgmReturn_t in dcgm_structs.h.
const statusLost = -18 // the GPU is no longer reachable

func int64Of(v *dcgm.FieldValue_v2) int64 { return int64(binary.NativeEndian.Uint64(v.Value[:8])) }

// number returns a value as a number, and false where it has none.
func number(v *dcgm.FieldValue_v2) (float64, bool) {
	switch v.FieldType {
	case dcgm.DCGM_FT_DOUBLE:
		return math.Float64frombits(binary.NativeEndian.Uint64(v.Value[:8])), true
	case dcgm.DCGM_FT_INT64, dcgm.DCGM_FT_TIMESTAMP:
		return float64(int64Of(v)), true
	}
	return 0, false
}

// fetch takes what the hostengine has sampled of a tier since the last time.
func (e *engine) fetch(t tier) error {
	s := &e.conn.sets[t]
	if !s.watched {
		return nil
	}
	values, next, err := dcgm.GetValuesSince(e.conn.group, s.handle, e.since[t])
	if err != nil {
		if strings.Contains(err.Error(), "limit exceeded") {
			e.lost.Add(1)
			e.env.Log.Warn("more samples had come than DCGM's library hands out at once: they are skipped", "since", e.since[t])
			e.since[t] = e.env.Now()
			return nil
		}
		return err
	}
	if next.After(e.since[t]) {
		e.since[t] = next
	}
	e.values.Add(float64(len(values)))
	now := e.env.Now()
	for i := range values {
		v := &values[i]
		w := e.gpus[target{uint(v.EntityGroupId), v.EntityID}]
		r := readings[int(v.FieldID)]
		if w == nil || r == nil || r.slot < 0 {
			continue
		}
		value, ok := number(v)
		switch {
		case v.Status == statusLost:
			w.why = "the driver says that the GPU is lost: it needs a reset, or the host a reboot"
			if at := v.TS * 1000; w.gone == 0 || at < w.gone {
				w.gone = at
			}
		case v.Status != 0 || !ok:
			e.fleet.figures.count(blank)
		default:
			if r.DCGM.ID != 230 && !r.isBlank(value) { // an XID may come of a GPU that is gone
				if w.heard = now; w.gone == 0 {
					w.why = ""
				}
			}
			w.samples = append(w.samples, point{v.TS * 1000, r, value})
		}
	}
	return nil
}

// report makes rows of what was fetched. A GPU that the hostengine does not list, or has no value of for a
// while, is lost.
func (e *engine) report(b *sdk.Batch, now time.Time) {
	patience := max(10*e.every(tierFast), e.pace.patience)
	for _, t := range sorted(e.gpus) {
		w := e.gpus[t]
		w.disbelieve()
		if len(w.samples) > 0 {
			e.fleet.assemble(b, w.entity, w.samples)
			w.samples = w.samples[:0]
		}
		if w.entity.device.instance {
			continue
		}
		switch {
		case w.missing:
			w.why = "the hostengine does not list the GPU any more"
		case w.why == "" && now.Sub(w.heard) > patience:
			w.why = "the hostengine has no value of the GPU any more"
		}
		if w.why != "" {
			e.fleet.lose(b, w.entity.device, now.UnixNano(), w.why)
			if !w.missing && now.Sub(w.heard) <= patience {
				w.why = ""
			}
		}
	}
}

// disbelieve drops the samples of a lost GPU: some of its fields go on with their last value. What was sampled before
// it was lost is kept, and so are XIDs.
func (w *watched) disbelieve() {
	if w.gone == 0 {
		return
	}
	w.samples = slices.DeleteFunc(w.samples, func(p point) bool {
		return p.reading.slot != slotXID && (w.entity.device.lost || p.at >= w.gone)
	})
	w.gone = 0
}
