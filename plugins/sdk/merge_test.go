package sdk

import (
	"fmt"
	"strings"
	"testing"
)

func TestMergeMovesFields(t *testing.T) {
	f := func(a, b func(*Metric), want string, conflicts uint64) {
		t.Helper()
		batch := NewBatch(NewCatalog(Limits{}))
		x, y := batch.Add(batch.Series("s"), 1), batch.Add(batch.Series("s"), 1)
		a(x)
		b(y)
		batch.Merge(x, y)
		batch.Merge(x, y) // y is gone: nothing
		batch.Merge(x, x) // nothing
		checkText(t, batch, want)
		if tally := batch.Tally(); tally.Merged != 1 || tally.Conflict != conflicts || batch.Len() != 1 {
			t.Errorf("tally %+v, length %d", *tally, batch.Len())
		}
	}
	none := func(*Metric) {}
	f(none, none, "s@1{}", 0)
	f(func(m *Metric) { m.Int("a", 1) }, func(m *Metric) { m.Text("b", "x") }, "s@1{a=1 b=x}", 0)
	f(func(m *Metric) { m.Int("a", 1) }, func(m *Metric) { m.Int("a", 1) }, "s@1{a=1}", 0)
	f(func(m *Metric) { m.Int("a", 1) }, func(m *Metric) { m.Int("a", 2); m.Int("b", 3) }, "s@1{a=1 b=3}", 1)
	f(func(m *Metric) { m.Int("a", 1) }, func(m *Metric) { m.Float("a", 1) }, "s@1{a=1}", 1)
	f(func(m *Metric) { m.Text("a", "x") }, func(m *Metric) { m.Text("a", "y") }, "s@1{a=x}", 1)
}

func TestMergeResults(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		b := NewBatch(NewCatalog(Limits{}))
		// A word is a row: its series and time; then | for Batch.Enter. r… are results.
		n := int64(0)
		for word := range strings.FieldsSeq(in) {
			if word == "|" {
				b.Enter()
				continue
			}
			name, at, _ := strings.Cut(word, "@")
			m := b.Add(b.Series(name), int64(at[0]-'0'))
			if name[0] == 'r' {
				m.SetOrigin(b.Series("origin"))
			}
			m.Int(fmt.Sprintf("f%d", n), n)
			n++
		}
		b.MergeResults()
		checkText(t, b, want)
		if y := b.Tally(); y.Added != uint64(b.Len())+y.Merged {
			t.Errorf("%s: tally %+v, length %d", in, *y, b.Len())
		}
	}
	f("", "")
	f("r@1 r@1", "r@1{f0=0 f1=1}")
	f("r@1 r@2", "r@1{f0=0} r@2{f1=1}")
	f("r@1 rr@1 r@1 rr@1", "r@1{f0=0 f2=2} rr@1{f1=1 f3=3}")
	f("s@1 s@1", "s@1{f0=0} s@1{f1=1}")               // samples never merge
	f("r@1 s@1 r@1", "r@1{f0=0} s@1{f1=1} r@1{f2=2}") // not next to each other
	f("r@1 r@1 | ", "r@1{f0=0} r@1{f1=1}")            // came in
	f("r@1 | r@1 r@1", "r@1{f0=0} r@1{f1=1 f2=2}")    // into what was made here alone
	f("s@1 | r@1 r@2 r@1", "s@1{f0=0} r@1{f1=1 f3=3} r@2{f2=2}")
	// One processor had nothing to say of the first window.
	f("s@3 | r@2 r@1 r@2", "s@3{f0=0} r@1{f2=2} r@2{f1=1 f3=3}")
	f("s@3 | r@2 rr@2 r@1 r@2 s@4", "s@3{f0=0} r@1{f3=3} r@2{f1=1 f4=4} rr@2{f2=2} s@4{f5=5}")
	f("s@3 | r@2 rr@1", "s@3{f0=0} r@2{f1=1} rr@1{f2=2}")
	long := strings.Repeat("rr@1 ", 15)
	merged := "rr@1{f0=0 f1=1 f2=2 f3=3 f4=4 f5=5 f6=6 f7=7 f8=8 f9=9 f10=10 f11=11 f12=12 f13=13 f14=14}"
	f(long+"r@2 r@1 r@2", merged+" r@1{f16=16} r@2{f15=15 f17=17}")
	f(long+"r@2 r@3 q@1", merged+" r@2{f15=15} r@3{f16=16} q@1{f17=17}")
}

// TestMergeResultsOfManyRows compares long runs, which go another way, with short ones.
func TestMergeResultsOfManyRows(t *testing.T) {
	for _, n := range []int{2, 15, 16, 17, 40} {
		b := NewBatch(NewCatalog(Limits{}))
		for round := range 3 {
			for i := range n {
				m := b.Add(b.Series("r", Tag{"i", fmt.Sprint(i % 10)}), int64(i/10))
				m.SetOrigin(b.Series("s"))
				m.Int(fmt.Sprintf("f%d", round), int64(i))
			}
		}
		b.MergeResults()
		if b.Len() != n || b.Tally().Merged != uint64(2*n) {
			t.Fatalf("%d results of three parts: %d rows, tally %+v", n, b.Len(), *b.Tally())
		}
		i := 0
		for m := range b.All() {
			for round := range 3 {
				if v, ok := m.Number(fmt.Sprintf("f%d", round)); !ok || v != float64(i) {
					t.Errorf("result %d, part %d: %v %v", i, round, v, ok)
				}
			}
			i++
		}
	}
}
