package dcgm

import (
	"errors"
	"fmt"
	"maps"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// forgetAfter is after how many scrapes a series that is not on the page any more is forgotten.
const forgetAfter = 100

var errNoGPU = errors.New("no series of a GPU that is to be read is on dcgm-exporter's page: it has not collected yet, sees no GPU, or `devices` leaves all of them out")

// finish makes the rows of a page that has been read. Where the page is not whole, nobody was missed on it.
func (k *book) finish(b *sdk.Batch, at int64, whole bool) error {
	defer k.turn()
	if len(k.touched) == 0 {
		if whole {
			k.nobody(b, at, "no GPU is on dcgm-exporter's page any more")
		}
		return errNoGPU
	}
	for _, e := range k.touched {
		e.device.tags = e.tags
		if x := e.xids; x.round != k.round && !e.device.instance {
			x.round, x.tags = k.round, e.tags
		}
		if number, news := k.lastXID(e); news {
			e.xids.last(number, e.xidDetail, k.round)
		}
		k.emit(b, e, at)
		if len(e.extras) > 0 {
			m := b.Add(b.Series(customMeasurement, e.tags...), at)
			for _, x := range e.extras {
				m.SetNumber(x.field, x.value)
			}
			e.extras = e.extras[:0]
		}
	}
	for _, e := range k.touched {
		k.tellXIDs(b, e.xids, at, whole)
	}
	k.complete(b, at, whole, "the GPU is no longer on dcgm-exporter's page")
	return nil
}

// tellXIDs adds the events of the XIDs that a GPU has reported since the page before.
func (k *book) tellXIDs(b *sdk.Batch, x *xidLog, at int64, whole bool) {
	if x.settled == k.round {
		return
	}
	x.settled = k.round
	for _, news := range x.settle(k.round, at, whole) {
		detail := ""
		if news.code == x.lastCode {
			detail = x.detail
		}
		for i := range min(news.n, mostXIDs) {
			if more := news.n - mostXIDs; more > 0 && i == mostXIDs-1 {
				detail = fmt.Sprintf("and %d more since the page before", more)
			}
			k.xid(b, x.tags, at, news.code, detail)
		}
	}
}

// turn begins the next round, and forgets series that have left the page.
func (k *book) turn() {
	k.foreign.Set(float64(k.unknown))
	k.touched, k.unknown, k.last = k.touched[:0], 0, nil
	if k.scrapes++; k.scrapes%forgetAfter != 0 {
		return
	}
	live, logs := make(map[*entity]bool), make(map[*xidLog]bool)
	for head, e := range k.entries {
		e.next = nil
		if k.scrapes-e.scrape > forgetAfter {
			delete(k.entries, head)
			continue
		}
		live[e.entity] = true
	}
	for key, e := range k.entities {
		if !live[e] {
			delete(k.entities, key)
			continue
		}
		logs[e.xids] = true
	}
	maps.DeleteFunc(k.logs, func(_ string, x *xidLog) bool { return !logs[x] })
}
