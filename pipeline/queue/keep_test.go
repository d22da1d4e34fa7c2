package queue

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestFolderIsRemoved takes the folder away under the queue, or files of it: what the queue has open goes on, and
// what is pushed later is as safe as ever.
func TestFolderIsRemoved(t *testing.T) {
	f := func(name string, remove func(path string) error, after func(q *Disk)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(quick(t), "queue")
				var log strings.Builder
				q := NewDisk(sdk.NewCatalog(sdk.Limits{}), path, roomy, "h", slog.New(slog.NewTextHandler(&log, nil)))
				q.Start()
				push(q, q.catalog, 0, 100, Source{})
				time.Sleep(commitAfter)
				synctest.Wait()
				if err := remove(path); err != nil {
					t.Fatal(err)
				}
				after(q)
				q.End(sdk.DropShutdown, errors.New("ended"))
				s := q.Stats()
				s.check(t)
				if s.Faults == 0 || s.Drops != nil || !strings.Contains(log.String(), "somebody has removed the queue's folder") {
					t.Errorf("%+v\n%s", s, log.String())
				}
				again := start(t, path, roomy)
				synctest.Wait()
				got, _ := drain(t, again)
				wantRange(t, got, 0, int(s.Pushed))
			})
		})
	}
	more := func(q *Disk) {
		acked := false
		push(q, q.catalog, 100, 50, Source{Held: true, Ack: func(err error) { acked = err == nil }})
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if s := q.Stats(); s.Volatile != 0 || !acked || s.Refused {
			t.Errorf("acked %v, %+v", acked, s)
		}
	}
	files := func(pattern string) func(string) error {
		return func(path string) (err error) {
			found, _ := filepath.Glob(filepath.Join(path, pattern))
			for _, file := range found {
				err = errors.Join(err, os.Remove(file))
			}
			return err
		}
	}
	idle := func(*Disk) {}
	f("all of it", os.RemoveAll, more)
	f("all of it, while nothing comes", os.RemoveAll, idle)
	f("what is in it", files("*"), more)
	f("the segment", files("*"+segmentSuffix), more)
	f("the lock", files(lockName), more)
	f("moved away, with another in its place", func(path string) error {
		return errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o700),
			os.WriteFile(filepath.Join(path, segmentName(1)), []byte("somebody else's"), 0o600))
	}, func(q *Disk) {
		more(q)
		if aside, _ := filepath.Glob(filepath.Join(q.path, "*"+corruptMark+"*")); len(aside) != 1 {
			t.Errorf("the other file was put aside as %v", aside)
		}
	})
	f("and cannot be made for a while", func(path string) error {
		return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600))
	}, func(q *Disk) {
		push(q, q.catalog, 100, 10, Source{})
		time.Sleep(3 * retryAfter)
		synctest.Wait()
		if s := q.Stats(); s.Volatile != 10 || !s.Refused {
			t.Errorf("while it cannot be made: %+v", s)
		}
		if err := os.Remove(q.path); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * retryAfter)
		synctest.Wait()
		if s := q.Stats(); s.Volatile != 0 || s.Refused {
			t.Errorf("once it can: %+v", s)
		}
	})
}

// TestFilesThatWereNotOpenAreLost and counted.
func TestFilesThatWereNotOpenAreLost(t *testing.T) {
	path := filepath.Join(quick(t), "queue")
	limits := Limits{MaxBytes: 8 << 20, BatchSize: 1000}
	q := start(t, path, limits) // segments of 1 MiB
	const n = 30_000
	for i := 0; i < n; i += 3000 {
		push(q, q.catalog, i, 3000, Source{})
		committed(t, q)
	}
	if len(files(t, path)) < 3 {
		t.Fatalf("files %v", files(t, path))
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	push(q, q.catalog, n, 1000, Source{})
	until(t, q, "with a count of what is lost", func(s Stats) bool { return s.Drops != nil })
	got, _ := drain(t, q)
	s := q.Stats()
	s.check(t)
	if s.Rows != 0 || len(s.Drops) != 1 || s.Drops[0].Reason != DropCorrupt || len(got)+int(s.Drops[0].Count) != n+1000 || got[0] != 0 {
		t.Errorf("%d delivered, from %d on, %+v", len(got), got[0], s)
	}
}
