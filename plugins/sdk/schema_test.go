package sdk

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
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

// TestMergeIndexesNothingOnTheWay: an index for each schema between two results of hundreds of fields would take
// megabytes for each kind of result.
func TestMergeIndexesNothingOnTheWay(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	result := func(name string, fields int) *Metric {
		m := b.Add(b.Series("s"), 1)
		m.SetOrigin(m.Series())
		for i := range fields {
			m.Int(fmt.Sprint(name, i), 1)
		}
		return m
	}
	for range 3 * manySearches {
		m, from := result("a", 50), result("b", 60)
		b.Merge(m, from)
		if m.Len() != 110 {
			t.Fatalf("%d fields", m.Len())
		}
		for s := m.Schema(); s.Len() > 0; s = s.parent {
			if s.Len() != 50 && s.index.Load() != nil {
				t.Fatalf("the schema of %d fields has an index", s.Len())
			}
		}
		b.Reset()
	}
}

func TestSchemasThatNoRowHasLeave(t *testing.T) {
	c := NewCatalog(Limits{Idle: time.Hour})
	b, series := NewBatch(c), c.Series("s")
	fill := func(names ...string) *Schema {
		m := b.Add(series, 1)
		for _, name := range names {
			m.Int(name, 1)
		}
		s := m.Schema()
		b.Reset()
		return s
	}
	crowd := make([]*Schema, 3*fewChildren)
	for i := range crowd {
		crowd[i] = fill("a", "b", fmt.Sprint("c", i))
	}
	other := fill("a", "x", "y", "z")
	c.Sweep(time.Unix(0, 0))
	generation := c.Generation()
	f := func(minutes time.Duration, want int) {
		t.Helper()
		c.Sweep(time.Unix(0, 0).Add(minutes * time.Minute))
		if c.Schemas() != want {
			t.Errorf("after %d minutes: %d schemas, want %d", minutes, c.Schemas(), want)
		}
	}
	f(40, 2+len(crowd)+3)
	for i := range crowd {
		if i%4 == 0 {
			fill("a", "b", fmt.Sprint("c", i))
		}
	}
	f(59, 2+len(crowd)+3)
	if c.Generation() != generation {
		t.Error("nothing has left, and the generation has grown")
	}
	f(60, 2+len(crowd)/4)
	if c.Generation() == generation {
		t.Error("schemas have left, and the generation has not grown")
	}
	for i, s := range crowd {
		if again := fill("a", "b", fmt.Sprint("c", i)); (again == s) != (i%4 == 0) {
			t.Errorf("c%d: left: %v", i, again != s)
		}
	}
	if again := fill("a", "x", "y", "z"); again == other || shapeOf(again) != shapeOf(other) {
		t.Errorf("%s once it has left, %s before", shapeOf(again), shapeOf(other))
	}
	if late := other.With(Field{Name: "later"}); shapeOf(late) != shapeOf(other)+"later " {
		t.Errorf("one that left grows to %s", shapeOf(late))
	}
}

func TestSchemasLeaveWhileOthersGrow(t *testing.T) {
	c := NewCatalog(Limits{Idle: time.Second})
	series := c.Series("s")
	var working sync.WaitGroup
	for w := range 4 {
		working.Go(func() {
			b := NewBatch(c)
			for i := range 5000 {
				m := b.Add(series, 1)
				names := []string{"a", fmt.Sprint("b", (i*7+w)%50), fmt.Sprint("c", i%40), "d"}
				for k, name := range names {
					m.Int(name, int64(k))
				}
				for k, name := range names {
					if v, ok := m.Number(name); !ok || v != float64(k) || m.Len() != len(names) {
						t.Errorf("%s: %v %v in %s", name, v, ok, shapeOf(m.Schema()))
						return
					}
				}
				b.Reset()
			}
		})
	}
	for i := range 200 {
		c.Sweep(time.Unix(int64(i), 0))
	}
	working.Wait()
	c.Sweep(time.Unix(300, 0))
	if c.Schemas() != 0 || c.root.children.Load() != nil {
		t.Errorf("%d schemas have not left", c.Schemas())
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
