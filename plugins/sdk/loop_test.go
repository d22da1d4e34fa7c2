package sdk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// model is a batch in the plainest terms: a list of rows, and which of them a loop visits.
type model struct {
	list []int64       // times, which name the rows
	tail map[int64]int // how many rows were added behind a row since the outermost loop began
}

func (m *model) addBehind(row, added int64) {
	at := slices.Index(m.list, row) + 1 + m.tail[row]
	m.list = slices.Insert(m.list, at, added)
	m.tail[row]++
}

func times(b *Batch) []int64 {
	var list []int64
	for m := range b.All() {
		list = append(list, m.Time())
	}
	return list
}

func TestLoopsAgainstAModel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		b := NewBatch(NewCatalog(Limits{}))
		s := b.Series("s")
		next := int64(0)
		for round := range 5 {
			if round == 3 {
				b.Reset()
			}
			m := &model{list: times(b), tail: map[int64]int{}}
			for range r.IntN(10) {
				b.Add(s, next)
				m.list = append(m.list, next)
				next++
			}
			gone := map[int64]bool{}
			var loop func(depth int)
			loop = func(depth int) {
				for row := range b.All() {
					if gone[row.Time()] {
						t.Fatalf("seed %d: row %d is visited though it is gone", seed, row.Time())
					}
					for range r.IntN(3) {
						b.Add(s, next)
						m.addBehind(row.Time(), next)
						next++
					}
					if r.IntN(4) == 0 {
						b.Drop(row, DropInvalid)
						gone[row.Time()] = true
					}
					if depth < 2 && r.IntN(6) == 0 {
						loop(depth + 1)
					}
					if r.IntN(3) == 0 {
						b.Copy(row).SetTime(next)
						m.addBehind(row.Time(), next)
						next++
					}
					if r.IntN(12) == 0 {
						break
					}
				}
			}
			loop(0)
			b.Add(s, next) // behind everything
			want := slices.DeleteFunc(append(m.list, next), func(row int64) bool { return gone[row] })
			next++
			if b.Len() != len(want) {
				t.Fatalf("seed %d: length %d, want %d", seed, b.Len(), len(want))
			}
			if got := times(b); !slices.Equal(got, want) {
				t.Fatalf("seed %d, round %d:\n got %v\nwant %v", seed, round, got, want)
			}
			if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() {
				t.Fatalf("seed %d: tally %+v, length %d", seed, *y, b.Len())
			}
		}
	}
}

func TestALoopVisitsWhatStoodThere(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	s := b.Series("s")
	for i := range int64(3) {
		b.Add(s, i)
	}
	visits := ""
	for m := range b.All() {
		visits += fmt.Sprint(" ", m.Time())
		b.Add(s, m.Time()+10)
		for inner := range b.All() {
			visits += fmt.Sprint("/", inner.Time())
			if m.Time() == 0 && inner.Time() == 1 {
				b.Drop(inner, DropInvalid)
			}
		}
	}
	if want := " 0/0/1/2 2/0/2"; visits != want {
		t.Errorf("visits%s, want%s", visits, want)
	}
	if got, want := times(b), []int64{0, 10, 2, 12}; !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

func TestAPanicInALoopLeavesTheBatchWhole(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	s := b.Series("s")
	fill := func() {
		for i := range int64(4) {
			b.Add(s, i).Text("text", "x")
		}
	}
	fill()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		for range b.All() {
			for inner := range b.Samples() {
				b.Add(s, 10)
				b.Drop(inner, DropInvalid)
				panic("in a loop")
			}
		}
	}()
	if got, want := times(b), []int64{10, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("after the panic: %v, want %v", got, want)
	}
	b.Reset()
	if b.Len() != 0 || b.Bytes() != 0 || len(times(b)) != 0 || b.Tally().Added != 0 {
		t.Errorf("after Reset: %d rows, %d bytes, tally %+v", b.Len(), b.Bytes(), *b.Tally())
	}
	fill()
	if got, want := times(b), []int64{0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("filled again: %v, want %v", got, want)
	}
}

func TestResetWithinALoopEndsWell(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	b.Add(b.Series("s"), 1)
	func() {
		defer func() { _ = recover() }()
		for range b.All() {
			b.Add(b.Series("s"), 2)
			panic("in a loop")
		}
	}()
	b.Reset()
	b.Add(b.Series("s"), 3)
	if got, want := times(b), []int64{3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSamplesPassesOverOtherClasses(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	for c := ClassSample; c <= ClassInfo; c++ {
		b.Add(b.Series(c.String()), 1).SetClass(c)
	}
	n := 0
	for m := range b.Samples() {
		n++
		if m.Name() != "sample" {
			t.Errorf("Samples visits a %v", m.Class())
		}
	}
	if n != 1 || b.Len() != 4 {
		t.Errorf("%d of %d rows visited", n, b.Len())
	}
}

func TestSortByTimeKeepsTheOrderOfEqualTimes(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	for i, at := range []int64{3, 1, 2, 1, 3, -5} {
		b.Add(b.Series("s"), at).Int("n", int64(i))
	}
	b.SortByTime()
	got := ""
	for m := range b.All() {
		n, _ := m.Number("n")
		got += fmt.Sprintf("%d:%v ", m.Time(), n)
	}
	if want := "-5:5 1:1 1:3 2:2 3:0 3:4 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
