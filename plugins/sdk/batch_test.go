package sdk

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func names(b *Batch) string {
	var s []string
	for m := range b.All() {
		s = append(s, fmt.Sprintf("%s@%d", m.Name(), m.Time()))
	}
	return strings.Join(s, " ")
}

func TestRowsAddedInALoopStandBehindTheRowItIsAt(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	in := b.Series("s")
	out := b.Series("r")
	for i := range 5 {
		b.Add(in, int64(i)).Float("x", float64(i))
	}
	for m := range b.Samples() {
		if m.Time()%2 == 0 {
			b.Add(out, m.Time()).SetOrigin(in)
			b.Add(out, m.Time()+100).SetOrigin(in)
		}
		if m.Time() == 3 {
			b.Drop(m, "test")
		}
	}
	want := "s@0 r@0 r@100 s@1 s@2 r@2 r@102 s@4 r@4 r@104"
	if got := names(b); got != want {
		t.Errorf("rows\n%s\nwant\n%s", got, want)
	}
	tally := b.Tally()
	if tally.Added != 11 || tally.Dropped() != 1 || b.Len() != 10 {
		t.Errorf("tally %+v, len %d", tally, b.Len())
	}
}

// What is dropped as late keeps its place for AllSamples, and for it alone, until the end of the chain.
func TestLateSamplesKeepTheirPlace(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	in, out := b.Series("s"), b.Series("r")
	for i := range 5 {
		b.Add(in, int64(i)).Float("x", float64(i))
	}
	b.Enter()
	for m := range b.Samples() {
		switch m.Time() {
		case 1, 2:
			b.Drop(m, DropLate)
		case 3:
			b.Drop(m, "test")
		}
	}
	var seen []int64
	for m := range b.AllSamples() {
		seen = append(seen, m.Time())
		b.Absorb(m)
		b.Drop(m, DropLate)
		if m.Time() == 2 {
			b.Add(out, 100).SetOrigin(in)
		}
		if m.Time() == 4 {
			b.Add(out, 100).SetOrigin(in)
		}
	}
	if got := fmt.Sprint(seen); got != "[0 1 2 4]" {
		t.Errorf("windows see %s", got)
	}
	if tally := b.Tally(); tally.Absorbed != 2 || tally.Dropped() != 5 || b.Len() != 2 || b.Void() {
		t.Errorf("tally %+v, len %d, void %t", tally, b.Len(), b.Void())
	}
	if got := names(b); got != "r@100 r@100" {
		t.Errorf("rows %s", got)
	}
	b.MergeResults()
	for m := range b.AllSamples() {
		t.Errorf("at the end of the chain there is still %s@%d", m.Name(), m.Time())
	}
	if got := names(b); got != "r@100" || b.Len() != 1 {
		t.Errorf("at the end of the chain %s, len %d", got, b.Len())
	}
	b.Reset()
	if !b.Void() {
		t.Error("an empty batch is not void")
	}
}

func TestValuesSurviveGrowth(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	for round := range 3 {
		b.Reset()
		var rows []*Metric
		for i := range 500 {
			m := b.Add(b.Series("s"), int64(i))
			for f := range 1 + i%37 {
				m.Float(fmt.Sprintf("f%d", f), float64(i*100+f))
			}
			m.Text("text", fmt.Sprint("t", i))
			rows = append(rows, m)
		}
		for i, m := range rows {
			for f := range 9 {
				m.Int(fmt.Sprintf("later%d", f), int64(i+f))
			}
		}
		i := 0
		for m := range b.All() {
			for f := range 1 + i%37 {
				if v, ok := m.Number(fmt.Sprintf("f%d", f)); !ok || v != float64(i*100+f) {
					t.Fatalf("round %d row %d f%d = %v %v", round, i, f, v, ok)
				}
			}
			if v, ok := m.Lookup("text"); !ok || v.Text() != fmt.Sprint("t", i) {
				t.Fatalf("round %d row %d text = %v %v", round, i, v, ok)
			}
			if v, ok := m.Number("later8"); !ok || v != float64(i+8) {
				t.Fatalf("round %d row %d later8 = %v %v", round, i, v, ok)
			}
			i++
		}
	}
}

func TestSeriesCapDropsAndCounts(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{Series: 2}))
	for i := range 5 {
		b.Add(b.Series("s", Tag{"i", fmt.Sprint(i)}), 1).Float("x", 1)
	}
	if b.Len() != 2 || b.Tally().Added != 5 || b.Tally().Dropped() != 3 {
		t.Errorf("len %d, tally %+v", b.Len(), b.Tally())
	}
}

func TestSweepLetsIdleSeriesGo(t *testing.T) {
	c := NewCatalog(Limits{Idle: time.Minute})
	start := time.Unix(1000, 0)
	c.Sweep(start)
	b := NewBatch(c)
	old, kept := b.Series("old"), b.Series("kept")
	b.Add(old, 1)
	var table Table[int, int]
	for m := range b.All() {
		row, _ := table.Row(m)
		row.State = 7
	}
	c.Sweep(start.Add(30 * time.Second))
	b.Add(kept, 2)
	c.Sweep(start.Add(70 * time.Second))
	if !old.Left() || kept.Left() || c.Len() != 1 {
		t.Fatalf("old left %v, kept left %v, %d series", old.Left(), kept.Left(), c.Len())
	}
	b.Reset()
	m := b.Add(old, 3)
	if m.Series() == old || m.Series().Name() != "old" {
		t.Errorf("a series that left was not replaced: %v", m.Series())
	}
	if row, isNew := table.Row(m); !isNew || row.State != 0 || table.Len() != 1 {
		t.Errorf("state of a series that left: new %v, state %v, %d rows", isNew, row.State, table.Len())
	}
}

func BenchmarkGatherByName(bm *testing.B) {
	b := NewBatch(NewCatalog(Limits{}))
	s := b.Series("gpu", Tag{"gpu", "0"})
	var fields [20]Field
	for i := range fields {
		fields[i] = Field{Name: fmt.Sprintf("field_number_%d", i), Unit: "ratio"}
	}
	bm.ReportAllocs()
	for bm.Loop() {
		b.Reset()
		for g := range 8 {
			m := b.Add(s, int64(g))
			for i := range fields {
				m.SetNumber(fields[i], float64(i))
			}
		}
	}
}

// AddRow does what Add and Set do.
func TestAddRow(t *testing.T) {
	c := NewCatalog(Limits{Series: 1})
	one, many := NewBatch(c), NewBatch(c)
	s := c.Series("m", Tag{"a", "1"})
	for i := range 3000 { // several chunks of the arena
		m := one.Add(s, int64(i))
		m.Float("f", float64(i))
		m.Text("s", "text")
		m.Int("i", -1)
		m.Text("u", "more")
		row := many.AddRow(s, m.Schema(), int64(i), []uint64{math.Float64bits(float64(i)), 0, math.MaxUint64, 1}, []string{"text", "more"})
		row.Bool("added", true)
		m.Bool("added", true)
		for slot := range m.Len() {
			if row.Time() != m.Time() || row.Field(slot) != m.Field(slot) || !row.Value(slot).Equal(m.Value(slot)) {
				t.Fatalf("row %d slot %d: %v, want %v", i, slot, row.Value(slot), m.Value(slot))
			}
		}
	}
	if one.Bytes() != many.Bytes() {
		t.Errorf("%d bytes, want %d", many.Bytes(), one.Bytes())
	}
	many.AddRow(c.Series("another"), c.Schema().With(Field{Name: "f"}), 0, []uint64{0}, nil).Float("f", 1)
	if many.Len() != 3000 || many.Tally().Added != 3001 || many.Tally().Dropped() != 1 {
		t.Errorf("%d rows, tally %+v", many.Len(), many.Tally())
	}
	wide := c.Schema()
	values := make([]uint64, 1000)
	for i := range values {
		wide = wide.With(Field{Name: string(rune('a' + i)), Type: Uint})
		values[i] = uint64(i)
	}
	m := many.AddRow(s, wide, 1, values, nil)
	if v, ok := m.Number(string(rune('a' + 999))); !ok || v != 999 {
		t.Errorf("field 999 is %v %v", v, ok)
	}
}
