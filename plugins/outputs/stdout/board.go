package stdout

import (
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// board is all that the table shows. It is filled by take, and read when the table is drawn.
type board struct {
	host   string
	gpus   []*gpu // in the order of the table
	events []event
	others uint64 // metrics that are not for the table
	heard  uint64 // events in all

	cpu      float64  // the agent's own share of a core; absent if unknown
	resident float64  // and its memory in bytes
	served   []string // URLs of its own server

	series  sdk.Table[*gpu, source]
	results bool // the batch at hand had results
}

type event struct {
	number   uint64 // from 1, in the order of arrival
	time     int64  // in Unix ns
	device   string
	what     string
	severity string
	message  string
}

const (
	keptEvents = 8
	keptGPUs   = 4096
	silence    = 10 * time.Minute // a row that is not heard of for so long leaves
)

func newBoard() *board { return &board{cpu: absent, resident: absent} }

// take takes a batch in. now is the agent's time.
func (bd *board) take(b *sdk.Batch, now time.Time) {
	bd.results = false
	for m := range b.All() {
		switch m.Name() {
		case vocabulary.GPU:
			bd.takeGPU(m, now.UnixNano())
		case vocabulary.Event:
			bd.takeEvent(m)
		case vocabulary.Info, vocabulary.Process, vocabulary.Pod, vocabulary.SoC:
		default:
			bd.others++
		}
	}
	limit := now.Add(-silence).UnixNano()
	if slices.ContainsFunc(bd.gpus, func(g *gpu) bool { return g.heard < limit }) {
		bd.gpus = slices.DeleteFunc(bd.gpus, func(g *gpu) bool { return g.heard < limit })
		bd.series = sdk.Table[*gpu, source]{}
	}
}

func (bd *board) takeGPU(m *sdk.Metric, heard int64) {
	row, isNew := bd.series.Row(m)
	if isNew {
		row.State = bd.find(m)
	}
	g := row.State
	if g == nil {
		return
	}
	g.heard = heard
	isResult := m.Class() == sdk.ClassResult
	if isResult {
		part := m.Tag(vocabulary.TagPart)
		whole := part == ""
		remnant := part == "tail" && g.result > 0 && m.Time() > g.result // what the agent's end left of a window
		if m.Time() < g.result || g.whole && !whole || remnant {
			return
		}
		g.whole = whole
		bd.results = true
		g.result, g.window = m.Time(), clean(m.Tag(vocabulary.TagWindow))
	} else {
		g.sampled = true
	}
	for slot, at := range row.Slots(m) {
		if at < 0 {
			continue
		}
		s := row.Cell(at)
		if !s.known {
			*s = resolve(m.Field(slot).Name, isResult)
		}
		if s.reading == noReading && s.cause == 0 {
			continue
		}
		if v, ok := m.Value(slot).Number(); ok {
			g.set(*s, v, m.Time())
		}
	}
	if isResult && !g.sampled {
		g.history.add(m.Time(), g.highest())
	}
	if g.lost() {
		g.forget()
	}
}

// set takes one value in.
func (g *gpu) set(s source, v float64, at int64) {
	switch {
	case s.cause > 0 && s.rate:
		g.causes[s.cause-1].share, g.causes[s.cause-1].rated = min(v, 1), true
	case s.cause > 0:
		g.causes[s.cause-1].count(v, at)
	default:
		g.values[s.reading][s.statistic] = v
		if s.reading == use && s.statistic == latest && has(v) {
			g.history.add(at, v)
		}
	}
}

// highest is the best that a result says of the peak of its window.
func (g *gpu) highest() float64 {
	if v := g.values[use][peak]; has(v) {
		return v
	}
	return g.last(use)
}

// forget drops what a lost device said last: it is no longer true.
func (g *gpu) forget() {
	gone := noValues()
	gone[up] = g.values[up]
	g.values, g.causes = gone, noThrottles()
}

// find returns the row that a metric belongs to, or nil where the table is full.
func (bd *board) find(m *sdk.Metric) *gpu {
	g := newGPU(m)
	for _, o := range bd.gpus {
		if o.same(g) {
			return o
		}
	}
	if len(bd.gpus) >= keptGPUs {
		return nil
	}
	at, _ := slices.BinarySearchFunc(bd.gpus, g, compareGPUs)
	bd.gpus = slices.Insert(bd.gpus, at, g)
	return g
}

func (bd *board) takeEvent(m *sdk.Metric) {
	bd.heard++
	e := event{
		number: bd.heard, time: m.Time(), device: clean(m.Tag(vocabulary.TagIndex)), severity: m.Tag(vocabulary.TagSeverity),
		what: clean(m.Tag(vocabulary.TagEvent)),
	}
	if code := m.Tag(vocabulary.TagCode); code != "" {
		e.what += " " + clean(code)
	}
	if v, ok := m.Lookup("message"); ok {
		e.message = clean(v.Text())
	}
	bd.events = append(bd.events, e)
	slices.SortStableFunc(bd.events, func(a, b event) int { return int(min(max(a.time-b.time, -1), 1)) })
	if n := len(bd.events) - keptEvents; n > 0 {
		bd.events = slices.Delete(bd.events, 0, n)
	}
}

// devices counts the devices, and the hosts and sources that they are of.
func (bd *board) devices() (devices int, hosts, sources []string) {
	for _, g := range bd.gpus {
		if !g.instance() {
			devices++
		}
		if !slices.Contains(hosts, g.host) {
			hosts = append(hosts, g.host)
		}
		if !slices.Contains(sources, g.source) {
			sources = append(sources, g.source)
		}
	}
	return devices, hosts, sources
}

// windowed reports whether results have come at all.
func (bd *board) windowed() bool {
	return slices.ContainsFunc(bd.gpus, func(g *gpu) bool { return g.result > 0 })
}

// complete reports whether every device that has results has them of the newest window.
func (bd *board) complete() bool {
	var newest int64
	for _, g := range bd.gpus {
		newest = max(newest, g.result)
	}
	return !slices.ContainsFunc(bd.gpus, func(g *gpu) bool { return g.result < newest && !g.lost() })
}
