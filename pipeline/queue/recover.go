package queue

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
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
