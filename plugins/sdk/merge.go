package sdk

import (
	"cmp"
	"slices"
)

// Enter marks the rows that stand in the batch as not made by this chain. The engine calls it when a
// batch enters a chain.
func (b *Batch) Enter() {
	b.settle()
	for _, m := range b.rows {
		m.state &^= made
	}
}

// MergeResults merges the results that processors made since Enter where they stand next to each other
// and have equal series and time: what average and peak say of one window leaves as one metric. Rows
// that came in are never merged, so that how the stream was cut into batches changes nothing.
func (b *Batch) MergeResults() {
	b.forgetLate()
	for i := 0; i < len(b.rows); {
		if !b.rows[i].mergeable() {
			i++
			continue
		}
		end := i + 1
		for end < len(b.rows) && b.rows[end].mergeable() {
			end++
		}
		b.mergeRun(b.rows[i:end])
		i = end
	}
	b.settle()
}

type window struct {
	series *Series
	time   int64
}

// forgetLate lets late rows leave: no window follows.
func (b *Batch) forgetLate() {
	b.settle()
	if b.late > 0 {
		b.rows = slices.DeleteFunc(b.rows, func(m *Metric) bool { return m.state&gone != 0 })
		b.gone, b.late = 0, 0
	}
}

// mergeRun merges the results of a run, and puts those of one series in order of time: where one processor has nothing
// to say of a window, another's result of it stands behind the first one's result of the next. Most runs are short,
// since a sample closes few windows; long ones, as at the end of a stream, are looked through by maps.
func (b *Batch) mergeRun(run []*Metric) {
	ordered := true
	if len(run) > 16 {
		first, newest := make(map[window]*Metric, len(run)), make(map[*Series]int64, len(run))
		for _, m := range run {
			key := window{m.series, m.time}
			if into := first[key]; into != nil {
				b.Merge(into, m)
				continue
			}
			first[key] = m
			if t, seen := newest[m.series]; seen && t > m.time {
				ordered = false
				continue
			}
			newest[m.series] = m.time
		}
	} else {
		for i, m := range run {
			ordered = b.mergeInto(run[:i], m) && ordered
		}
	}
	if !ordered {
		slices.SortStableFunc(run, func(x, y *Metric) int { return cmp.Compare(x.time, y.time) })
	}
}

// mergeInto merges m into the result before it that has its series and time, if there is one. It reports whether no
// result of its series that stands before it is newer.
func (b *Batch) mergeInto(before []*Metric, m *Metric) (ordered bool) {
	ordered = true
	for _, into := range before {
		if into.state&gone != 0 || into.series != m.series {
			continue
		}
		if into.time == m.time {
			b.Merge(into, m)
			return true
		}
		ordered = ordered && into.time < m.time
	}
	return ordered
}

func (m *Metric) mergeable() bool {
	return m.class == ClassResult && m.state&(made|gone) == made
}
