package queue

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// openFolder makes and locks the folder, and takes in what is there.
func (q *Disk) openFolder() error {
	if err := os.MkdirAll(q.path, 0o700); err != nil {
		return err
	}
	lock, err := lockFolder(q.path)
	if err != nil {
		return err
	}
	numbers, err := listSegments(q.path)
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	q.clean()
	var segments []*segment
	corrupt := uint64(0)
	for _, number := range numbers {
		s := q.newSegment(number)
		err := s.load()
		if errors.Is(err, errDamaged) {
			corrupt++
			q.log.Error("a file of the queue is damaged; it is put aside, and what is whole in it goes on", "queue", q.path, "err", err)
			err = s.putAside(func(entry) bool { return true })
		}
		switch {
		case err != nil:
			q.log.Error("a file of the queue is left as it is: it cannot be used now", "queue", q.path, "err", err)
		case s.live == 0:
			err = s.remove()
		default:
			segments = append(segments, s)
		}
		if err != nil {
			q.mu.Lock()
			q.faults++
			q.mu.Unlock()
		}
	}
	if n := len(numbers); n > 0 {
		q.number = numbers[n-1] + 1
	}
	q.lock = lock
	q.adopt(segments, corrupt)
	return nil
}

// adopt puts recovered segments before all that waits.
func (q *Disk) adopt(segments []*segment, corrupt uint64) {
	q.mu.Lock()
	defer q.unlock()
	q.segments, q.corrupt = segments, corrupt
	rows := 0
	for _, s := range segments {
		for i := range s.entries {
			rows += int(s.entries[i].rows)
			q.bytes += int(s.entries[i].size)
		}
	}
	q.rows += rows
	q.recovered = uint64(rows)
	if rows > 0 {
		q.log.Info("the queue goes on with what was on disk", "queue", q.path, "metrics", rows)
	}
	q.expire(time.Now())
	q.shrink()
}

// clean removes what an end amid the making of a file has left.
func (q *Disk) clean() {
	for _, suffix := range []string{newSuffix, salvageSuffix} {
		left, _ := filepath.Glob(filepath.Join(q.path, "*"+segmentSuffix+suffix)) // the pattern is right
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
}

// listSegments returns the numbers of the segments in a folder, in order.
func listSegments(path string) (numbers []uint64, err error) {
	files, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), segmentSuffix)
		if n, err := strconv.ParseUint(name, 10, 64); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// load makes the index of a segment that is not open.
func (s *segment) load() error {
	var entries []entry
	err := readSegment(s.path, func(e entry, _ []byte) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	return s.index(entries)
}

func (s *segment) index(entries []entry) error {
	s.entries, s.live = entries, len(entries)
	for i := range entries {
		s.next = entries[i].key + 1
		if !entries[i].held {
			s.loose++
		}
	}
	if len(entries) == 0 {
		return nil
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	s.size = info.Size()
	return nil
}

// putAside replaces a damaged file by one with what is whole and wanted, and makes the index of that.
func (s *segment) putAside(wanted func(entry) bool) error {
	entries, err := putAside(s.path, time.Now(), wanted)
	if err != nil {
		return err
	}
	return s.index(entries)
}

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
	for i := range s.entries {
		if at := (place{s: s, i: i}); !s.entries[i].gone && !q.isTaken(at) {
			q.reconcile(at, whole[s.entries[i].key])
		}
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
	q.out.AddDrops(DropCorrupt, uint64(e.rows-found.rows))
	q.rows -= int(e.rows - found.rows)
	q.bytes -= int(e.size) - int(found.size)
	e.rows, e.size = found.rows, found.size
}

// finish commits what waits and leaves the folder.
func (q *Disk) finish() {
	q.mu.Lock()
	q.seal()
	q.mu.Unlock()
	if q.lock == nil {
		return
	}
	err := errors.Join(q.commit(), q.removeDrained())
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
	q.late = cmp.Or(q.late, r)
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
		q.out.AddDrops(r, uint64(left))
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
