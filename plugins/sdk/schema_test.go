package sdk

import (
	"fmt"
	"slices"
	"testing"
)

func shapeOf(s *Schema) string {
	text := ""
	for i, f := range s.Fields() {
		text += f.Name + " "
		if s.Slot(f.Name) != i || s.Field(i) != f {
			text += fmt.Sprintf("(slot %d, not %d) ", s.Slot(f.Name), i)
		}
	}
	return text
}

func TestSchemasAreInterned(t *testing.T) {
	c := NewCatalog(Limits{})
	a, b := Field{Name: "a"}, Field{Name: "b", Unit: "watts"}
	ab := c.Schema().With(a).With(b)
	if c.Schema().With(a).With(b) != ab {
		t.Error("equal fields, another schema")
	}
	if c.Schema().With(b).With(a) == ab {
		t.Error("another order, the same schema")
	}
	if c.Schema().With(Field{Name: "a", Kind: Counter}).With(b) == ab {
		t.Error("another kind, the same schema")
	}
	if ab.Slot("c") != -1 || ab.Private() || ab.Len() != 2 {
		t.Error("slots")
	}
}

func TestManyChildren(t *testing.T) {
	c := NewCatalog(Limits{})
	var all []*Schema
	for i := range 4 * fewChildren {
		all = append(all, c.Schema().With(Field{Name: fmt.Sprint(i)}))
	}
	for i, s := range all {
		if c.Schema().With(Field{Name: fmt.Sprint(i)}) != s || shapeOf(s) != fmt.Sprint(i, " ") {
			t.Errorf("child %d is not found again", i)
		}
	}
}

// TestSchemasDoNotMix checks that schemas that share memory do not write into each other.
func TestSchemasDoNotMix(t *testing.T) {
	for _, limit := range []int{10_000, 5} {
		c := NewCatalog(Limits{Schemas: limit})
		want := map[*Schema]string{}
		var grow func(s *Schema, text string, depth int)
		grow = func(s *Schema, text string, depth int) {
			want[s] = text
			if depth == 0 {
				return
			}
			for i := range 3 {
				name := fmt.Sprintf("%d.%d", depth, i)
				grow(s.With(Field{Name: name}), text+name+" ", depth-1)
			}
		}
		grow(c.Schema(), "", 7)
		for s, text := range want {
			for range manySearches { // with and without an index
				if got := shapeOf(s); got != text {
					t.Fatalf("%s, want %s", got, text)
				}
			}
		}
	}
}

func TestSchemasBeyondTheCapArePrivate(t *testing.T) {
	c := NewCatalog(Limits{Schemas: 3})
	b := NewBatch(c)
	private := 0
	for i := range 10 {
		m := b.Add(b.Series("s"), int64(i))
		m.Int("a", 1)
		m.Int(fmt.Sprintf("f%d", i), int64(i))
		m.Int("z", -1)
		if m.Schema().Private() {
			private++
		}
		if v, ok := m.Number(fmt.Sprintf("f%d", i)); !ok || v != float64(i) {
			t.Errorf("row %d: %v %v", i, v, ok)
		}
	}
	if private != 9 {
		t.Errorf("%d private schemas", private)
	}
	known := b.Add(b.Series("s"), 1)
	known.Int("a", 1)
	known.Int("f0", 1)
	known.Int("z", 1)
	if known.Schema().Private() {
		t.Error("a known schema is private once the catalog is full")
	}
}

func TestASlotIsFoundWithAndWithoutAnIndex(t *testing.T) {
	s := NewCatalog(Limits{}).Schema()
	for i := range 100 {
		s = s.With(Field{Name: fmt.Sprint(i)})
	}
	for range 2 * manySearches {
		if s.Slot("0") != 0 || s.Slot("57") != 57 || s.Slot("99") != 99 || s.Slot("100") != -1 {
			t.Fatal("wrong slot")
		}
	}
	if s.index.Load() == nil || s.parent.index.Load() != nil {
		t.Error("an index is for who is searched often")
	}
}

func TestMasks(t *testing.T) {
	c := NewCatalog(Limits{})
	s := c.Schema().With(Field{Name: "a"}).With(Field{Name: "b"}).With(Field{Name: "c"})
	f := func(keep, kept string) {
		t.Helper()
		m := NewMask(s, func(f Field) bool { return slices.Contains([]byte(keep), f.Name[0]) })
		if m == nil {
			if kept != "a b c " {
				t.Errorf("keep %s: no mask", keep)
			}
			return
		}
		for i, f := range s.Fields() {
			if m.Hides(i) == slices.Contains([]byte(keep), f.Name[0]) {
				t.Errorf("keep %s: hides %s: %v", keep, f.Name, m.Hides(i))
			}
		}
		if m.Hides(3) {
			t.Errorf("keep %s: hides what was added later", keep)
		}
		if m.kept != nil {
			if got := shapeOf(m.kept); got != kept {
				t.Errorf("keep %s: %s stay", keep, got)
			}
		} else if kept != "" {
			t.Errorf("keep %s: nothing stays", keep)
		}
		if again := NewMask(s, func(f Field) bool { return slices.Contains([]byte(keep), f.Name[0]) }); again != m {
			t.Errorf("keep %s: the same mask is another", keep)
		}
	}
	f("abc", "a b c ")
	f("ab", "a b ")
	f("c", "c ")
	f("ac", "a c ")
	f("", "")
	for i := range 2 * knownMasks { // more than it remembers
		wide := s
		for j := range 8 {
			wide = wide.With(Field{Name: fmt.Sprint(j)})
		}
		m := NewMask(wide, func(f Field) bool { return f.Name[0] < '0' || f.Name[0] > '7' || i>>(f.Name[0]-'0')&1 == 0 })
		if hidden := 3 + i%8; i > 0 && m == nil {
			t.Errorf("mask %d of slot %d is nil", i, hidden)
		}
	}
}
