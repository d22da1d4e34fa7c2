package queue

import (
	"errors"
	"os"
	"slices"
	"time"
)

const (
	// What waits is committed after commitAfter, or when it has commitBytes, or, when an Ack waits, as soon
	// as the commit before it returns.
	commitAfter = 200 * time.Millisecond
	commitBytes = 256 << 10

	// A commit writes up to so much.
	maxCommit = 4 << 20

	// After a fault of the disk nothing is tried for so long.
	retryAfter = time.Second

	// A segment of a small queue is smaller: the files of a queue take up to two segments more than what is
	// in it.
	maxSegment = 32 << 20
	minSegment = 1 << 20
	perQueue   = 8

	// A file that is larger than this is removed when nothing is left in it; a smaller one is used again.
	maxIdle = 4 << 20
)

// work is what the goroutine that commits works with, and how others tell it what there is to do.
type work struct {
	kick chan struct{} // there is something to do
	stop chan struct{}
	over chan struct{}

	// Of that goroutine.
	lock   *os.File // of the folder; nil while it is not open
	number uint64   // of the next segment
	chunk  int      // bytes of a commit
	open   []byte   // scratch: the batch that takes more rows

	// Under the queue's lock.
	since   time.Time // of the oldest change that is not committed
	urgent  bool
	retry   time.Time
	refused bool // the last thing that was tried failed
	writing bool // values are in use without the lock
	deletes map[*segment][]uint64
	drained []*segment
}

func newWork() work {
	return work{
		kick: make(chan struct{}, 1), stop: make(chan struct{}), over: make(chan struct{}),
		number: 1, chunk: maxCommit, deletes: make(map[*segment][]uint64),
	}
}

// dirty notes that something is to be committed before long.
func (q *Disk) dirty(now time.Time) {
	if q.since.IsZero() {
		q.since = now
		poke(q.kick)
	}
}

// hurry notes that something is to be done at once.
func (q *Disk) hurry() {
	if !q.urgent {
		q.urgent = true
		poke(q.kick)
	}
}

// run reads and writes the folder until End.
func (q *Disk) run() {
	defer close(q.over)
	for {
		wait, due := q.due(time.Now())
		if due {
			q.tend()
		}
		var later <-chan time.Time
		if wait > 0 {
			later = time.After(wait)
		}
		select {
		case <-q.stop:
			q.finish()
			return
		default:
		}
		if due {
			continue
		}
		select {
		case <-q.kick:
		case <-later:
		case <-q.stop:
		}
	}
}

// due reports whether there is something to do, or how long that may wait; 0 is until a kick.
func (q *Disk) due(now time.Time) (wait time.Duration, due bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var at time.Time
	switch {
	case q.lock == nil || q.urgent:
		at = q.retry
	case q.since.IsZero():
		return 0, false
	default:
		at = q.since.Add(commitAfter)
		if at.Before(q.retry) {
			at = q.retry
		}
	}
	wait = at.Sub(now)
	return max(wait, 0), wait <= 0
}

// tend does what there is to do.
func (q *Disk) tend() {
	if q.lock == nil {
		err := q.openFolder()
		q.mu.Lock()
		q.tried = true
		q.outcome(err)
		q.mu.Unlock()
		q.signal()
		return
	}
	q.mu.Lock()
	q.since, q.urgent = time.Time{}, false
	q.mu.Unlock()
	err := q.keep()
	if err == nil {
		err = errors.Join(q.removeDrained(), q.heal(), q.commit())
		q.closeIdle()
	}
	q.mu.Lock()
	q.outcome(err)
	q.mu.Unlock()
	q.signal()
}

// outcome takes what came of working with the disk. mu is held.
func (q *Disk) outcome(err error) {
	switch {
	case err != nil:
		q.fault(err)
		q.refused, q.retry = true, time.Now().Add(retryAfter)
		q.dirty(time.Now())
	case q.refused:
		q.refused, q.retry, q.chunk = false, time.Time{}, maxCommit
		q.log.Info("the queue is on disk again", "queue", q.path)
	}
}

// fault counts and reports a fault of the disk. mu is held.
func (q *Disk) fault(err error) {
	q.faults++
	q.log.Error("the queue's disk refuses; what is new waits in memory until it works again", "queue", q.path, "err", err)
}

// removeDrained removes the files of segments in which nothing is left.
func (q *Disk) removeDrained() (err error) {
	q.mu.Lock()
	drained := q.drained
	q.drained = nil
	if len(drained) > 0 {
		q.retry = time.Time{} // there is room now
	}
	q.mu.Unlock()
	for _, s := range drained {
		if e := s.remove(); e != nil {
			err = e
		}
	}
	return err
}

// closeIdle closes the segments between the first and the last: what is mapped of them is memory.
func (q *Disk) closeIdle() {
	q.mu.Lock()
	var idle []*segment
	if n := len(q.segments); n > 2 {
		idle = slices.Clone(q.segments[1 : n-1])
	}
	q.mu.Unlock()
	for _, s := range idle {
		_ = s.close()
	}
}
