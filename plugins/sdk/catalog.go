package sdk

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what a [Catalog] holds, so that hostile or careless tags cannot eat the host's memory.
type Limits struct {
	Series  int           // new series beyond it are dropped as series_cap; 100,000 when 0
	Schemas int           // schemas beyond it are private; 65,536 when 0
	Idle    time.Duration // a series or schema unused for so long leaves; an hour when 0
}

// Catalog interns series, schemas and annotations. The engine owns one, and every batch of an agent
// belongs to it; pointers of different catalogs must not be mixed. It is safe for concurrent use.
type Catalog struct {
	limits Limits
	root   *Schema

	mu          sync.RWMutex
	series      map[string]*Series
	annotations map[string]*Annotations
	free        []int // ids of series that left
	next        int

	schemas    atomic.Int64
	tick       atomic.Uint32 // seconds since the first sweep
	generation atomic.Uint64 // grows whenever a series or a schema leaves
	start      time.Time
}

// NewCatalog returns an empty catalog.
func NewCatalog(limits Limits) *Catalog {
	if limits.Series == 0 {
		limits.Series = 100_000
	}
	if limits.Schemas == 0 {
		limits.Schemas = 1 << 16 // of some 250 bytes; a result of 300 fields takes as many when it is the first of its kind
	}
	if limits.Idle == 0 {
		limits.Idle = time.Hour
	}
	c := &Catalog{
		limits:      limits,
		series:      make(map[string]*Series),
		annotations: make(map[string]*Annotations),
	}
	c.root = &Schema{catalog: c}
	return c
}

// Schema returns the empty schema, from which all others grow by [Schema.With].
func (c *Catalog) Schema() *Schema { return c.root }

// Series interns a name and tags; the tags need no order, and the caller keeps the slice. It returns
// nil when the catalog is full: [Batch.Add] takes that nil and drops the metric as series_cap.
func (c *Catalog) Series(name string, tags ...Tag) *Series {
	var room [16]Tag
	sorted := normalize(append(room[:0], tags...))
	var buf [512]byte
	key := appendKey(buf[:0], name, sorted)
	c.mu.RLock()
	s := c.series[string(key)]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s = c.series[string(key)]; s != nil {
		return s
	}
	if len(c.series) >= c.limits.Series {
		return nil
	}
	s = &Series{name: strings.Clone(name), tags: cloneTags(sorted), catalog: c}
	s.used.Store(c.tick.Load())
	if n := len(c.free); n > 0 {
		s.id, c.free = c.free[n-1], c.free[:n-1]
	} else {
		s.id, c.next = c.next, c.next+1
	}
	c.series[string(key)] = s
	return s
}

// With returns the series s with further tags. Tags that s has win. Like Series it returns nil when the
// catalog is full.
func (c *Catalog) With(s *Series, tags ...Tag) *Series {
	var room [24]Tag
	return c.Series(s.name, append(append(room[:0], s.tags...), tags...)...)
}

// Annotations interns tags; of equal keys the first wins. It returns nil for none.
func (c *Catalog) Annotations(tags ...Tag) *Annotations {
	sorted := normalize(slices.Clone(tags))
	if len(sorted) == 0 {
		return nil
	}
	key := appendKey(nil, "", sorted)
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.annotations[string(key)]
	if a == nil {
		a = &Annotations{tags: cloneTags(sorted)}
		if len(c.annotations) < c.limits.Series {
			c.annotations[string(key)] = a
		}
	}
	return a
}

// Len returns the number of series held.
func (c *Catalog) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.series)
}

// Schemas returns the number of schemas held.
func (c *Catalog) Schemas() int { return int(c.schemas.Load()) }

// Generation grows whenever series or schemas leave. Whoever caches by series compares it with what it saw
// last, and sweeps its cache with [Series.Left]; whoever caches by schema begins anew.
func (c *Catalog) Generation() uint64 { return c.generation.Load() }

// Sweep lets series and schemas go that nothing used for Limits.Idle. The engine calls it now and then.
func (c *Catalog) Sweep(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.start.IsZero() {
		c.start = now
	}
	tick := uint32(max(now.Sub(c.start), 0) / time.Second)
	c.tick.Store(tick)
	idle := uint32(c.limits.Idle / time.Second)
	gone := false
	for key, s := range c.series {
		if used := s.used.Load(); used < tick && tick-used >= idle {
			s.left.Store(true)
			delete(c.series, key)
			c.free = append(c.free, s.id)
			gone = true
		}
	}
	if tick >= idle {
		stay, left := c.root.prune(tick - idle + 1)
		c.schemas.Store(stay)
		gone = gone || left > 0
	}
	if gone {
		c.generation.Add(1)
	}
}

// current returns the series to use in place of s: s itself, or its successor if it had left.
func (c *Catalog) current(s *Series) *Series {
	if s.left.Load() {
		if s = c.Series(s.name, s.tags...); s == nil {
			return nil
		}
	}
	if tick := c.tick.Load(); s.used.Load() != tick {
		s.used.Store(tick)
	}
	return s
}

func (c *Catalog) admitSchema() bool {
	if c.schemas.Add(1) <= int64(c.limits.Schemas) {
		return true
	}
	c.schemas.Add(-1)
	return false
}

func cloneTags(tags []Tag) []Tag {
	c := make([]Tag, len(tags))
	for i, t := range tags {
		c[i] = Tag{strings.Clone(t.Key), strings.Clone(t.Value)}
	}
	return c
}
