package sdk

import (
	"fmt"
	"strings"
	"testing"
)

// text is a batch in short: name@time{field=value …}, "*" behind an absorbed row.
func text(b *Batch) string {
	var rows []string
	for m := range b.All() {
		var fields []string
		for slot := range m.Len() {
			fields = append(fields, m.Field(slot).Name+"="+m.Value(slot).String())
		}
		row := fmt.Sprintf("%s@%d{%s}", m.Name(), m.Time(), strings.Join(fields, " "))
		if m.Absorbed() {
			row += "*"
		}
		rows = append(rows, row)
	}
	return strings.Join(rows, " ")
}

func checkText(t *testing.T, b *Batch, want string) {
	t.Helper()
	if got := text(b); got != want {
		t.Errorf("batch\n%s\nwant\n%s", got, want)
	}
}

func seeAll(*Metric) bool { return true }

func keepAll(*Schema) *Mask { return nil }

func keeping(names string) func(*Schema) *Mask {
	return func(s *Schema) *Mask {
		return NewMask(s, func(f Field) bool { return strings.Contains(names, f.Name) })
	}
}

func TestLimitHidesRows(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	for i := range int64(4) {
		b.Add(b.Series([]string{"a", "b"}[i%2]), i).Int("x", i)
	}
	b.Limit(func(m *Metric) bool { return m.Name() == "b" }, keepAll)
	checkText(t, b, "b@1{x=1} b@3{x=3}")
	if b.Len() != 4 {
		t.Errorf("length %d: the hidden rows are in the batch", b.Len())
	}
	for m := range b.Samples() {
		b.Add(b.Series("r"), m.Time()).SetOrigin(m.Series())
		if m.Time() == 3 {
			b.Drop(m, DropInvalid)
		}
	}
	checkText(t, b, "b@1{x=1} r@1{} r@3{}")
	b.Unlimit()
	checkText(t, b, "a@0{x=0} b@1{x=1} r@1{} a@2{x=2} r@3{}")
}

func TestLimitHidesFields(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	m := b.Add(b.Series("s"), 1)
	m.Int("a", 1)
	m.Int("b", 2)
	b.Limit(seeAll, keeping("b"))
	if _, ok := m.Lookup("a"); ok || m.Visible(0) {
		t.Error("a is visible")
	}
	if v, ok := m.Number("b"); !ok || v != 2 || !m.Visible(1) {
		t.Error("b is not visible")
	}
	m.Int("c", 3) // what a processor adds it sees
	if v, ok := m.Number("c"); !ok || v != 3 {
		t.Error("c is not visible")
	}
	added := b.Add(b.Series("s"), 2)
	added.Int("a", 9)
	if _, ok := added.Lookup("a"); !ok {
		t.Error("a field of a row that the processor added is hidden")
	}
	b.Unlimit()
	checkText(t, b, "s@1{a=1 b=2 c=3} s@2{a=9}")
	if _, ok := m.Lookup("a"); !ok {
		t.Error("a stays hidden")
	}
}

func TestProject(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	f := func(keep, want string, left bool) {
		t.Helper()
		b.Reset()
		m := b.Add(b.Series("s"), 1)
		m.Int("a", 1)
		m.Text("b", "two")
		m.Int("c", 3)
		m.Text("d", "four")
		if got := m.Project(keeping(keep)(m.Schema())); got != left {
			t.Errorf("keep %s: %v", keep, got)
		}
		checkText(t, b, want)
		m.Text("e", "five")
		m.Int("a", 6)
		if v, _ := m.Lookup("e"); v.Text() != "five" {
			t.Errorf("keep %s: then e is %v", keep, v)
		}
		if v, _ := m.Lookup("a"); v.Int() != 6 {
			t.Errorf("keep %s: then a is %v", keep, v)
		}
	}
	f("abcd", "s@1{a=1 b=two c=3 d=four}", true)
	f("bd", "s@1{b=two d=four}", true)
	f("ac", "s@1{a=1 c=3}", true)
	f("d", "s@1{d=four}", true)
	f("", "s@1{a=1 b=two c=3 d=four}", false)
}

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

// TestMergeLeavesNoIndexes holds that a schema which results only pass through, as they are merged window after
// window, costs no map.
func TestMergeLeavesNoIndexes(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	part := func(at, first int) *Metric {
		m := b.Add(b.Series("r"), int64(at))
		for i := range 2 * smallSchema {
			m.Int(fmt.Sprintf("f%d", first+i), 1)
		}
		return m
	}
	var s *Schema
	for at := range 2 * manySearches {
		m, from := part(at, 0), part(at, 2*smallSchema)
		b.Merge(m, from)
		if s = m.Schema(); s.Len() != 4*smallSchema {
			t.Fatalf("merged into %v", s.Fields())
		}
	}
	for ; s != nil; s = s.parent {
		if s.index.Load() != nil {
			t.Errorf("an index of %d fields", s.Len())
		}
	}
}

func TestAbsorbIsAMark(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{Series: 1}))
	m := b.Add(b.Series("s"), 1)
	gone := b.Add(b.Series("s"), 2)
	b.Drop(gone, DropInvalid)
	outside := b.Add(b.Series("one too many"), 3)
	for range 2 {
		b.Absorb(m)
		b.Absorb(gone)
		b.Absorb(outside)
	}
	checkText(t, b, "s@1{}*")
	if y := b.Tally(); y.Absorbed != 1 || y.Dropped() != 2 || y.Added != 3 || b.Len() != 1 {
		t.Errorf("tally %+v, length %d", *y, b.Len())
	}
}

func TestARowLeavesOnce(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	m := b.Add(b.Series("s"), 1)
	b.Filter(m)
	b.Drop(m, DropInvalid)
	b.Filter(m)
	if y := b.Tally(); y.Filtered != 1 || y.Dropped() != 0 || b.Len() != 0 {
		t.Errorf("tally %+v, length %d", *y, b.Len())
	}
}

func TestCopyIsWholeAndApart(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	other := NewBatch(b.Catalog())
	m := b.Add(b.Series("s"), 1)
	for i := range 300 {
		m.Int(fmt.Sprintf("f%d", i), int64(i))
	}
	m.Text("text", "x")
	m.SetOrigin(b.Series("o"))
	m.Annotate(b.Catalog().Annotations(Tag{"k", "v"}))
	b.Absorb(m)
	c := other.Copy(m)
	if text(other) != text(b) || c.Origin() != m.Origin() || c.Annotations() != m.Annotations() || c.Class() != m.Class() {
		t.Errorf("the copy is\n%s\nof\n%s", text(other), text(b))
	}
	if other.Tally().Added != 1 || other.Tally().Absorbed != 0 {
		t.Errorf("tally %+v", *other.Tally())
	}
	c.Text("text", "y")
	c.Int("f0", 77)
	c.Int("more", 1)
	if v, _ := m.Lookup("text"); v.Text() != "x" || m.Len() != 301 {
		t.Error("a change of the copy shows in the original")
	}
	b.Reset()
	if v, _ := c.Lookup("f299"); v.Int() != 299 {
		t.Error("the copy lives in the original's memory")
	}
}

func TestBytesGrowWithWhatIsHeld(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	before := b.Bytes()
	f := func(what string, least int, add func()) {
		t.Helper()
		add()
		if grown := b.Bytes() - before; grown < least {
			t.Errorf("%s: %d bytes more, want at least %d", what, grown, least)
		}
		before = b.Bytes()
	}
	s := b.Series("s")
	f("a row", 100, func() { b.Add(s, 1) })
	f("a text", 1000, func() { b.Add(s, 1).Text("t", strings.Repeat("x", 1000)) })
	f("a longer text in its place", 5000, func() {
		m := b.Add(s, 1)
		m.Text("t", "x")
		m.Text("t", strings.Repeat("x", 5000))
	})
	f("many fields", 8*500, func() {
		m := b.Add(s, 1)
		for i := range 500 {
			m.Int(fmt.Sprint(i), 1)
		}
		b.Add(s, 2)
	})
	f("more fields than a chunk holds", 8*5000, func() {
		m := b.Add(s, 1)
		for i := range 5000 {
			m.Int(fmt.Sprint(i), 1)
		}
		b.Add(s, 2)
	})
	b.Reset()
	if b.Bytes() != 0 {
		t.Errorf("%d bytes in an empty batch", b.Bytes())
	}
}
