package queue

import (
	"errors"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// finish commits what waits and leaves the folder.
func (q *Disk) finish() {
	q.mu.Lock()
	q.seal()
	q.mu.Unlock()
	if q.lock == nil {
		return
	}
	err := q.keep()
	if err == nil {
		err = errors.Join(q.heal(), q.commit())
		for ; full(err) && q.chunk > 1; err = q.commit() { // as much of it as there is room for
		}
	}
	err = errors.Join(err, q.removeDrained())
	q.mu.Lock()
	segments := slices.Clone(q.segments)
	empty := slices.DeleteFunc(slices.Clone(segments), func(s *segment) bool { return s.live > 0 })
	q.mu.Unlock()
	for _, s := range segments {
		if slices.Contains(empty, s) {
			err = errors.Join(err, s.remove())
			continue
		}
		err = errors.Join(err, s.close())
	}
	err = errors.Join(err, q.lock.Close())
	if err != nil {
		q.mu.Lock()
		q.fault(err)
		q.mu.Unlock()
	}
}

// End implements [Queue].
func (q *Disk) End(r sdk.Reason, err error) {
	q.mu.Lock()
	if q.late == "" {
		if q.late = r; r == sdk.DropShutdown { // else nobody will ever take them
			q.lateErr = err
		}
	}
	q.mu.Unlock()
	q.Close()
	q.starting.Do(func() { close(q.over) }) // it was never started
	q.stopping.Do(func() { close(q.stop) })
	select {
	case <-q.over:
	case <-time.After(endPatience):
		q.log.Error("the queue's disk hangs; what it has not taken is dropped", "queue", q.path)
	}
	q.mu.Lock()
	var acks []func(error)
	for _, p := range q.pending {
		left := p.rows - p.written
		q.rows -= int(left)
		if p.written == 0 {
			q.bytes -= int(p.size)
		}
		q.drops.AddDrops(r, uint64(left))
		acks = append(acks, p.acks...)
		p.gone = true
	}
	q.pending, q.memory, q.ended = nil, 0, true
	q.roomMade()
	q.unlock()
	q.signal()
	for _, ack := range acks {
		ack(err)
	}
}

// endPatience bounds the wait for a disk that does not answer.
const endPatience = 5 * time.Second
