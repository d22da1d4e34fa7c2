package sdk

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync/atomic"
)

// Tag is one key and value of a series.
type Tag struct{ Key, Value string }

// Series is a metric's name and its sorted tags, interned by a [Catalog]: equal series of one catalog
// have equal pointers. It is immutable and safe for concurrent use.
type Series struct {
	name    string
	tags    []Tag
	id      int // dense; taken over by another series once this one has left the catalog
	catalog *Catalog
	used    atomic.Uint32 // the catalog's tick at the last Add
	left    atomic.Bool
}

// Name returns the measurement.
func (s *Series) Name() string { return s.name }

// Tags returns the tags, sorted by key. The caller must not change the slice.
func (s *Series) Tags() []Tag { return s.tags }

// Tag returns the value of the tag key, or "".
func (s *Series) Tag(key string) string {
	for i := range s.tags {
		if s.tags[i].Key == key {
			return s.tags[i].Value
		}
	}
	return ""
}

// Left reports whether the series has left its catalog because nothing used it for long. Whatever is
// cached for it may be forgotten.
func (s *Series) Left() bool { return s.left.Load() }

// String returns name,key=value,… for messages; it escapes nothing.
func (s *Series) String() string {
	var b strings.Builder
	b.WriteString(s.name)
	for _, t := range s.tags {
		b.WriteString("," + t.Key + "=" + t.Value)
	}
	return b.String()
}

// Annotations are tags that a rule puts on metrics beside their series: they are written with the
// metric, but are never part of a key for windows, rules or order. Interned, immutable; nil means none.
type Annotations struct{ tags []Tag }

// Tags returns the tags, sorted by key. The caller must not change the slice.
func (a *Annotations) Tags() []Tag {
	if a == nil {
		return nil
	}
	return a.tags
}

// appendKey appends an unambiguous key of name and tags to dst.
func appendKey(dst []byte, name string, tags []Tag) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	dst = append(dst, name...)
	for i := range tags {
		dst = binary.AppendUvarint(dst, uint64(len(tags[i].Key)))
		dst = append(dst, tags[i].Key...)
		dst = binary.AppendUvarint(dst, uint64(len(tags[i].Value)))
		dst = append(dst, tags[i].Value...)
	}
	return dst
}

// normalize sorts tags by key in place, keeps the first of equal keys, and drops tags without a value:
// line protocol cannot carry them.
func normalize(tags []Tag) []Tag {
	slices.SortStableFunc(tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	kept := tags[:0]
	for _, t := range tags {
		if t.Value == "" || t.Key == "" || len(kept) > 0 && kept[len(kept)-1].Key == t.Key {
			continue
		}
		kept = append(kept, t)
	}
	return kept
}
