package sdk

import (
	"iter"
	"math"
	"sync"
	"sync/atomic"
)

// Meter holds figures about the agent or a plugin. They appear as gpuline_… on the agent's page of
// metrics, with the meter's tags. It is safe for concurrent use; a nil Meter takes and shows nothing.
type Meter struct {
	tags []Tag
	mu   sync.Mutex
	all  []*Number
}

// NewMeter returns a meter whose figures bear the given tags.
func NewMeter(tags ...Tag) *Meter { return &Meter{tags: tags} }

// Successor returns a meter for what takes the place of m's plugin: it counts on with m's counters, and its
// gauges are its own.
func (m *Meter) Successor() *Meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := NewMeter(m.tags...)
	for _, n := range m.all {
		if n.total.Kind == Counter {
			next.all = append(next.all, n)
		}
	}
	return next
}

// Number is one figure of a [Meter].
type Number struct {
	total Total
	bits  atomic.Uint64
}

// Counter returns the counter called name, which ends in _total and starts with gpuline_. Asked twice
// with equal name and tags, it returns the same.
func (m *Meter) Counter(name, help string, tags ...Tag) *Number {
	return m.number(Total{Name: name, Help: help, Kind: Counter, Tags: tags})
}

// Gauge returns the gauge called name, which starts with gpuline_ and ends in its unit.
func (m *Meter) Gauge(name string, unit Unit, help string, tags ...Tag) *Number {
	return m.number(Total{Name: name, Help: help, Unit: unit, Tags: tags})
}

func (m *Meter) number(t Total) *Number {
	if m == nil {
		return &Number{total: t}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	tags := append(append([]Tag(nil), m.tags...), t.Tags...)
	t.Tags = normalize(tags)
	for _, n := range m.all {
		if n.total.Name == t.Name && string(appendKey(nil, "", n.total.Tags)) == string(appendKey(nil, "", t.Tags)) {
			return n
		}
	}
	n := &Number{total: t}
	m.all = append(m.all, n)
	return n
}

// Totals loops over the figures as they are now.
func (m *Meter) Totals() iter.Seq[Total] {
	return func(yield func(Total) bool) {
		if m == nil {
			return
		}
		m.mu.Lock()
		all := m.all[:len(m.all):len(m.all)]
		m.mu.Unlock()
		for _, n := range all {
			t := n.total
			t.Value = n.Get()
			if !yield(t) {
				return
			}
		}
	}
}

// Add adds v, unless it is no finite number: that would stay for good.
func (n *Number) Add(v float64) {
	if !FloatValue(v).Finite() {
		return
	}
	for {
		old := n.bits.Load()
		if n.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// Set sets the value.
func (n *Number) Set(v float64) { n.bits.Store(math.Float64bits(v)) }

// Get returns the value.
func (n *Number) Get() float64 { return math.Float64frombits(n.bits.Load()) }
