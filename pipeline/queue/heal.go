package queue

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// heal looks into segments that are suspected of damage. The index keeps its places: what is lost is
// marked as gone.
func (q *Disk) heal() (err error) {
	q.mu.Lock()
	damaged := slices.DeleteFunc(slices.Clone(q.segments), func(s *segment) bool { return !s.damaged })
	q.mu.Unlock()
	for _, s := range damaged {
		err = errors.Join(err, q.healSegment(s))
	}
	return err
}

func (q *Disk) healSegment(s *segment) error {
	_ = s.close()
	q.mu.Lock()
	wanted := make(map[uint64]bool)
	for _, e := range s.entries[s.first:] {
		wanted[e.key] = !e.gone
	}
	q.mu.Unlock()
	var found []entry
	err := readSegment(s.path, func(e entry, _ []byte) error {
		found = append(found, e)
		return nil
	})
	gone := errors.Is(err, fs.ErrNotExist)
	if gone {
		err = nil
	}
	corrupt := errors.Is(err, errDamaged)
	if corrupt {
		found, err = putAside(s.path, time.Now(), func(e entry) bool { return wanted[e.key] })
	}
	if err != nil {
		return err
	}
	whole := make(map[uint64]entry)
	for _, e := range found {
		whole[e.key] = e
	}
	q.mu.Lock()
	defer q.unlock()
	s.damaged = false
	if corrupt {
		q.corrupt++
		q.log.Error("a file of the queue was damaged; it is put aside, and what is whole in it goes on", "queue", q.path, "file", s.path)
	}
	before := q.rows
	for i := range s.entries {
		if at := (place{s: s, i: i}); !s.entries[i].gone && !q.isTaken(at) {
			q.reconcile(at, whole[s.entries[i].key])
		}
	}
	if gone {
		q.log.Error("a file of the queue is gone, and what was in it is lost", "queue", q.path, "file", s.path, "metrics", before-q.rows)
	}
	return nil
}

// reconcile drops what the index has of a batch and its file has not: all of it, or the rows that came
// after the version that was found.
func (q *Disk) reconcile(at place, found entry) {
	e := at.entry()
	if found.rows == 0 {
		q.drop(at, DropCorrupt)
		return
	}
	q.drops.AddDrops(DropCorrupt, uint64(e.rows-found.rows))
	q.rows -= int(e.rows - found.rows)
	q.bytes -= int(e.size) - int(found.size)
	e.rows, e.size = found.rows, found.size
}
