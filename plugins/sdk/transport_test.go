package sdk

import "testing"

func TestRestoreCountsNothing(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	schema := b.Catalog().Schema()
	for _, f := range []Field{{Name: "t", Type: String}, {Name: "f"}, {Name: "i", Type: Int}, {Name: "u", Type: String}} {
		schema = schema.With(f)
	}
	for _, marks := range []Marks{0, MarkAbsorbed, MarkMade, MarkHidden, MarkAbsorbed | MarkMade | MarkHidden} {
		m := b.Restore(b.Series("s"), schema, 5, marks)
		if m.Marks() != marks {
			t.Errorf("marks %b, want %b", m.Marks(), marks)
		}
		if !m.Put(0, StringValue("x")) || !m.Put(2, FloatValue(7.9)) || m.Put(3, IntValue(1)) {
			t.Error("Put")
		}
		m.Text("more", "y")
	}
	if y := b.Tally(); y.Added != 0 || y.Absorbed != 0 || b.Len() != 5 {
		t.Errorf("tally %+v, length %d", *y, b.Len())
	}
	b.Unlimit()
	const row = "s@5{t=x f=0 i=7 u= more=y}"
	checkText(t, b, row+" "+row+"* "+row+" "+row+" "+row+"*")
}

func TestRestoreWithoutASeries(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	schema := b.Catalog().Schema().With(Field{Name: "t", Type: String})
	m := b.Restore(nil, schema, 1, MarkAbsorbed)
	m.Put(0, StringValue("x"))
	if y := b.Tally(); y.Dropped() != 1 || y.Drops[0].Reason != DropSeriesCap || b.Len() != 0 {
		t.Errorf("tally %+v, length %d", *y, b.Len())
	}
}

func TestRowsShowsWhatIsHidden(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	for i := range int64(3) {
		b.Add(b.Series("s"), i)
	}
	b.Limit(func(m *Metric) bool { return m.Time() != 1 }, keepAll)
	n := int64(0)
	for m := range b.Rows() {
		if m.Time() != n || (m.Marks()&MarkHidden != 0) != (n == 1) {
			t.Errorf("row %d: time %d, marks %b", n, m.Time(), m.Marks())
		}
		n++
		if n == 2 {
			b.Drop(m, DropInvalid)
		}
	}
	if n != 3 {
		t.Errorf("%d rows", n)
	}
	for range b.Rows() {
		n++
		break
	}
	if n != 4 {
		t.Error("a break does not end the loop")
	}
}
