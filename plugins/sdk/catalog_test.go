package sdk

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestSeriesAreInterned(t *testing.T) {
	c := NewCatalog(Limits{})
	f := func(want string, name string, tags ...Tag) {
		t.Helper()
		given := slices.Clone(tags)
		s := c.Series(name, tags...)
		if s.String() != want {
			t.Errorf("%v, want %s", s, want)
		}
		if !slices.Equal(given, tags) {
			t.Errorf("the caller's tags have changed: %v", tags)
		}
		slices.Reverse(tags)
		if len(tags) < 2 || tags[0].Key != tags[1].Key {
			if c.Series(name, tags...) != s {
				t.Errorf("%s: other order, other series", want)
			}
		}
		if c.Series(name, s.Tags()...) != s {
			t.Errorf("%s: its own tags make another series", want)
		}
	}
	f("s", "s")
	f("s,a=1", "s", Tag{"a", "1"})
	f("s,a=1,b=2,c=3", "s", Tag{"c", "3"}, Tag{"a", "1"}, Tag{"b", "2"})
	f("s,a=1", "s", Tag{"a", "1"}, Tag{"a", "2"}) // the first wins
	f("s,a=1", "s", Tag{"a", "1"}, Tag{"b", ""})  // no value, no tag
	f("s,a=1", "s", Tag{"", "x"}, Tag{"a", "1"})  // no key, no tag
	f("s,a=2", "s", Tag{"a", ""}, Tag{"a", "2"})  // nor does it hide another
	f("sa=1", "sa=1")                             // not series s with tag a
	f("s,a=1,b=2", "s", Tag{"a", "1,b=2"})        // looks like the tags a and b
	if c.Series("s", Tag{"a", "1,b=2"}) == c.Series("s", Tag{"a", "1"}, Tag{"b", "2"}) {
		t.Error("a comma in a value makes two tags")
	}
	if c.Series("s", Tag{"a", "1"}).Tag("a") != "1" || c.Series("s").Tag("a") != "" {
		t.Error("Tag")
	}
	var many []Tag
	for i := range 40 { // more than fit into the room that Series has on its stack
		many = append(many, Tag{fmt.Sprintf("k%02d", 39-i), "v"})
	}
	if s := c.Series("s", many...); len(s.Tags()) != 40 || s.Tags()[0].Key != "k00" || c.Series("s", many...) != s {
		t.Errorf("40 tags: %v", s)
	}
}

func TestSeriesKeepsNothingOfTheCallersMemory(t *testing.T) {
	c := NewCatalog(Limits{})
	tags := []Tag{{"a", "1"}}
	s := c.Series("s", tags...)
	tags[0] = Tag{"z", "9"}
	if s.String() != "s,a=1" || c.Series("s", Tag{"a", "1"}) != s {
		t.Errorf("the series follows the caller's slice: %v", s)
	}
}

func TestWithAddsTags(t *testing.T) {
	c := NewCatalog(Limits{Series: 3})
	s := c.Series("s", Tag{"b", "1"})
	w := c.With(s, Tag{"a", "2"}, Tag{"b", "3"})
	if w.String() != "s,a=2,b=1" {
		t.Errorf("%v", w)
	}
	if c.With(s) != s || c.With(s, Tag{"b", "9"}) != s {
		t.Error("nothing new makes another series")
	}
	c.Series("fills the catalog")
	if c.With(s, Tag{"c", "1"}) != nil || c.With(s, Tag{"a", "2"}) != w {
		t.Error("a full catalog gives known series and no new ones")
	}
}

func TestAnnotationsAreInterned(t *testing.T) {
	c := NewCatalog(Limits{Series: 2})
	a := c.Annotations(Tag{"k", "v"}, Tag{"a", "b"})
	if c.Annotations(Tag{"a", "b"}, Tag{"k", "v"}, Tag{"k", "w"}) != a || len(a.Tags()) != 2 || a.Tags()[0].Key != "a" {
		t.Errorf("%v", a)
	}
	if c.Annotations() != nil || c.Annotations(Tag{"k", ""}) != nil || (*Annotations)(nil).Tags() != nil {
		t.Error("no tags are not nil")
	}
	c.Annotations(Tag{"second", "1"})
	if third := c.Annotations(Tag{"third", "1"}); len(third.Tags()) != 1 {
		t.Errorf("beyond the cap: %v", third)
	}
	if len(c.annotations) != 2 {
		t.Errorf("%d annotations are held", len(c.annotations))
	}
}

func TestMoveKeepsASeriesInUse(t *testing.T) {
	c := NewCatalog(Limits{Idle: time.Minute})
	own := c.Series("s")
	tagged := c.With(own, Tag{"host", "a"}) // as the engine caches it
	start := time.Unix(0, 0)
	b := NewBatch(c)
	for minute := range 10 {
		c.Sweep(start.Add(time.Duration(minute) * 30 * time.Second))
		b.Reset()
		b.Move(b.Add(own, 1), tagged)
		if got := slices.Collect(b.All())[0].Series(); got != tagged || tagged.Left() {
			t.Fatalf("after %d sweeps the series in use has left", minute+1)
		}
	}
}

func TestMoveToASeriesThatLeft(t *testing.T) {
	c := NewCatalog(Limits{Idle: time.Minute, Series: 2})
	old := c.Series("old")
	c.Sweep(time.Unix(0, 0))
	c.Sweep(time.Unix(61, 0))
	if !old.Left() {
		t.Fatal("it has not left")
	}
	b := NewBatch(c)
	b.Move(b.Add(b.Series("s"), 1), old)
	for m := range b.All() {
		if m.Series() == old || m.Name() != "old" {
			t.Errorf("moved to %v, which has left: %v", m.Series(), m.Series().Left())
		}
	}
	b.Move(b.Add(b.Series("s"), 2), nil)
	if b.Len() != 1 || b.Tally().Dropped() != 1 {
		t.Errorf("%d rows, tally %+v", b.Len(), *b.Tally())
	}
}

func TestIDsAreUsedAgain(t *testing.T) {
	c := NewCatalog(Limits{Idle: time.Minute})
	for i := range 100 {
		c.Series("s", Tag{"i", fmt.Sprint(i)})
	}
	c.Sweep(time.Unix(0, 0))
	generation := c.Generation()
	c.Sweep(time.Unix(59, 0))
	if c.Len() != 100 || c.Generation() != generation {
		t.Errorf("%d series after less than a minute", c.Len())
	}
	c.Sweep(time.Unix(60, 0))
	if c.Len() != 0 || c.Generation() == generation {
		t.Errorf("%d series after a minute", c.Len())
	}
	seen := map[int]bool{}
	for i := range 100 {
		s := c.Series("t", Tag{"i", fmt.Sprint(i)})
		if s.id >= 100 || seen[s.id] {
			t.Fatalf("id %d", s.id)
		}
		seen[s.id] = true
	}
	c.Sweep(time.Unix(10, 0)) // a clock that went back lets nothing go
	if c.Len() != 100 {
		t.Errorf("%d series after a step of the clock", c.Len())
	}
}

// TestCatalogIsSafeForConcurrentUse is for the race detector.
func TestCatalogIsSafeForConcurrentUse(t *testing.T) {
	c := NewCatalog(Limits{Series: 50, Schemas: 40, Idle: time.Second})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			b := NewBatch(c)
			var table Table[int, int]
			for i := range 500 {
				b.Reset()
				s := b.Series("s", Tag{"i", fmt.Sprint(i % 60)})
				m := b.Add(s, int64(i))
				for f := range 10 {
					m.Float(fmt.Sprintf("f%d", (f*g+i)%13), 1)
				}
				m.Annotate(c.Annotations(Tag{"a", fmt.Sprint(i % 7)}))
				mask := NewMask(m.Schema(), func(f Field) bool { return f.Name != "f1" })
				b.Limit(func(*Metric) bool { return true }, func(*Schema) *Mask { return mask })
				for m := range b.All() {
					row, _ := table.Row(m)
					for _, cell := range row.Slots(m) {
						if cell >= 0 {
							*row.Cell(cell)++
						}
					}
				}
				b.Unlimit()
			}
		})
	}
	all.Go(func() {
		for i := range 200 {
			c.Sweep(time.Unix(int64(i), 0))
			c.Len()
		}
	})
	all.Wait()
	seen := map[int]bool{}
	for _, s := range c.series {
		if seen[s.id] {
			t.Errorf("two series have the id %d", s.id)
		}
		seen[s.id] = true
	}
}

func BenchmarkSeries(bm *testing.B) {
	c := NewCatalog(Limits{})
	b := NewBatch(c)
	tags := []Tag{{"host", "node-17"}, {"gpu_index", "0"}, {"gpu_uuid", "GPU-5d2fa2cd-1c33-4e5d-9c0f-1d2c3b4a5968"}, {"gpu_name", "NVIDIA H100 80GB HBM3"}}
	bm.Run("catalog", func(bm *testing.B) {
		bm.ReportAllocs()
		for bm.Loop() {
			c.Series("gpu", tags...)
		}
	})
	bm.Run("batch", func(bm *testing.B) {
		bm.ReportAllocs()
		for bm.Loop() {
			b.Series("gpu", Tag{"host", "node-17"}, Tag{"gpu_index", "0"}, Tag{"gpu_uuid", "GPU-5"})
		}
	})
	bm.Run("with", func(bm *testing.B) {
		s := c.Series("gpu", tags...)
		bm.ReportAllocs()
		for bm.Loop() {
			c.With(s, Tag{"window", "10s"})
		}
	})
}

func BenchmarkWideMetric(bm *testing.B) {
	for _, limit := range []int{0, 1} {
		bm.Run(fmt.Sprintf("private=%v", limit == 1), func(bm *testing.B) {
			names := make([]string, 300)
			for i := range names {
				names[i] = fmt.Sprintf("field_%d", i)
			}
			b := NewBatch(NewCatalog(Limits{Schemas: limit}))
			bm.ReportAllocs()
			for bm.Loop() {
				b.Reset()
				m := b.Add(b.Series("s"), 1)
				for _, n := range names {
					m.Float(n, 1)
				}
			}
		})
	}
}
