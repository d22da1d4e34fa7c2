package queue

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Memory is a queue in memory.
type Memory struct {
	front
	catalog *sdk.Catalog
	id      sdk.BatchID

	entries []*waiting // oldest first
	free    []*sdk.Batch
	bytes   int
	rows    int
	taken   bool  // the oldest is with the output
	ended   error // with which acks are answered after the end
}

// waiting is a batch in a queue in memory.
type waiting struct {
	batch *sdk.Batch
	born  time.Time
	bytes int
	held  bool
	acks  []func(error)
}

// NewMemory returns an empty queue. agent becomes part of the identity of its batches.
func NewMemory(c *sdk.Catalog, limits Limits, agent string) *Memory {
	return &Memory{
		front:   newFront(limits),
		catalog: c,
		id:      sdk.BatchID{Agent: agent, Epoch: uint64(time.Now().UnixNano())},
	}
}

// Push implements [Queue].
func (q *Memory) Push(rows []*sdk.Metric, from Source) {
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
	if q.closed || q.limits.KeepOldest && !from.Held && q.bytes >= q.limits.MaxBytes {
		reason := sdk.DropQueueFull
		if q.closed {
			reason = sdk.DropShutdown
		}
		q.refuse(len(rows), reason, from.Ack, q.ended)
		return
	}
	for len(rows) > 0 {
		e := q.tail(from.Held, now)
		n := min(len(rows), q.limits.BatchSize-e.batch.Len())
		for _, m := range rows[:n] {
			e.batch.Copy(m)
		}
		rows = rows[n:]
		q.bytes -= e.bytes
		e.bytes = e.batch.Bytes()
		q.bytes += e.bytes
		q.rows += n
	}
	if from.Ack != nil {
		last := q.entries[len(q.entries)-1]
		last.acks = append(last.acks, from.Ack)
	}
	q.shrink()
	q.unlock()
	q.signal()
}

// tail returns the entry to append to.
func (q *Memory) tail(held bool, now time.Time) *waiting {
	if n := len(q.entries); n > 0 && (n > 1 || !q.taken) {
		if e := q.entries[n-1]; e.held == held && e.batch.Len() < q.limits.BatchSize {
			return e
		}
	}
	e := &waiting{born: now, held: held}
	if n := len(q.free); n > 0 {
		e.batch, q.free = q.free[n-1], q.free[:n-1]
	} else {
		e.batch = sdk.NewBatch(q.catalog)
	}
	q.id.Seq++
	e.batch.ID = q.id
	q.entries = append(q.entries, e)
	return e
}

// shrink drops the oldest entries that may be dropped until the rest fits. Of a queue that keeps the oldest
// nothing is dropped: it is full, and one push more, before it refuses.
func (q *Memory) shrink() {
	if q.limits.KeepOldest {
		return
	}
	for i := 0; i < len(q.entries) && q.bytes > q.limits.MaxBytes; {
		if i == 0 && q.taken || q.entries[i].held {
			i++
			continue
		}
		q.drop(i, sdk.DropQueueFull)
	}
}

func (q *Memory) expire(now time.Time) {
	if q.limits.MaxAge <= 0 {
		return
	}
	for i := 0; i < len(q.entries); {
		if i == 0 && q.taken {
			i++
			continue
		}
		if now.Sub(q.entries[i].born) <= q.limits.MaxAge {
			return
		}
		q.drop(i, DropExpired)
	}
}

func (q *Memory) drop(i int, r sdk.Reason) {
	q.drops.AddDrops(r, uint64(q.entries[i].batch.Len()))
	q.remove(i)
}

func (q *Memory) remove(i int) {
	e := q.entries[i]
	q.acked = append(q.acked, e.acks...)
	q.entries = slices.Delete(q.entries, i, i+1)
	q.bytes -= e.bytes
	q.rows -= e.batch.Len()
	e.batch.Reset()
	if len(q.free) < 2 {
		q.free = append(q.free, e.batch)
	}
	if q.hasRoom() {
		q.roomMade()
	}
}

// Next implements [Queue].
func (q *Memory) Next(ctx context.Context) (*sdk.Batch, error) { return q.next(ctx, q.take) }

// take returns the oldest batch, or how long to wait for it; 0 is until something changes.
func (q *Memory) take() (*sdk.Batch, time.Duration, error) {
	q.mu.Lock()
	defer q.unlock()
	now := time.Now()
	q.expire(now)
	if len(q.entries) == 0 {
		if q.closed {
			return nil, 0, io.EOF
		}
		return nil, 0, nil
	}
	e := q.entries[0]
	wait := q.limits.due(e.born).Sub(now)
	if q.closed || wait <= 0 || len(q.entries) > 1 || e.batch.Len() >= q.limits.BatchSize {
		q.taken = true
		return e.batch, 0, nil
	}
	return nil, wait, nil
}

// Expired implements [Queue].
func (q *Memory) Expired() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken && q.limits.MaxAge > 0 && time.Since(q.entries[0].born) > q.limits.MaxAge
}

// Done implements [Queue].
func (q *Memory) Done(o Outcome) {
	q.mu.Lock()
	defer q.unlock()
	if !q.taken { // ended meanwhile
		return
	}
	q.taken = false
	q.account(o)
	q.remove(0)
}

// End implements [Queue]: it drops all.
func (q *Memory) End(r sdk.Reason, err error) {
	q.mu.Lock()
	var acks []func(error)
	for _, e := range q.entries {
		q.drops.AddDrops(r, uint64(e.batch.Len()))
		acks = append(acks, e.acks...)
	}
	q.entries, q.bytes, q.rows, q.taken, q.closed, q.ended = nil, 0, 0, false, true, err
	q.roomMade()
	q.mu.Unlock()
	for _, ack := range acks {
		ack(err)
	}
}

// hasRoom leaves half of the queue to what is already on its way.
func (q *Memory) hasRoom() bool { return q.bytes <= q.limits.MaxBytes/2 || q.closed }

// WaitRoom implements [Queue].
func (q *Memory) WaitRoom(ctx context.Context) { q.waitRoom(ctx, q.hasRoom) }

// Stats implements [Queue].
func (q *Memory) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.counts()
	s.Rows, s.Bytes, s.Volatile = uint64(q.rows), uint64(q.bytes), uint64(q.rows)
	return s
}
