package dcgm

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// sight is a way in which dcgm-exporter shows XIDs. Its page may have all three. They show the same XIDs, though one
// may show an XID a scrape later than another.
type sight uint8

const (
	sightLast   sight = iota // DCGM_FI_DEV_XID_ERRORS: the last one; a repeat does not show
	sightWindow              // DCGM_EXP_XID_ERRORS_COUNT: how many there were in the exporter's window
	sightTotal               // DCGM_EXP_XID_ERRORS_TOTAL: how many since the exporter was started
	sights
)

// countedBy are the names of the series that count XIDs, one for each with the label xid.
var countedBy = map[string]sight{"DCGM_EXP_XID_ERRORS_COUNT": sightWindow, "DCGM_EXP_XID_ERRORS_TOTAL": sightTotal}

// xidLog follows the XIDs of one GPU from page to page. The GPU's MIG instances share it, since their series repeat the
// GPU's counts.
type xidLog struct {
	born    int       // round that first had the GPU: what was there before is no news
	round   int       // in which tags was set
	settled int       // the round that settle has ended last
	tags    []sdk.Tag // of the events
	codes   map[int64]*xidCount

	lastCode int64
	detail   string // what DCGM says of it
	news     []newXIDs
}

// newXIDs are n new XIDs with the number code.
type newXIDs struct {
	code int64
	n    int
}

// xidCount follows one XID of a GPU. New ones that come close together are an episode: within it the three sights are
// compared.
type xidCount struct {
	was, is [sights]float64 // value on the last page, and on this one
	round   [sights]int     // in which the value in is was read
	seen    [sights]int     // how many XIDs of this episode each sight has shown
	told    int             // how many of this episode have become events
	quiet   int             // rounds in a row without a new one: after sameXID of them the episode is over

	window   int64     // ns, of sightWindow; 0 where the page does not tell
	arrivals []arrival // that may still be in the window
}

// arrival is when so many XIDs were first seen, in Unix ns.
type arrival struct {
	at int64
	n  int
}

// sameXID is for how many rounds two sights of an XID may lie apart and still be one.
const sameXID = 2

// mostCode is far above the number of any XID.
const mostCode = 9999

// mostXIDs bounds the events of one XID on one page; the last of them states how many there were besides.
const mostXIDs = 100

func (x *xidLog) of(code int64) *xidCount {
	c := x.codes[code]
	if c == nil {
		c = new(xidCount)
		for s := range c.round {
			c.round[s] = absent
		}
		x.codes[code] = c
	}
	return c
}

// last notes that the last XID has become another one. Instances of one GPU all say so.
func (x *xidLog) last(code int64, detail string, round int) {
	x.lastCode, x.detail = code, detail
	if c := x.of(code); c.round[sightLast] != round {
		c.round[sightLast] = round
		c.seen[sightLast]++
	}
}

// count takes the value of a series that counts, window being its length in ns, and judges it. Where several pods
// or instances share a GPU each bears the same.
func (x *xidLog) count(s sight, code, window int64, value float64, round int) verdict {
	switch {
	case value >= blankFloat:
		return blank
	case math.IsNaN(value), value < 0, value > math.MaxInt32, value != math.Trunc(value):
		return invalid
	case code <= 0, code > mostCode: // there was none
		return good
	}
	c := x.of(code)
	if c.round[s] == round {
		value = max(value, c.is[s])
	}
	c.is[s], c.round[s] = value, round
	if s == sightWindow {
		c.window = window
	}
	return good
}

// settle ends a round, and returns the new XIDs in the order of their numbers. An episode has as many XIDs as the sight
// that has shown most of them says: the others show the same ones later, or not at all. The slice is valid until the
// next round.
func (x *xidLog) settle(round int, at int64, whole bool) []newXIDs {
	x.news = x.news[:0]
	for code, c := range x.codes {
		first := x.born == round
		for s := sightWindow; s < sights; s++ {
			c.compare(s, round, whole, first)
		}
		n := max(c.seen[sightLast], c.seen[sightWindow], c.seen[sightTotal]) - c.told
		if n > 0 {
			c.told, c.quiet = c.told+n, 0
		} else if c.quiet++; c.quiet >= sameXID {
			c.seen, c.told = [sights]int{}, 0
		}
		if n = max(n, 0) + c.hidden(n, at, round); n > 0 && !first {
			x.news = append(x.news, newXIDs{code, n})
		}
	}
	slices.SortFunc(x.news, func(a, b newXIDs) int { return cmp.Compare(a.code, b.code) })
	return x.news
}

// compare adds to seen what a series has grown by. A series that is missing on a whole page stands at 0. A total that
// is less than before has begun anew with the exporter; a window that is less has only lost old XIDs.
func (c *xidCount) compare(s sight, round int, whole, first bool) {
	if c.round[s] != round {
		if whole {
			c.was[s] = 0
		}
		return
	}
	grown := c.is[s] - c.was[s]
	if grown < 0 && s == sightTotal {
		grown = c.is[s]
	}
	if c.was[s] = c.is[s]; grown > 0 && !first {
		c.seen[s] += int(grown)
	}
}

// longestWindow is that of arrivals where the page does not tell.
const longestWindow = int64(time.Hour)

// hidden returns how many XIDs have come unseen, because each came as another left the exporter's window, so that the
// count did not grow: those in the window beyond the ones that are known and may still be in it. news are the XIDs that
// this round has found. A known XID counts as gone after one and a half windows, since the page itself may be old.
func (c *xidCount) hidden(news int, at int64, round int) int {
	if news > 0 {
		c.arrivals = append(c.arrivals, arrival{at, news})
	}
	window := cmp.Or(c.window, longestWindow)
	c.arrivals = slices.DeleteFunc(c.arrivals, func(a arrival) bool { return at-a.at > window+window/2 })
	if c.window == 0 || c.round[sightWindow] != round {
		return 0
	}
	n := int(c.is[sightWindow])
	for _, a := range c.arrivals {
		n -= a.n
	}
	if n <= 0 {
		return 0
	}
	c.arrivals = append(c.arrivals, arrival{at, n})
	return n
}
