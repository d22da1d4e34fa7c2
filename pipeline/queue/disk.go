package queue

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Disk is a queue in a folder. What is pushed waits in memory for a moment; a goroutine of the queue's own
// commits it, many batches at a time (commit.go), to segments (segment.go). What an output has done with
// before that never goes to disk. When the agent starts again, it finds what was there (recover.go).
//
// While the disk refuses, or another agent holds the folder, the queue works on in memory, within
// memoryLimit, and tries again.
type Disk struct {
	front
	path    string
	catalog *sdk.Catalog
	log     *slog.Logger
	id      sdk.BatchID

	segments []*segment // oldest first
	pending  []*pending // younger than what is in segments, oldest first
	filling  *sdk.Batch // the rows of the last of pending while it takes more
	frames   [][]byte   // free
	lent     bool       // the output has a batch
	taken    place      // where that stands
	batch    *sdk.Batch // it itself; memory for the next one while none is lent

	bytes     int // of values, on disk or not
	memory    int // of values that are not on disk
	rows      int
	recovered uint64
	faults    uint64
	corrupt   uint64
	ended     bool
	late      sdk.Reason // for which rows are dropped that come after the end
	lateErr   error      // with which their acks are answered
	tried     bool       // the folder was opened, or cannot be: before, nothing is handed out, since what is in it goes first

	work     // of the goroutine that commits
	starting sync.Once
	stopping sync.Once
}

const (
	// memoryLimit bounds what waits for the disk. Half of it is left to Readers' batches on their way.
	memoryLimit = 16 << 20

	// A batch of larger rows than usual is cut before it has BatchSize of them.
	maxFilling = 4 << 20
)

// pending is a batch that is not on disk, or not with all of its rows.
type pending struct {
	entry
	begun   time.Time // born, by a clock that nobody sets
	value   []byte    // nil while it takes more rows
	in      *segment  // that has, or is being given, a version of it
	written uint32    // rows of that version
	acks    []func(error)
}

// place is where a batch stands: in a segment's index, or in memory.
type place struct {
	s *segment
	i int
	p *pending
}

func (at place) entry() *entry {
	if at.p != nil {
		return &at.p.entry
	}
	return &at.s.entries[at.i]
}

// NewDisk returns the queue in the folder at path. It opens nothing before Start. agent becomes part of the
// identity of its batches.
func NewDisk(c *sdk.Catalog, path string, limits Limits, agent string, log *slog.Logger) *Disk {
	return &Disk{
		front:   newFront(limits),
		path:    path,
		catalog: c,
		log:     log,
		id:      sdk.BatchID{Agent: agent, Epoch: uint64(time.Now().UnixNano())},
		filling: sdk.NewBatch(c),
		batch:   sdk.NewBatch(c),
		work:    newWork(),
	}
}

// Start starts the goroutine that reads and writes the folder. End joins it.
func (q *Disk) Start() { q.starting.Do(func() { go q.run() }) }

// SetLimits changes the limits.
func (q *Disk) SetLimits(limits Limits) {
	q.mu.Lock()
	q.limits = limits
	q.shrink()
	if q.hasRoom() {
		q.roomMade()
	}
	q.unlock()
	q.signal()
}

// Push implements [Queue].
func (q *Disk) Push(rows []*sdk.Metric, from Source) {
	if len(rows) == 0 {
		if from.Ack != nil {
			from.Ack(nil)
		}
		return
	}
	q.mu.Lock()
	now := time.Now()
	q.pushed += uint64(len(rows))
	q.expire(now)
	if reason := q.refuses(from); reason != "" {
		q.refuse(len(rows), reason, from.Ack, q.lateErr)
		return
	}
	defer q.signal()
	defer q.unlock()
	for len(rows) > 0 {
		p := q.tail(from.Held, now)
		n := min(len(rows), max(q.limits.BatchSize-int(p.rows), 1))
		for _, m := range rows[:n] {
			q.filling.Copy(m)
		}
		rows = rows[n:]
		p.rows += uint32(n)
		q.rows += n
		if int(p.rows) >= q.limits.BatchSize || q.filling.Bytes() >= maxFilling {
			q.seal()
		}
	}
	if from.Ack != nil {
		last := q.pending[len(q.pending)-1]
		last.acks = append(last.acks, from.Ack)
		q.hurry()
	}
	q.dirty(now)
	q.shrink()
}

// refuses returns the reason for which rows cannot be taken, or "".
func (q *Disk) refuses(from Source) sdk.Reason {
	switch {
	case q.closed:
		return cmp.Or(q.late, sdk.DropShutdown)
	case q.limits.KeepOldest && !from.Held && (q.bytes >= q.limits.MaxBytes || q.memory >= memoryLimit):
		return sdk.DropQueueFull
	}
	return ""
}

// tail returns the batch to append to; filling has its rows.
func (q *Disk) tail(held bool, now time.Time) *pending {
	if p := q.last(); p != nil {
		if p.held == held {
			return p
		}
		q.seal()
	}
	q.id.Seq++
	q.filling.ID = q.id
	p := &pending{entry: entry{born: now.UnixNano(), held: held}, begun: now}
	q.pending = append(q.pending, p)
	return p
}

// last returns the batch that takes more rows, or nil.
func (q *Disk) last() *pending {
	if n := len(q.pending); n > 0 && q.pending[n-1].value == nil {
		return q.pending[n-1]
	}
	return nil
}

// seal ends the batch that takes more rows.
func (q *Disk) seal() {
	p := q.last()
	if p == nil {
		return
	}
	var frame []byte
	if n := len(q.frames); n > 0 {
		frame, q.frames = q.frames[n-1], q.frames[:n-1]
	}
	p.value = appendRecord(frame, q.filling)
	q.filling.Reset()
	q.resize(p, len(p.value))
	if q.memory >= commitBytes {
		q.hurry()
	}
}

// resize notes the size of a batch in memory, of which a version may be on disk.
func (q *Disk) resize(p *pending, size int) {
	q.bytes += size - int(p.size)
	q.memory += size - int(p.size)
	p.size = uint32(size)
}

// Next implements [Queue].
func (q *Disk) Next(ctx context.Context) (*sdk.Batch, error) { return q.next(ctx, q.take) }

// take returns the oldest batch, or how long to wait for it; 0 is until something changes.
func (q *Disk) take() (*sdk.Batch, time.Duration, error) {
	q.mu.Lock()
	defer q.unlock()
	if q.ended {
		return nil, 0, io.EOF
	}
	if q.lent {
		return q.batch, 0, nil
	}
	now := time.Now()
	q.expire(now)
	for q.tried {
		at, ok := q.oldest()
		if !ok && q.closed && (q.refused || !q.suspects()) {
			return nil, 0, io.EOF
		} else if !ok {
			return nil, 0, nil
		}
		if at.p != nil && at.p.value == nil {
			wait := q.limits.due(at.p.begun).Sub(now)
			if wait > 0 && !q.closed {
				return nil, wait, nil
			}
			q.seal()
		}
		q.taken, q.lent = at, true
		if err := q.load(); err != nil {
			q.taken, q.lent = place{}, false
			if at.p != nil { // it is not what was pushed, or memory is failing
				q.drop(at, sdk.DropInvalid)
			}
			continue
		}
		if q.ended {
			return nil, 0, io.EOF
		}
		if n := int(q.taken.entry().rows) - q.batch.Len(); n > 0 { // series that the catalog has no room for
			q.drops.AddDrops(sdk.DropSeriesCap, uint64(n))
			q.taken.entry().rows -= uint32(n)
			q.rows -= n
		}
		if q.batch.Len() > 0 {
			return q.batch, 0, nil
		}
		q.lent = false
		q.remove(q.taken)
	}
	return nil, 0, nil
}

// load reads the batch that was taken. Where that fails, the segment is looked into, and what is in others
// goes first.
func (q *Disk) load() error {
	if q.taken.p != nil {
		return decodeFrame(q.taken.p.value, q.batch)
	}
	s, e := q.taken.s, *q.taken.entry()
	q.mu.Unlock()
	err := s.read(e.key, func(value []byte) error { return decode(value, e, q.batch) })
	q.mu.Lock()
	if err != nil && !q.ended {
		q.suspect(s)
		if !errors.Is(err, errDamaged) {
			q.outcome(err)
		}
	}
	return err
}

// Expired implements [Queue].
func (q *Disk) Expired() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lent && !q.ended && q.limits.MaxAge > 0 && q.taken.entry().born < time.Now().Add(-q.limits.MaxAge).UnixNano()
}

// Done implements [Queue].
func (q *Disk) Done(o Outcome) {
	q.mu.Lock()
	defer q.unlock()
	if !q.lent || q.ended {
		return
	}
	q.lent = false
	q.account(o)
	q.remove(q.taken)
	q.taken = place{}
}

// WaitRoom implements [Queue].
func (q *Disk) WaitRoom(ctx context.Context) { q.waitRoom(ctx, q.hasRoom) }

// hasRoom leaves half of the queue to what is already on its way.
func (q *Disk) hasRoom() bool {
	return q.bytes <= q.limits.MaxBytes/2 && q.memory <= memoryLimit/2 || q.closed
}

// Stats implements [Queue].
func (q *Disk) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.counts()
	s.Recovered, s.Rows, s.Bytes = q.recovered, uint64(q.rows), uint64(q.bytes)
	s.Faults, s.Corrupt, s.Refused = q.faults, q.corrupt, q.refused
	for _, p := range q.pending {
		s.Volatile += uint64(p.rows - p.written)
	}
	return s
}
