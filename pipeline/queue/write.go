package queue

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// change is what a commit does to one segment.
type change struct {
	s       *segment
	writes  []write
	deletes []uint64
}

// write is a version of a batch on its way to disk.
type write struct {
	p     *pending
	value []byte
	rows  uint32
	acks  int // that wait for it
}

// commit writes what waits, and removes from segments what is gone, a piece at a time. Once something could
// not be written it stops, so that an Ack that waits for a batch waits for those before it, too.
func (q *Disk) commit() (err error) {
	for more := true; more && err == nil; {
		var changes []*change
		changes, more = q.collect()
		stopped := false
		for _, c := range changes {
			if stopped {
				q.unsettle(c)
				continue
			}
			if e := q.apply(c); e != nil {
				err, stopped = e, len(c.writes) > 0
			}
		}
		q.mu.Lock()
		q.writing = false
		q.mu.Unlock()
	}
	return err
}

// collect returns what is to be committed next, by segment, in order of age. A batch that takes more rows takes no
// more once it has grown large: each commit writes all of it.
func (q *Disk) collect() (changes []*change, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bySegment := make(map[*segment]*change)
	of := func(s *segment) *change {
		c := bySegment[s]
		if c == nil {
			c = &change{s: s}
			bySegment[s] = c
		}
		return c
	}
	for s, keys := range q.deletes {
		if !s.damaged {
			of(s).deletes = keys
			delete(q.deletes, s)
		}
	}
	size := 0
	for _, p := range q.pending {
		if p.value == nil && p.written == p.rows {
			continue
		}
		if more = size >= q.chunk; more {
			break
		}
		if p.value == nil && q.filling.Bytes() >= commitBytes {
			q.seal()
		}
		w := q.version(p)
		size += len(w.value)
		c := of(p.in)
		c.writes = append(c.writes, w)
	}
	q.writing = true
	return slices.SortedFunc(maps.Values(bySegment), func(a, b *change) int { return cmp.Compare(a.s.number, b.s.number) }), more
}

// version returns the batch as it is now. A batch that takes more rows keeps its place in its segment, and
// is written anew with them.
func (q *Disk) version(p *pending) write {
	if p.in == nil {
		p.in = q.tailSegment()
		p.key = p.in.next
		p.in.next++
		p.in.live++
	}
	w := write{p: p, value: p.value, rows: p.rows, acks: len(p.acks)}
	if w.value == nil {
		q.open = appendRecord(q.open[:0], q.filling)
		w.value = q.open
		q.resize(p, len(w.value))
	}
	stamp(w.value, p.entry)
	return w
}

// tailSegment returns the segment to write to. Its file is made with the first commit.
func (q *Disk) tailSegment() *segment {
	limit := int64(min(max(q.limits.MaxBytes/perQueue, minSegment), maxSegment))
	if n := len(q.segments); n > 0 {
		if s := q.segments[n-1]; s.size < limit && !s.damaged && !s.closed {
			return s
		} else if s.live == 0 {
			q.drain(s)
		}
	}
	s := q.newSegment(q.number)
	q.number++
	q.segments = append(q.segments, s)
	return s
}

func (q *Disk) newSegment(number uint64) *segment {
	return &segment{path: filepath.Join(q.path, segmentName(number)), number: number, next: 1}
}

func segmentName(number uint64) string { return fmt.Sprintf("%012d%s", number, segmentSuffix) }

// apply commits a change. What is only removed can go from a full disk, too. After another fault than a
// full disk the segment takes no more.
func (q *Disk) apply(c *change) error {
	puts := make([]put, len(c.writes))
	for i, w := range c.writes {
		puts[i] = put{w.p.key, w.value}
	}
	size, err := c.s.commit(puts, c.deletes)
	if err == nil {
		q.settle(c, size)
		return nil
	}
	if full(err) && len(puts) > 0 && len(c.deletes) > 0 {
		if _, again := c.s.commit(nil, c.deletes); again == nil {
			c.deletes = nil
		}
	}
	q.mu.Lock()
	q.chunk = max(q.chunk/2, 1)
	if errors.Is(err, errDamaged) {
		q.suspect(c.s)
	}
	c.s.closed = c.s.closed || !full(err)
	q.mu.Unlock()
	q.unsettle(c)
	return err
}

// settle takes a change that is on disk into the index.
func (q *Disk) settle(c *change, size int64) {
	q.mu.Lock()
	defer q.unlock()
	c.s.size = size
	for _, w := range c.writes {
		p := w.p
		if p.gone || p.in != c.s { // erase has seen to what was written
			continue
		}
		p.written = w.rows
		q.acked = append(q.acked, p.acks[:w.acks]...)
		p.acks = p.acks[w.acks:]
		if p.value != nil && p.written == p.rows {
			q.moveToDisk(p)
		}
	}
	if q.hasRoom() {
		q.roomMade()
	}
}

// unsettle has a change tried again that is not on disk.
func (q *Disk) unsettle(c *change) {
	q.mu.Lock()
	defer q.unlock()
	for _, w := range c.writes {
		if p := w.p; !p.gone && p.in == c.s && (p.written == 0 || c.s.closed) {
			q.withdraw(p)
		}
	}
	if slices.Contains(q.segments, c.s) {
		q.deletes[c.s] = append(q.deletes[c.s], c.deletes...)
	}
}

// moveToDisk takes a batch from memory into the index of its segment.
func (q *Disk) moveToDisk(p *pending) {
	s := p.in
	s.entries = append(s.entries, p.entry)
	if !p.held {
		s.loose++
	}
	if at := (place{p: p}); q.isTaken(at) {
		q.taken = place{s: s, i: len(s.entries) - 1}
	}
	q.memory -= int(p.size)
	q.unlist(p)
	q.recycle(p)
}
