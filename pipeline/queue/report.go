package queue

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Report is what the folder of a queue holds.
type Report struct {
	Segments  int
	Batches   uint64
	Metrics   uint64
	Bytes     uint64    // of the batches
	FileBytes uint64    // of all files, those put aside included
	Oldest    time.Time // when the oldest batch entered the queue
	Ranges    []Range   // in order of agent and epoch
	Damaged   []string  // segments that the agent will put aside when it starts; what is whole in them counts
	Unread    []string  // segments that this program cannot read, and why
	Corrupt   []string  // damaged files that were put aside
}

// Range is what waits of the batches that one agent queued between two starts.
type Range struct {
	Agent   string
	Epoch   uint64
	First   uint64 // seq
	Last    uint64
	Batches uint64
}

// Read calls each for every batch in the folder of a queue, oldest first, and reports what is there. It
// changes nothing, and returns an error while an agent has the queue in use. A batch is valid until each
// returns.
func Read(path string, each func(*sdk.Batch) error) (*Report, error) {
	numbers, err := listSegments(path)
	if err != nil {
		return nil, err
	}
	lock, err := os.Open(filepath.Join(path, lockName))
	if errors.Is(err, fs.ErrNotExist) && len(numbers) == 0 {
		return nil, fmt.Errorf("there is no queue in %s", path)
	} else if err == nil {
		defer func() { _ = lock.Close() }()
		if err := flock(lock, syscall.LOCK_SH); err != nil {
			return nil, fmt.Errorf("%w: stop it first, or see gpuline_queue_* on its page of metrics", err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r := &Report{}
	if err := r.files(path); err != nil {
		return nil, err
	}
	for _, number := range numbers {
		if err := r.segment(filepath.Join(path, segmentName(number)), each); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(r.Ranges, func(a, b Range) int {
		return cmp.Or(strings.Compare(a.Agent, b.Agent), cmp.Compare(a.Epoch, b.Epoch))
	})
	return r, nil
}

func (r *Report) files(path string) error {
	list, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, f := range list {
		info, err := f.Info()
		if err != nil || f.IsDir() {
			continue
		}
		r.FileBytes += uint64(info.Size())
		if strings.Contains(f.Name(), segmentSuffix+corruptMark) {
			r.Corrupt = append(r.Corrupt, f.Name())
		}
	}
	return nil
}

// segment adds what one segment holds; of a damaged one, what the agent would take of it.
func (r *Report) segment(path string, each func(*sdk.Batch) error) error {
	r.Segments++
	name := filepath.Base(path)
	err := readSegment(path, func(entry, []byte) error { return nil })
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{Series: math.MaxInt}))
	one := func(e entry, value []byte) error {
		if err := decodeFrame(value, b); err != nil {
			return err
		}
		r.count(e, b)
		if err := each(b); err != nil {
			return &abort{err}
		}
		return nil
	}
	switch {
	case errors.Is(err, errDamaged):
		r.Damaged = append(r.Damaged, name)
		var all []found
		if all, err = salvage(path); err == nil {
			for i := 0; i < len(all) && err == nil; i++ {
				err = one(all[i].entry, all[i].value)
			}
		}
	case err == nil:
		err = readSegment(path, one)
	}
	if stop, ok := errors.AsType[*abort](err); ok {
		return stop.error
	}
	if err != nil {
		r.Unread = append(r.Unread, fmt.Sprintf("%s: %v", name, err))
	}
	return nil
}

// abort is an error of the caller's.
type abort struct{ error }

func (r *Report) count(e entry, b *sdk.Batch) {
	r.Batches++
	r.Metrics += uint64(b.Len())
	r.Bytes += uint64(e.size)
	if born := time.Unix(0, e.born); r.Oldest.IsZero() || born.Before(r.Oldest) {
		r.Oldest = born
	}
	i := slices.IndexFunc(r.Ranges, func(g Range) bool { return g.Agent == b.ID.Agent && g.Epoch == b.ID.Epoch })
	if i < 0 {
		r.Ranges = append(r.Ranges, Range{Agent: b.ID.Agent, Epoch: b.ID.Epoch, First: b.ID.Seq})
		i = len(r.Ranges) - 1
	}
	g := &r.Ranges[i]
	g.First, g.Last, g.Batches = min(g.First, b.ID.Seq), max(g.Last, b.ID.Seq), g.Batches+1
}
