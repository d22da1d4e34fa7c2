package queue

import (
	"iter"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// all loops over the places of the batches, oldest first. The loop may remove the one that it is at.
// With loose set it leaves out segments where every batch is held.
func (q *Disk) all(loose bool) iter.Seq[place] {
	return func(yield func(place) bool) {
		for _, s := range slices.Clone(q.segments) {
			if loose && s.loose == 0 || s.head() < 0 {
				continue
			}
			for i := s.first; i < len(s.entries); i++ {
				if !s.entries[i].gone && !yield(place{s: s, i: i}) {
					return
				}
			}
		}
		q.memorised(yield)
	}
}

// memorised loops over the batches in memory.
func (q *Disk) memorised(yield func(place) bool) {
	for i := 0; i < len(q.pending); {
		p := q.pending[i]
		if !yield(place{p: p}) {
			return
		}
		if !p.gone {
			i++
		}
	}
}

// oldest returns the place of the oldest batch that can be read.
func (q *Disk) oldest() (place, bool) {
	for _, s := range q.segments {
		if i := s.head(); i >= 0 && !s.damaged {
			return place{s: s, i: i}, true
		}
	}
	if len(q.pending) > 0 {
		return place{p: q.pending[0]}, true
	}
	return place{}, false
}

// shrink drops the oldest batches that may be dropped until the rest fits. Of a queue that keeps the oldest
// nothing is dropped: it is full, and one push more, before it refuses.
func (q *Disk) shrink() {
	if q.limits.KeepOldest {
		return
	}
	if q.bytes > q.limits.MaxBytes {
		for at := range q.all(true) {
			if q.bytes <= q.limits.MaxBytes {
				break
			}
			q.dropLoose(at)
		}
	}
	if q.memory > memoryLimit {
		for at := range q.memorised {
			if q.memory <= memoryLimit {
				break
			}
			q.dropLoose(at)
		}
	}
}

// dropLoose drops a batch for lack of room, where it may be dropped for that.
func (q *Disk) dropLoose(at place) {
	if e := at.entry(); !e.held && !q.isTaken(at) {
		q.drop(at, sdk.DropQueueFull)
	}
}

// expire drops what is too old.
func (q *Disk) expire(now time.Time) {
	if q.limits.MaxAge <= 0 {
		return
	}
	oldest := now.Add(-q.limits.MaxAge).UnixNano()
	for at := range q.all(false) {
		if q.isTaken(at) {
			continue
		}
		if at.entry().born >= oldest {
			return
		}
		q.drop(at, DropExpired)
	}
}

func (q *Disk) isTaken(at place) bool { return q.lent && at == q.taken }

func (q *Disk) drop(at place, r sdk.Reason) {
	q.drops.AddDrops(r, uint64(at.entry().rows))
	q.remove(at)
}

// remove takes a batch out of the index, and has what is on disk of it removed.
func (q *Disk) remove(at place) {
	e := at.entry()
	e.gone = true
	q.rows -= int(e.rows)
	q.bytes -= int(e.size)
	if at.p != nil {
		q.forget(at.p)
	} else {
		if !e.held {
			at.s.loose--
		}
		q.erase(at.s, e.key)
	}
	if q.hasRoom() {
		q.roomMade()
	}
}

// forget takes a batch out of memory.
func (q *Disk) forget(p *pending) {
	q.memory -= int(p.size)
	q.acked = append(q.acked, p.acks...)
	p.acks = nil
	if p.value == nil {
		q.filling.Reset()
	}
	if !q.writing {
		q.recycle(p)
	}
	q.unlist(p)
	if p.in != nil {
		q.erase(p.in, p.key)
	}
}

// unlist takes a batch, most often the first, out of the list of those in memory.
func (q *Disk) unlist(p *pending) {
	if q.pending[0] == p {
		q.pending[0] = nil
		q.pending = q.pending[1:]
		return
	}
	i := slices.Index(q.pending, p)
	q.pending = slices.Delete(q.pending, i, i+1)
}

// recycle keeps the memory of a batch for another.
func (q *Disk) recycle(p *pending) {
	if p.value != nil && len(q.frames) < 8 {
		q.frames = append(q.frames, p.value[:0])
	}
}

// erase has a batch removed from its segment, and the segment itself when it was the last in it.
func (q *Disk) erase(s *segment, key uint64) {
	s.live--
	q.deletes[s] = append(q.deletes[s], key)
	if s.live == 0 && (s != q.segments[len(q.segments)-1] || s.size > maxIdle || s.closed) {
		q.drain(s)
	}
	q.dirty(time.Now())
}

// drain has a segment removed in which nothing is left.
func (q *Disk) drain(s *segment) {
	q.segments = slices.DeleteFunc(q.segments, func(t *segment) bool { return t == s })
	delete(q.deletes, s)
	q.drained = append(q.drained, s)
	q.hurry()
}

// suspect takes a segment, of which something could not be read or written, out of use until it has been
// looked into.
func (q *Disk) suspect(s *segment) {
	s.damaged, s.closed = true, true
	for _, p := range q.pending {
		if p.in == s {
			q.withdraw(p)
		}
	}
	q.hurry()
}

// suspects reports whether a segment is to be looked into.
func (q *Disk) suspects() bool {
	return slices.ContainsFunc(q.segments, func(s *segment) bool { return s.damaged })
}

// withdraw has a batch in memory written anew, to another place.
func (q *Disk) withdraw(p *pending) {
	s := p.in
	p.in, p.written = nil, 0
	q.erase(s, p.key)
}
