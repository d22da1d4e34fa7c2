package sdk

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Schema is an ordered list of fields, interned by a [Catalog] as a node in a tree of "one field more":
// metrics that were filled with the same fields in the same order share one. It is immutable and safe
// for concurrent use. Schemas beyond the catalog's cap are private to their metric, so that a stream of
// ever new shapes costs time and not memory.
type Schema struct {
	fields   []Field     // shares its memory with the parent's where it can
	extended atomic.Bool // some child's fields go on behind ours, in the same memory
	parent   *Schema
	catalog  *Catalog
	mu       sync.Mutex // held to add a child
	children atomic.Pointer[[]*Schema]
	crowd    sync.RWMutex
	others   map[Field]*Schema // the children beyond the first few, under crowd
	private  bool
	masks    []*Mask // made so far, under mu

	used     atomic.Uint32                  // when a batch last had a row of it; seconds since the catalog's first sweep
	searches atomic.Uint32                  // by Slot, as long as there is no index
	index    atomic.Pointer[map[string]int] // slots by name; nil while the schema is small or rarely searched
}

const (
	fewChildren  = 32 // so many are searched in a row, without a lock
	smallSchema  = 6  // so few fields are searched faster than a map
	manySearches = 8  // a schema that is only passed through on the way to a larger one gets no map
)

// Len returns the number of fields.
func (s *Schema) Len() int { return len(s.fields) }

// Field returns the field in the given slot.
func (s *Schema) Field(slot int) Field { return s.fields[slot] }

// Fields returns all fields in slot order. The caller must not change the slice.
func (s *Schema) Fields() []Field { return s.fields }

// Slot returns the slot of the field called name, or -1.
func (s *Schema) Slot(name string) int {
	if len(s.fields) > smallSchema {
		if index := s.index.Load(); index != nil {
			if i, ok := (*index)[name]; ok {
				return i
			}
			return -1
		}
		if s.searches.Add(1) == manySearches {
			s.buildIndex()
		}
	}
	for i := range s.fields {
		if s.fields[i].Name == name {
			return i
		}
	}
	return -1
}

func (s *Schema) buildIndex() {
	index := make(map[string]int, len(s.fields))
	for i := range s.fields {
		index[s.fields[i].Name] = i
	}
	s.index.Store(&index)
}

// Private reports whether the schema belongs to one metric alone: nobody should cache anything for it.
func (s *Schema) Private() bool { return s.private }

// With returns the schema of the same fields and f. The caller knows that no field has f's name.
func (s *Schema) With(f Field) *Schema {
	if c := s.child(f); c != nil {
		return c
	}
	if s.private {
		return s.grow(f, true)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.child(f); c != nil {
		return c
	}
	if !s.catalog.admitSchema() {
		return s.grow(f, true)
	}
	c := s.grow(f, false)
	s.adopt(c)
	return c
}

// adopt makes c a child; the caller holds s.mu.
func (s *Schema) adopt(c *Schema) {
	var children []*Schema
	if old := s.children.Load(); old != nil {
		children = *old
	}
	if len(children) < fewChildren {
		children = append(slices.Clone(children), c)
		s.children.Store(&children)
		return
	}
	s.crowd.Lock()
	defer s.crowd.Unlock()
	if s.others == nil {
		s.others = make(map[Field]*Schema)
	}
	s.others[c.last()] = c
}

// last returns the field that the schema has beyond its parent's.
func (s *Schema) last() Field { return s.fields[len(s.fields)-1] }

func (s *Schema) child(f Field) *Schema {
	children := s.children.Load()
	if children == nil {
		return nil
	}
	for _, c := range *children {
		if c.last() == f {
			return c
		}
	}
	if len(*children) < fewChildren {
		return nil
	}
	s.crowd.RLock()
	defer s.crowd.RUnlock()
	return s.others[f]
}

// grow makes a child. The first one continues in the memory of its parent's fields, so that a chain of
// n schemas costs n fields and not n²; others copy.
func (s *Schema) grow(f Field, private bool) *Schema {
	c := &Schema{parent: s, catalog: s.catalog, private: private}
	c.used.Store(s.catalog.tick.Load())
	if s.extended.CompareAndSwap(false, true) {
		c.fields = append(s.fields, f)
	} else {
		c.fields = append(s.fields[:len(s.fields):len(s.fields)], f)
	}
	return c
}

// grown returns all children; the caller holds s.mu.
func (s *Schema) grown() []*Schema {
	var all []*Schema
	if few := s.children.Load(); few != nil {
		all = slices.Clone(*few)
	}
	return slices.AppendSeq(all, maps.Values(s.others))
}

// use notes that a batch has a row of the schema.
func (s *Schema) use(tick uint32) {
	if s.used.Load() != tick {
		s.used.Store(tick)
	}
}

// prune lets the schemas below s go that no batch has had a row of since the tick, and from which none grew that
// one has. It returns how many stay. Rows and caches that hold one that left go on with it, and the next row that
// is filled like that gets a new one.
func (s *Schema) prune(since uint32) (stay, gone int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.grown()
	kept := slices.DeleteFunc(all, func(c *Schema) bool {
		below, left := c.prune(since)
		stay, gone = stay+below, gone+left
		if below > 0 || c.used.Load() >= since {
			stay++
			return false
		}
		gone++
		return true
	})
	if len(kept) < len(all) {
		s.children.Store(nil)
		s.crowd.Lock()
		s.others = nil
		s.crowd.Unlock()
		for _, c := range kept {
			s.adopt(c)
		}
	}
	return stay, gone
}
