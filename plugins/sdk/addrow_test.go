package sdk

import (
	"math"
	"testing"
)

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
