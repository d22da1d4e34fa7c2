//go:build linux

package queue

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// small returns a folder on a disk of 8 MiB.
func small(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=8m"); errors.Is(err, syscall.EPERM) {
		t.Skip("a full disk needs the right to mount a tmpfs: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestFullDisk(t *testing.T) {
	path := small(t)
	q := start(t, path, Limits{MaxBytes: 1 << 30, BatchSize: 500})
	next := 0
	more := func(n int) {
		for end := next + n; next < end; next += 1000 {
			push(q, q.catalog, next, 1000, Source{})
		}
	}
	for q.Stats().Faults == 0 {
		more(1000)
		time.Sleep(time.Millisecond)
	}
	more(20_000)
	acked := make(chan error, 1)
	push(q, q.catalog, next, 1, Source{Held: true, Ack: func(err error) { acked <- err }})
	next++
	s := q.Stats()
	s.check(t)
	if s.Drops != nil || s.Volatile < 20_000 || s.Rows != uint64(next) {
		t.Errorf("on a full disk: %+v", s)
	}
	select {
	case err := <-acked:
		t.Errorf("an Ack was answered %v before its batch was on disk", err)
	default:
	}
	var got []int
	take := func(rows int) {
		for len(got) < rows {
			b, err := q.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for m := range b.All() {
				got = append(got, number(t, m))
			}
			q.Done(Outcome{Delivered: uint64(b.Len())})
		}
	}
	take(next * 3 / 4)
	until(t, q, "back on disk", func(s Stats) bool { return s.Volatile == 0 })
	if err := <-acked; err != nil {
		t.Error(err)
	}
	more(3000)
	rest, _ := drain(t, q)
	wantRange(t, append(got, rest...), 0, next)
	q.Stats().check(t)
	q.End(sdk.DropShutdown, nil)
	if left := files(t, path); left != nil {
		t.Errorf("left are %v", left)
	}
}

// TestDiskFilledByAnother ends the agent while the disk is full: what was in memory is counted as dropped,
// what was on disk is found again.
func TestDiskFilledByAnother(t *testing.T) {
	path := small(t)
	dir := filepath.Join(path, "queue")
	q := start(t, dir, Limits{MaxBytes: 1 << 30, BatchSize: 500})
	push(q, q.catalog, 0, 5000, Source{})
	committed(t, q)
	ballast := filepath.Join(path, "ballast")
	fill := func() {
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	fill()
	push(q, q.catalog, 5000, 50_000, Source{})
	until(t, q, "refused", func(s Stats) bool { return s.Faults > 0 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, q, "back on disk", func(s Stats) bool { return s.Volatile == 0 })
	fill()
	push(q, q.catalog, 55_000, 50_000, Source{})
	until(t, q, "refused again", func(s Stats) bool { return s.Volatile > 0 && s.Faults > 1 })
	q.End(sdk.DropShutdown, nil)
	s := q.Stats()
	s.check(t)
	if len(s.Drops) != 1 || s.Drops[0].Reason != sdk.DropShutdown || s.Rows < 55_000 || s.Rows+s.Drops[0].Count != 105_000 {
		t.Errorf("at the end: %+v", s)
	}

	q = start(t, dir, Limits{MaxBytes: 1 << 30, BatchSize: 500}) // the disk is still full
	got, _ := drain(t, q)
	wantRange(t, got, 0, int(s.Rows))
	q.Stats().check(t)
}

// TestMemoryOfAFullDiskIsBounded pushes more than memory may hold while the disk refuses.
func TestMemoryOfAFullDiskIsBounded(t *testing.T) {
	f := func(keepOldest bool) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "file", "queue") // a folder that cannot be made
		if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		q := start(t, path, Limits{MaxBytes: 1 << 30, BatchSize: 1000, KeepOldest: keepOldest})
		push(q, q.catalog, 0, 1000, Source{Held: true})
		for i := 1; i < 160; i++ {
			push(q, q.catalog, 1000*i, 1000, Source{})
		}
		s := q.Stats()
		s.check(t)
		if s.Bytes > memoryLimit+200_000 || s.Bytes < memoryLimit-200_000 || s.Rows != s.Volatile || len(s.Drops) != 1 || s.Drops[0].Reason != sdk.DropQueueFull {
			t.Errorf("%+v", s)
		}
		got, _ := drain(t, q)
		wantRange(t, got[:1000], 0, 1000)
		if last := got[len(got)-1]; keepOldest == (last == 159_999) {
			t.Errorf("keep oldest %v: the last is %d", keepOldest, last)
		}
		q.Stats().check(t)
	}
	f(false)
	f(true)
}
