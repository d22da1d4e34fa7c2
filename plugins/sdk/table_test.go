package sdk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTableKeepsAStateForEachSeriesAndField(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	var table Table[int, float64]
	r := rand.New(rand.NewPCG(1, 1))
	rows, cells := map[string]int{}, map[string]float64{}
	for range 2000 {
		b.Reset()
		m := b.Add(b.Series("s", Tag{"i", fmt.Sprint(r.IntN(9))}), 1)
		for range r.IntN(8) {
			m.Float(fmt.Sprintf("f%d", r.IntN(20)), r.Float64())
		}
		row, isNew := table.Row(m)
		key := m.Series().String()
		if isNew != (rows[key] == 0) {
			t.Fatalf("%s: new %v", key, isNew)
		}
		rows[key]++
		row.State++
		for slot, cell := range row.Slots(m) {
			if row.Field(cell).Name != m.Field(slot).Name {
				t.Fatalf("slot of %s leads to the cell of %s", m.Field(slot).Name, row.Field(cell).Name)
			}
			*row.Cell(cell) += m.NumberAt(slot)
			cells[key+m.Field(slot).Name] += m.NumberAt(slot)
		}
	}
	n := 0
	for row := range table.All() {
		key := row.Series.String()
		if row.State != rows[key] {
			t.Errorf("%s: state %d, want %d", key, row.State, rows[key])
		}
		for i := range row.Len() {
			n++
			if want := cells[key+row.Field(i).Name]; *row.Cell(i) != want {
				t.Errorf("%s %s: %v, want %v", key, row.Field(i).Name, *row.Cell(i), want)
			}
		}
	}
	if table.Len() != len(rows) || n != len(cells) {
		t.Errorf("%d rows and %d cells, want %d and %d", table.Len(), n, len(rows), len(cells))
	}
}

func TestSlotsOfHiddenFields(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	m := b.Add(b.Series("s"), 1)
	m.Float("a", 1)
	m.Float("b", 2)
	m.Float("c", 3)
	var table Table[int, int]
	row, _ := table.Row(m)
	f := func(keep string, want ...int) {
		t.Helper()
		b.Limit(func(*Metric) bool { return true }, func(s *Schema) *Mask {
			return NewMask(s, func(f Field) bool { return slices.Contains([]byte(keep), f.Name[0]) })
		})
		if got := row.Slots(m); !slices.Equal(got, want) {
			t.Errorf("with %q visible: %v, want %v", keep, got, want)
		}
		b.Unlimit()
	}
	f("b", -1, 0, -1)
	f("abc", 1, 0, 2)
	f("b", -1, 0, -1)
	f("", -1, -1, -1)
	f("ac", 1, -1, 2)
	if row.Len() != 3 {
		t.Errorf("%d cells", row.Len())
	}
}

func TestSlotsOfManyShapes(t *testing.T) {
	for _, limit := range []int{0, 2} { // interned, private
		b := NewBatch(NewCatalog(Limits{Schemas: limit}))
		var table Table[int, int]
		for round := range 3 {
			for i := range 3 * knownLayouts {
				m := b.Add(b.Series("s"), 1)
				m.Float(fmt.Sprintf("f%d", i), 1)
				m.Float("last", 1)
				row, _ := table.Row(m)
				for slot, cell := range row.Slots(m) {
					if row.Field(cell).Name != m.Field(slot).Name {
						t.Fatalf("round %d, shape %d: wrong cell", round, i)
					}
				}
				if again := row.Slots(m); row.Field(again[0]).Name != m.Field(0).Name {
					t.Fatalf("round %d, shape %d: wrong cell the second time", round, i)
				}
			}
		}
	}
}

func TestCellsAreBounded(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	var table Table[int, int]
	for i := range MaxCells/100 + 2 {
		b.Reset()
		m := b.Add(b.Series("s"), 1)
		for f := range 100 {
			m.Int(fmt.Sprint(i*100+f), 1)
		}
		row, _ := table.Row(m)
		for f, cell := range row.Slots(m) {
			if beyond := i*100+f >= MaxCells; beyond != (cell < 0) {
				t.Fatalf("field %d has cell %d", i*100+f, cell)
			}
		}
		if row.Len() > MaxCells {
			t.Fatalf("%d cells", row.Len())
		}
	}
}

// TestTableRowsAgainstAModel adds, deletes and sweeps at random, within loops and outside.
func TestTableRowsAgainstAModel(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		c := NewCatalog(Limits{Idle: time.Second})
		b := NewBatch(c)
		var table Table[int, int]
		var model []*Series // in order of first sight
		now := time.Unix(0, 0)
		c.Sweep(now)
		touch := func(i int) {
			b.Reset()
			m := b.Add(b.Series("s", Tag{"i", fmt.Sprint(i)}), 1)
			_, isNew := table.Row(m)
			model = slices.DeleteFunc(model, (*Series).Left) // as Row has swept
			if isNew == slices.Contains(model, m.Series()) {
				t.Fatalf("seed %d: series %v is new: %v", seed, m.Series(), isNew)
			}
			if isNew {
				model = append(model, m.Series())
			}
		}
		remove := func(row *TableRow[int, int]) {
			table.Delete(row)
			table.Delete(row) // again is harmless
			model = slices.DeleteFunc(model, func(s *Series) bool { return s == row.Series })
		}
		for range 300 {
			switch r.IntN(10) {
			default:
				touch(r.IntN(40))
			case 0:
				now = now.Add(time.Duration(r.IntN(800)) * time.Millisecond)
				c.Sweep(now)
				touch(99)
			case 1:
				for row := range table.All() {
					switch r.IntN(4) {
					case 0:
						remove(row)
					case 1:
						touch(r.IntN(60))
					case 2:
						if r.IntN(8) == 0 {
							for inner := range table.All() {
								if inner != row && r.IntN(3) == 0 {
									remove(inner)
								}
							}
						}
					}
					if r.IntN(20) == 0 {
						break
					}
				}
			}
			var got []*Series
			for row := range table.All() {
				got = append(got, row.Series)
			}
			if !slices.Equal(got, model) || table.Len() != len(model) {
				t.Fatalf("seed %d: %d rows\n got %v\nwant %v", seed, table.Len(), got, model)
			}
		}
	}
}

func BenchmarkTable(bm *testing.B) {
	b := NewBatch(NewCatalog(Limits{}))
	for g := range 8 {
		m := b.Add(b.Series("gpu", Tag{"gpu_index", fmt.Sprint(g)}), 1)
		for f := range 20 {
			m.Float(fmt.Sprintf("field_%d", f), float64(f))
		}
	}
	var table Table[int, float64]
	bm.ReportAllocs()
	for bm.Loop() {
		for m := range b.Samples() {
			row, _ := table.Row(m)
			for slot, cell := range row.Slots(m) {
				*row.Cell(cell) += m.NumberAt(slot)
			}
		}
	}
	bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/8, "ns/metric")
}

func BenchmarkTableDelete(bm *testing.B) {
	b := NewBatch(NewCatalog(Limits{}))
	for i := range 10_000 {
		b.Add(b.Series("s", Tag{"i", fmt.Sprint(i)}), 1)
	}
	var table Table[int, int]
	bm.ReportAllocs()
	for bm.Loop() {
		for m := range b.All() {
			table.Row(m)
		}
		for row := range table.All() {
			table.Delete(row)
		}
	}
}
