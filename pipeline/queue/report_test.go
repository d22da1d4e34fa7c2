package queue

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestReport(t *testing.T) {
	path := t.TempDir()
	var rows []int
	read := func() *Report {
		t.Helper()
		rows = nil
		r, err := Read(path, func(b *sdk.Batch) error {
			for m := range b.All() {
				rows = append(rows, number(t, m))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if _, err := Read(path, nil); err == nil || !strings.Contains(err.Error(), "there is no queue in") {
		t.Errorf("an empty folder: %v", err)
	}
	begun := time.Now()
	q := start(t, path, roomy)
	push(q, q.catalog, 0, 25, Source{})
	first, _ := q.Next(t.Context())
	epoch := first.ID.Epoch
	q.Done(Outcome{Delivered: 10})
	if _, err := Read(path, nil); err == nil || !strings.Contains(err.Error(), "has the queue in use: stop it first") {
		t.Errorf("while an agent has it: %v", err)
	}
	q.End(sdk.DropShutdown, nil)
	q = start(t, path, roomy)
	push(q, q.catalog, 25, 5, Source{})
	q.End(sdk.DropShutdown, nil)

	r := read()
	wantRange(t, rows, 10, 30)
	if r.Batches != 3 || r.Metrics != 20 || r.Oldest.Before(begun) || r.Bytes == 0 || r.FileBytes < r.Bytes {
		t.Errorf("%+v", r)
	}
	if len(r.Ranges) != 2 || r.Ranges[0] != (Range{"h", epoch, 2, 3, 2}) || r.Ranges[1].First != 1 || r.Ranges[1].Epoch <= epoch {
		t.Errorf("ranges are %+v", r.Ranges)
	}

	name := filepath.Join(path, segmentName(1))
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(digits(29)), []byte(digits(39))) // wherever it stands
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r = read()
	if len(r.Damaged) != 1 || len(r.Corrupt) != 0 || len(rows) < 15 {
		t.Errorf("a damaged queue: %+v, rows %v", r, rows)
	}
	wanted := errors.New("stop")
	if _, err := Read(path, func(*sdk.Batch) error { return wanted }); !errors.Is(err, wanted) {
		t.Errorf("an error of the caller's: %v", err)
	}
	q = start(t, path, roomy)
	until(t, q, "open", func(s Stats) bool { return s.Corrupt > 0 })
	q.End(sdk.DropShutdown, nil)
	if r = read(); len(r.Corrupt) != 1 || len(r.Damaged) != 0 {
		t.Errorf("after a start: %+v", r)
	}
}

// TestFaultOfOneFile has writes to one segment fail for another reason than a full disk.
func TestFaultOfOneFile(t *testing.T) {
	path := t.TempDir()
	q := start(t, path, Limits{MaxBytes: 1 << 20, BatchSize: 10, FlushInterval: time.Hour})
	push(q, q.catalog, 0, 25, Source{}) // the last batch takes more rows, and is written again
	committed(t, q)
	q.mu.Lock()
	s := q.segments[0]
	q.mu.Unlock()
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	push(q, q.catalog, 25, 1, Source{})
	until(t, q, "refused", func(s Stats) bool { return s.Faults > 0 })
	push(q, q.catalog, 26, 30, Source{Ack: func(error) {}})
	committed(t, q)
	if st := q.Stats(); st.Rows != 56 || st.Faults == 0 || st.Drops != nil {
		t.Errorf("%+v", st)
	}
	got, _ := drain(t, q)
	wantRange(t, got, 0, 56)
	q.Stats().check(t)
}
