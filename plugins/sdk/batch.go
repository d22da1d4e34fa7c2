package sdk

import (
	"cmp"
	"iter"
	"slices"
)

// Batch is an ordered list of metrics with the memory that they live in. One goroutine owns it at a
// time. Rows enter only through Add, AddRow and Copy, and leave only through Drop, Filter and Merge, which
// keep the batch's [Tally]; a transport carries the tally beside the rows that it restores.
//
// A row that is added while a loop over All or Samples runs stands behind the row at which the loop is,
// and behind the results and events that processors before have put there; the loop does not visit it.
// So a processor's results stand behind the sample that made them, however the stream is cut into
// batches.
type Batch struct {
	catalog *Catalog
	rows    []*Metric
	added   []insertion // rows added within a loop, not settled yet
	cursor  int         // index in rows of the row a loop is at; -1 outside of loops
	gone    int
	late    int // of those that are gone
	tally   Tally
	bytes   int // of strings, and of values that do not fit into a chunk

	metrics   [][]Metric // chunks
	metric    int        // metrics in use
	arena     [][]uint64 // chunks
	chunk     int        // of arena, in use
	used      int        // of that chunk
	open      *Metric    // the last row, whose values may grow in place
	discarded Metric

	// ID is set once, when the batch enters an output's queue, and stays with it through retries and
	// restarts: a receiver tells a duplicate by it.
	ID BatchID
}

// BatchID identifies a batch across deliveries.
type BatchID struct {
	Agent string // host name
	Epoch uint64 // when the agent that queued it opened the queue, in Unix nanoseconds
	Seq   uint64 // from 1
}

type insertion struct {
	after int
	m     *Metric
}

// NewBatch returns an empty batch of the catalog c.
func NewBatch(c *Catalog) *Batch { return &Batch{catalog: c, cursor: -1} }

// Catalog returns the catalog that the batch's series and schemas belong to.
func (b *Batch) Catalog() *Catalog { return b.catalog }

// Series interns a series for Add. Keep the pointer where the tags are the same each time.
func (b *Batch) Series(name string, tags ...Tag) *Series { return b.catalog.Series(name, tags...) }

// Len returns the number of rows.
func (b *Batch) Len() int { return len(b.rows) + len(b.added) - b.gone }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	for i := range b.metric {
		clear(b.metrics[i/metricChunk][i%metricChunk].texts)
	}
	b.rows, b.added, b.cursor, b.gone, b.late = b.rows[:0], b.added[:0], -1, 0, 0
	b.metric, b.chunk, b.used, b.open, b.bytes = 0, 0, 0, nil, 0
	b.ID = BatchID{}
	b.tally.Reset()
}

// Add appends a sample of series s with the time t in Unix nanoseconds, for the caller to fill. A nil
// s, as it comes from a full catalog, counts as read and dropped; the metric returned can be filled all
// the same, and goes nowhere.
func (b *Batch) Add(s *Series, t int64) *Metric {
	b.tally.Added++
	m := b.place(s, t)
	m.schema = b.catalog.root
	m.state |= made
	return m
}

// place makes a row of series s, or, where s is nil, counts it as dropped and returns one that stands
// nowhere.
func (b *Batch) place(s *Series, t int64) *Metric {
	if s != nil {
		s = b.catalog.current(s)
	}
	if s == nil {
		b.tally.AddDrops(DropSeriesCap, 1)
		b.discarded = Metric{series: &Series{catalog: b.catalog}, batch: b, time: t, state: outside}
		return &b.discarded
	}
	m := b.insert()
	m.series, m.time = s, t
	return m
}

// Copy appends a copy of m, which may stand in another batch of the same catalog.
func (b *Batch) Copy(m *Metric) *Metric {
	b.tally.Added++
	c := b.insert()
	c.series, c.schema, c.origin, c.notes = m.series, m.schema, m.origin, m.notes
	c.time, c.class, c.state, c.unread = m.time, m.class, m.state&(absorbed|made), m.unread
	if len(m.values) > cap(c.values) {
		b.reserve(c, len(m.values))
	}
	c.values = append(c.values, m.values...)
	c.texts = append(c.texts, m.texts...)
	for _, t := range m.texts {
		b.bytes += len(t)
	}
	return c
}

// Drop removes m and counts it under reason r. What goes as [DropLate] can still be read by the windows behind,
// for which it may not be late: see AllSamples.
func (b *Batch) Drop(m *Metric, r Reason) {
	if !b.remove(m) {
		return
	}
	b.tally.AddDrops(r, 1)
	if r == DropLate {
		m.state |= late
		b.late++
	}
}

// Filter removes m as the operator's filter asks. The engine alone calls it.
func (b *Batch) Filter(m *Metric) {
	if b.remove(m) {
		b.tally.Filtered++
	}
}

// Merge moves the fields of from into m and removes from. A field that both have must be equal; where
// it is not, m's stays and a conflict is counted.
func (b *Batch) Merge(m, from *Metric) {
	if m == from || !b.remove(from) {
		return
	}
	b.tally.Merged++
	for slot := range from.values {
		f, v := from.Field(slot), from.Value(slot)
		have := -1
		if m.schema.child(f) == nil { // one that others have grown by is new here, too: no search, and so no index
			have = m.schema.Slot(f.Name)
		}
		switch {
		case have < 0:
			m.Set(f, v)
		case m.Value(have) != v:
			b.tally.Conflict++
		}
	}
	m.Annotate(from.notes)
}

func (b *Batch) remove(m *Metric) bool {
	if m.state&(gone|outside) != 0 {
		return false
	}
	m.state |= gone
	b.gone++
	return true
}

// All loops over the rows that no filter hides.
func (b *Batch) All() iter.Seq[*Metric] {
	return func(yield func(*Metric) bool) { b.walk(yield, false, false) }
}

// Samples loops over the rows of class ClassSample that no filter hides.
func (b *Batch) Samples() iter.Seq[*Metric] {
	return func(yield func(*Metric) bool) { b.walk(yield, true, false) }
}

// AllSamples loops over those of Samples, and over those that have been dropped as late on this chain, in their
// order, for windows: what is late for one need not be for another that is longer, or waits longer. Such a row
// stays dropped.
func (b *Batch) AllSamples() iter.Seq[*Metric] {
	return func(yield func(*Metric) bool) { b.walk(yield, true, true) }
}

// Void reports whether there is nothing in the batch, not even for windows: see AllSamples.
func (b *Batch) Void() bool { return b.Len() == 0 && b.late == 0 }

func (b *Batch) walk(yield func(*Metric) bool, samples, lateToo bool) {
	outer := b.cursor
	if outer < 0 {
		b.settle()
	}
	defer func() { b.cursor = outer }()
	for i, m := range b.rows {
		left := m.state&gone != 0 && !(lateToo && m.state&late != 0)
		if left || m.state&hidden != 0 || samples && m.class != ClassSample {
			continue
		}
		b.cursor = i
		if !yield(m) {
			return
		}
	}
}

// settle puts the rows added within loops into their places and removes those that are gone, late ones aside.
func (b *Batch) settle() {
	if len(b.added) > 0 {
		slices.SortStableFunc(b.added, func(x, y insertion) int { return cmp.Compare(x.after, y.after) })
		last, next := len(b.rows)-1, len(b.added)-1
		b.rows = slices.Grow(b.rows, len(b.added))[:len(b.rows)+len(b.added)]
		for to := len(b.rows) - 1; next >= 0; to-- {
			if b.added[next].after >= last {
				b.rows[to] = b.added[next].m
				next--
			} else {
				b.rows[to] = b.rows[last]
				last--
			}
		}
		b.added = b.added[:0]
	}
	if b.gone > b.late {
		b.rows = slices.DeleteFunc(b.rows, func(m *Metric) bool { return m.state&(gone|late) == gone })
		b.gone = b.late
	}
}

// SortByTime puts the rows in order of time; equal times keep their order.
func (b *Batch) SortByTime() {
	b.settle()
	earlier := func(x, y *Metric) int { return cmp.Compare(x.time, y.time) }
	if !slices.IsSortedFunc(b.rows, earlier) {
		slices.SortStableFunc(b.rows, earlier)
	}
}

// behind returns the index of the row that a row added within a loop stands behind.
func (b *Batch) behind() int {
	i := b.cursor
	for i+1 < len(b.rows) && b.rows[i+1].state&made != 0 && b.rows[i+1].class != ClassSample {
		i++
	}
	return i
}

// TakeTally adds the counts since the last call to into, and starts anew.
func (b *Batch) TakeTally(into *Tally) {
	into.Plus(&b.tally)
	b.tally.Reset()
}

// Tally returns the counts so far.
func (b *Batch) Tally() *Tally { return &b.tally }
