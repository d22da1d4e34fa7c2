package prometheus

import (
	"math"
	"slices"
	"strings"
	"time"
)

// store is the snapshot: families of series, and the last value of each. Values lie apart from the lines
// that they belong to, so that a scrape copies them in one go.
type store struct {
	expire, hold int64 // ns; times are ns since the output was made
	max          int
	len          int // cells
	families     []*family
	byName       map[string]*family
	stems        map[string]int // how many families have a name in OpenMetrics
	cells        map[line]*cell
	holds        map[line]*hold // by the line of the _max
	devices      map[string]*device
	swept        int64  // when
	room         uint64 // grows whenever cells leave: what was rejected may be tried again
}

// family is what stands under one # TYPE.
type family struct {
	name   string
	kind   kind
	heads  heads
	labels []string // of each line
	values []float64
	seen   []int64 // when each was last set
	gaps   []int64 // the longest time between two instants at which each was set
	cells  []*cell
}

// cell is one series of a family: its place there.
type cell struct {
	family *family
	at     int // -1 once it has left

	// device, if any, keeps the cell for as long as it is heard of: what comes once, as events and
	// constants do, would expire otherwise.
	device *device

	// quiet, if any, is how long the cell may be silent at least; see silent.
	quiet int64
}

// device is a GPU, or, for what belongs to none, all there is.
type device struct {
	seen int64
	gone bool // nothing leads to it any more
}

// never is the time of what was not set yet.
const never = math.MinInt64

func newStore(expire, peakHold time.Duration, limit int) *store {
	return &store{
		expire: int64(expire), hold: int64(peakHold), max: limit,
		byName:  make(map[string]*family),
		stems:   make(map[string]int),
		cells:   make(map[line]*cell),
		holds:   make(map[line]*hold),
		devices: make(map[string]*device),
	}
}

// family returns the family that c describes, or nil where one of another type has its name.
func (s *store) family(c *column) *family {
	f := s.byName[c.family]
	if f == nil {
		f = &family{name: c.family, kind: c.kind, heads: newHeads(c.family, c.help, c.kind)}
		s.byName[f.name] = f
		s.stems[f.heads.stem]++
		at, _ := slices.BinarySearchFunc(s.families, f.name, func(f *family, name string) int {
			return strings.Compare(f.name, name)
		})
		s.families = slices.Insert(s.families, at, f)
	}
	if f.kind != c.kind {
		return nil
	}
	return f
}

// head returns the comments of a family.
func (s *store) head(f *family, in format) string {
	switch {
	case in == plainText:
		return f.heads.text
	case f.heads.stem != f.name && s.stems[f.heads.stem] > 1:
		return f.heads.unknown
	}
	return f.heads.metrics
}

// cell returns the cell of the labels in the family, made if need be.
func (s *store) cell(f *family, labels string) *cell {
	if c := s.cells[line{f.name, labels}]; c != nil {
		return c
	}
	c := &cell{family: f, at: len(f.labels)}
	f.labels, f.values, f.seen = append(f.labels, labels), append(f.values, 0), append(f.seen, never)
	f.gaps = append(f.gaps, 0)
	f.cells = append(f.cells, c)
	s.cells[line{f.name, labels}] = c
	s.len++
	return c
}

func (c *cell) set(v float64, now int64) {
	c.family.values[c.at] = v
	c.touch(now)
}

func (c *cell) touch(now int64) {
	f, i := c.family, c.at
	if f.seen[i] != never {
		f.gaps[i] = max(f.gaps[i], now-f.seen[i])
	}
	f.seen[i] = now
}

func (c *cell) value() float64 { return c.family.values[c.at] }

// retire lets the cell leave with the next sweep.
func (c *cell) retire() {
	if c.at >= 0 {
		c.family.seen[c.at], c.device = never, nil
	}
}

func (s *store) device(id string) *device {
	d := s.devices[id]
	if d == nil {
		d = new(device)
		s.devices[id] = d
	}
	return d
}

// sweepNow sweeps where the last time is long enough ago, and says whether it did: so memory is bounded though nobody
// scrapes.
func (s *store) sweepNow(now int64) bool {
	due := now-s.swept > s.expire/8
	if due {
		s.sweep(now)
	}
	return due
}

// sweep removes cells that were not set for long, and families without cells.
func (s *store) sweep(now int64) {
	s.swept = now
	before := s.len
	for _, f := range s.families {
		for i := range f.seen {
			if f.expired(i, now, s.expire) {
				s.remove(f, now)
				break
			}
		}
	}
	if s.len == before {
		return
	}
	s.room++
	s.families = slices.DeleteFunc(s.families, func(f *family) bool {
		if len(f.cells) > 0 {
			return false
		}
		delete(s.byName, f.name)
		if s.stems[f.heads.stem]--; s.stems[f.heads.stem] == 0 {
			delete(s.stems, f.heads.stem)
		}
		return true
	})
	for line, h := range s.holds {
		if h.gone() {
			delete(s.holds, line)
		}
	}
	for id, d := range s.devices {
		if d.seen < now-s.expire {
			d.gone = true
			delete(s.devices, id)
		}
	}
}

func (f *family) expired(i int, now, expire int64) bool {
	d, limit := f.cells[i].device, now-expire
	return f.seen[i] < limit && (d == nil || d.seen < limit) || f.silent(i, now)
}

// remove leaves the old slice of labels as it is: a scrape may be reading it.
func (s *store) remove(f *family, now int64) {
	labels, n := make([]string, 0, len(f.labels)), 0
	for i, c := range f.cells {
		if f.expired(i, now, s.expire) {
			c.at = -1
			delete(s.cells, line{f.name, f.labels[i]})
			s.len--
			continue
		}
		labels = append(labels, f.labels[i])
		f.values[n], f.seen[n], f.gaps[n], f.cells[n] = f.values[i], f.seen[i], f.gaps[i], c
		c.at = n
		n++
	}
	clear(f.cells[n:])
	f.labels, f.values, f.seen, f.gaps, f.cells = labels, f.values[:n], f.seen[:n], f.gaps[:n], f.cells[:n]
}
