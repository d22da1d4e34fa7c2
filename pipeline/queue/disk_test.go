package queue

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// start opens a disk queue that the test ends.
func start(tb testing.TB, path string, limits Limits) *Disk {
	tb.Helper()
	q := NewDisk(sdk.NewCatalog(sdk.Limits{}), path, limits, "h", slog.New(slog.NewTextHandler(tb.Output(), nil)))
	q.Start()
	tb.Cleanup(func() { q.End(sdk.DropShutdown, errors.New("ended")) })
	return q
}

// quick returns a folder where commits cost little: in memory, where there is such a place.
func quick(tb testing.TB) string {
	tb.Helper()
	path, err := os.MkdirTemp("/dev/shm", "gpuline-queue-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(path) })
	return path
}

// push pushes rows numbered from first.
func push(q Queue, c *sdk.Catalog, first, n int, from Source) {
	b := sdk.NewBatch(c)
	var all []*sdk.Metric
	for i := range n {
		all = append(all, numbered(b, first+i))
	}
	q.Push(all, from)
}

// numbered adds a row that says in each of its parts which it is.
func numbered(b *sdk.Batch, i int) *sdk.Metric {
	m := b.Add(b.Series("s", sdk.Tag{Key: "k", Value: strconv.Itoa(i % 7)}), int64(i))
	m.Int("x", int64(i))
	m.Text("y", digits(i))
	return m
}

// digits writes a number as %0100d does, which takes its time.
func digits(i int) string {
	if i < 0 {
		return "-" + digits(-i)[1:]
	}
	s := strconv.Itoa(i)
	return zeros[len(s):] + s
}

var zeros = strings.Repeat("0", 100)

// number checks a row against what numbered made, and returns which it is.
func number(tb testing.TB, m *sdk.Metric) int {
	tb.Helper()
	i := int(m.Time())
	x, _ := m.Number("x")
	y, _ := m.Lookup("y")
	if int(x) != i || y.Text() != digits(i) || m.Tag("k") != strconv.Itoa(i%7) {
		tb.Errorf("row %d is damaged: x=%v y=%q %v", i, x, y.Text(), m.Series())
	}
	return i
}

// drain closes the queue and takes all that is in it.
func drain(tb testing.TB, q Queue) (numbers []int, ids []sdk.BatchID) {
	tb.Helper()
	q.Close()
	for {
		b, err := q.Next(tb.Context())
		if errors.Is(err, io.EOF) {
			return numbers, ids
		}
		if err != nil {
			tb.Fatal(err)
		}
		for m := range b.All() {
			numbers = append(numbers, number(tb, m))
		}
		ids = append(ids, b.ID)
		q.Done(Outcome{Delivered: uint64(b.Len())})
	}
}

func wantRange(tb testing.TB, got []int, first, end int) {
	tb.Helper()
	ok := len(got) == end-first
	for i := range got {
		ok = ok && got[i] == first+i
	}
	if !ok {
		tb.Errorf("got %d rows %s, want %d to %d", len(got), brief(got), first, end-1)
	}
}

func brief(n []int) string {
	if len(n) > 20 {
		return fmt.Sprintf("%v … %v", n[:10], n[len(n)-10:])
	}
	return fmt.Sprint(n)
}

// files lists what is in a queue's folder, without the lock.
func files(tb testing.TB, path string) (names []string) {
	tb.Helper()
	list, err := os.ReadDir(path)
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range list {
		if f.Name() != lockName {
			names = append(names, f.Name())
		}
	}
	return names
}

// committed waits until the disk has all.
func committed(tb testing.TB, q *Disk) {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); q.Stats().Volatile > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("not committed: %+v", q.Stats())
		}
	}
}

// until waits for something that the goroutine of the queue brings about.
func until(t *testing.T, q *Disk, what string, is func(Stats) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !is(q.Stats()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never %s: %+v", what, q.Stats())
		}
	}
}

var roomy = Limits{MaxBytes: 1 << 30, BatchSize: 10}

func TestDiskCutsBatchesBySizeAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, t.TempDir(), Limits{MaxBytes: 1 << 20, BatchSize: 10, FlushInterval: time.Second})
		synctest.Wait()
		begun := time.Now()
		push(q, q.catalog, 0, 25, Source{})
		take := func(after time.Duration, first, end int) {
			t.Helper()
			b, err := q.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for m := range b.All() {
				got = append(got, number(t, m))
			}
			wantRange(t, got, first, end)
			if time.Since(begun) != after {
				t.Errorf("after %v, want %v", time.Since(begun), after)
			}
			if again, _ := q.Next(t.Context()); again != b {
				t.Error("a batch that is retried is another one")
			}
			q.Done(Outcome{Delivered: uint64(b.Len())})
		}
		take(0, 0, 10)
		take(0, 10, 20)
		take(time.Second, 20, 25)
		push(q, q.catalog, 25, 3, Source{})
		q.Close()
		take(time.Second, 25, 28)
		if _, err := q.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("Next of a closed empty queue: %v", err)
		}
		push(q, q.catalog, 28, 2, Source{})
		s := q.Stats()
		s.check(t)
		if len(s.Drops) != 1 || s.Drops[0] != (sdk.Drop{Reason: sdk.DropShutdown, Count: 2}) {
			t.Errorf("pushed after the end: %+v", s)
		}
	})
}

func TestWhatIsLeftIsFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a", "queue")
		q := start(t, path, roomy)
		push(q, q.catalog, 0, 95, Source{})
		push(q, q.catalog, 95, 3, Source{Held: true})
		first, _ := q.Next(t.Context())
		id := first.ID
		q.Done(Outcome{Delivered: 10})
		q.End(sdk.DropShutdown, errors.New("ended"))
		s := q.Stats()
		s.check(t)
		if s.Rows != 88 || s.Volatile != 0 || s.Drops != nil {
			t.Errorf("at the end: %+v", s)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder: %v, %v", info, err)
		}

		time.Sleep(time.Nanosecond) // the epoch is the time
		q = start(t, path, roomy)
		push(q, q.catalog, 98, 2, Source{})
		got, ids := drain(t, q)
		wantRange(t, got, 10, 100)
		if len(ids) != 11 {
			t.Fatalf("batches %v", ids)
		}
		for i, next := range ids[:10] {
			if next.Agent != "h" || next.Epoch != id.Epoch || next.Seq != id.Seq+uint64(i)+1 {
				t.Errorf("recovered batch %d has the id %+v; the one before was %+v", i, next, id)
			}
		}
		if last := ids[len(ids)-1]; last.Epoch <= id.Epoch || last.Seq != 1 {
			t.Errorf("a new batch has the id %+v", last)
		}
		s = q.Stats()
		s.check(t)
		if s.Recovered != 88 || s.Pushed != 2 || s.Delivered != 90 {
			t.Errorf("after the restart: %+v", s)
		}
		q.End(sdk.DropShutdown, nil)
		if left := files(t, path); left != nil {
			t.Errorf("an empty queue leaves %v", left)
		}
	})
}

func TestBatchThatFillsIsOnDiskAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{MaxBytes: 1 << 20, BatchSize: 1000, FlushInterval: time.Minute}
		q := start(t, t.TempDir(), limits)
		for i := range 10 {
			push(q, q.catalog, i, 1, Source{})
			time.Sleep(commitAfter)
			synctest.Wait()
			if s := q.Stats(); s.Volatile > 0 || s.Rows != uint64(i+1) {
				t.Errorf("%v after row %d: %+v", commitAfter, i, s)
			}
			if len(q.segments) != 1 || q.segments[0].next != 2 {
				t.Errorf("the batch has moved: %+v", q.segments)
			}
		}
		got, ids := drain(t, q)
		wantRange(t, got, 0, 10)
		if len(ids) != 1 {
			t.Errorf("batches %v", ids)
		}
	})
}

// TestLargeBatchesAreCut: while the output is down, each commit writes all of the batch that takes more rows.
func TestLargeBatchesAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{MaxBytes: 1 << 30, BatchSize: 1_000_000, FlushInterval: time.Hour}
		q := start(t, t.TempDir(), limits)
		const step, rows = 100, 10_000
		for i := 0; i < rows; i += step {
			push(q, q.catalog, i, step, Source{})
			time.Sleep(commitAfter)
			synctest.Wait()
			if s := q.Stats(); s.Volatile > 0 || s.Rows != uint64(i+step) {
				t.Fatalf("after row %d: %+v", i+step, s)
			}
			if n := q.filling.Bytes(); n >= commitBytes {
				t.Fatalf("after row %d a batch of %d bytes takes more", i+step, n)
			}
		}
		got, ids := drain(t, q)
		wantRange(t, got, 0, rows)
		if len(ids) < 5 || len(ids) > rows/step/2 {
			t.Errorf("%d batches", len(ids))
		}
	})
}

func TestDeliveredBeforeTheCommitNeverGoesToDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		q := start(t, path, roomy)
		for i := range 100 {
			push(q, q.catalog, 10*i, 10, Source{})
			if b, err := q.Next(t.Context()); err == nil {
				q.Done(Outcome{Delivered: uint64(b.Len())})
			}
			time.Sleep(commitAfter/2 + time.Millisecond) // not at the instant of a commit
		}
		if left := files(t, path); left != nil {
			t.Errorf("there are %v", left)
		}
		q.Stats().check(t)
	})
}

func TestAckWaitsForTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		q := start(t, path, Limits{MaxBytes: 1 << 20, BatchSize: 1000, FlushInterval: time.Minute})
		synctest.Wait()
		begun := time.Now()
		acks := make(chan error, 9)
		for i := range 5 {
			push(q, q.catalog, 3*i, 3, Source{Held: true, Ack: func(err error) {
				if s := q.Stats(); s.Rows-s.Volatile < uint64(3*i+3) {
					t.Errorf("push %d was answered: %+v", i, s)
				}
				acks <- err
			}})
		}
		for range 5 {
			if err := <-acks; err != nil {
				t.Error(err)
			}
		}
		if time.Since(begun) >= commitAfter {
			t.Errorf("the answer took %v", time.Since(begun))
		}
		push(q, q.catalog, 0, 0, Source{Held: true, Ack: func(err error) { acks <- err }})
		if err := <-acks; err != nil {
			t.Error(err)
		}
		q.Stats().check(t)
	})
}

func TestDiskDropsTheOldestThatMayBeDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := func(keepOldest bool, want string) {
			t.Helper()
			path := t.TempDir()
			limits := Limits{MaxBytes: 30_000, BatchSize: 10, KeepOldest: keepOldest}
			q := start(t, path, limits)
			push(q, q.catalog, 0, 10, Source{Held: true})
			for i := 1; i < 50; i++ {
				push(q, q.catalog, 10*i, 10, Source{})
				if i%7 == 0 {
					time.Sleep(commitAfter)
					synctest.Wait()
				}
			}
			s := q.Stats()
			s.check(t)
			if s.Bytes > 31_500 || s.Rows == 0 {
				t.Errorf("%+v", s)
			}
			q.End(sdk.DropShutdown, nil)
			q = start(t, path, limits) // what was dropped does not come back, and what is held stays so
			synctest.Wait()
			push(q, q.catalog, 500, 10, Source{})
			got, _ := drain(t, q)
			text := fmt.Sprint(got[:11], got[len(got)-1])
			if text != want || got[0] != 0 {
				t.Errorf("keep oldest %v: left are %s, want %s", keepOldest, text, want)
			}
			q.Stats().check(t)
		}
		f(false, "[0 1 2 3 4 5 6 7 8 9 270] 509")
		f(true, "[0 1 2 3 4 5 6 7 8 9 10] 259")
	})
}

func TestOldBatchesOnDiskExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		limits := Limits{MaxBytes: 1 << 20, BatchSize: 10, MaxAge: time.Minute}
		q := start(t, path, limits)
		push(q, q.catalog, 0, 20, Source{})
		taken, _ := q.Next(t.Context())
		if q.Expired() {
			t.Error("a batch that is new has expired")
		}
		time.Sleep(50 * time.Second)
		push(q, q.catalog, 20, 5, Source{})
		time.Sleep(20 * time.Second)
		push(q, q.catalog, 25, 5, Source{})
		if !q.Expired() {
			t.Error("the batch that is being written has not expired")
		}
		s := q.Stats()
		s.check(t)
		if taken.Len() != 10 || s.Rows != 20 {
			t.Errorf("a batch that is being written must stay: %+v", s)
		}
		q.End(sdk.DropShutdown, nil)
		time.Sleep(30 * time.Second)
		q = start(t, path, limits)
		synctest.Wait()
		got, _ := drain(t, q)
		wantRange(t, got, 20, 30)
		if s := q.Stats(); s.Recovered != 20 || s.Drops[0] != (sdk.Drop{Reason: DropExpired, Count: 10}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestReaderWaitsForRoomOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := start(t, t.TempDir(), Limits{MaxBytes: 60_000, BatchSize: 10})
		acked := 0
		go func() {
			for i := range 200 {
				q.WaitRoom(t.Context())
				push(q, q.catalog, 10*i, 10, Source{Held: true, Ack: func(error) { acked++ }})
			}
			q.Close()
		}()
		var got []int
		for {
			time.Sleep(10 * time.Millisecond)
			b, err := q.Next(t.Context())
			if err != nil {
				break
			}
			for m := range b.All() {
				got = append(got, number(t, m))
			}
			if s := q.Stats(); s.Bytes > 33_000 {
				t.Fatalf("%d bytes wait", s.Bytes)
			}
			q.Done(Outcome{Delivered: 10})
		}
		wantRange(t, got, 0, 2000)
		if acked != 200 {
			t.Errorf("%d acks", acked)
		}
		q.Stats().check(t)
	})
}

func TestFolderInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir()
		first := start(t, path, roomy)
		push(first, first.catalog, 0, 20, Source{})
		synctest.Wait()
		var log strings.Builder
		second := NewDisk(sdk.NewCatalog(sdk.Limits{}), path, roomy, "h", slog.New(slog.NewTextHandler(&log, nil)))
		second.Start()
		push(second, second.catalog, 20, 20, Source{})
		time.Sleep(2*retryAfter + retryAfter/2)
		synctest.Wait()
		if s := second.Stats(); s.Faults != 3 || s.Volatile != 20 {
			t.Errorf("while another has the folder: %+v", s)
		}
		if want := fmt.Sprintf("the agent with process id %d has the queue in use", os.Getpid()); !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
		if b, err := second.Next(t.Context()); err != nil || b.Len() != 10 {
			t.Errorf("it works on in memory: %v", err)
		}
		first.End(sdk.DropShutdown, nil)
		time.Sleep(retryAfter)
		synctest.Wait()
		if s := second.Stats(); s.Volatile != 0 || s.Recovered != 20 {
			t.Errorf("once the folder is free: %+v", s)
		}
		second.Done(Outcome{Delivered: 10})
		got, _ := drain(t, second)
		if want := append(seq(0, 20), seq(30, 40)...); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v", got)
		}
		second.Stats().check(t)
		second.End(sdk.DropShutdown, nil)
	})
}

func seq(first, end int) (n []int) {
	for i := first; i < end; i++ {
		n = append(n, i)
	}
	return n
}

func TestQueueThatNeverStartedEnds(t *testing.T) {
	q := NewDisk(sdk.NewCatalog(sdk.Limits{}), filepath.Join(t.TempDir(), "q"), roomy, "h", slog.New(slog.DiscardHandler))
	push(q, q.catalog, 0, 5, Source{})
	q.End(sdk.DropShutdown, nil)
	q.Stats().check(t)
	if s := q.Stats(); s.Rows != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := q.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if _, err := os.Stat(q.path); err == nil {
		t.Error("it made its folder")
	}
}

func TestSegmentsFollowEachOtherAndGo(t *testing.T) {
	path := t.TempDir()
	limits := Limits{MaxBytes: 8 << 20, BatchSize: 1000}
	q := start(t, path, limits) // segments of 1 MiB
	most := 0
	const n = 60_000
	for i := 0; i < n; i += 3000 {
		push(q, q.catalog, i, 3000, Source{Ack: func(error) {}})
		committed(t, q)
		until(t, q, "with two files open", func(Stats) bool {
			q.mu.Lock()
			defer q.mu.Unlock()
			open := 0
			for _, s := range q.segments {
				s.mu.RLock()
				if s.db != nil {
					open++
				}
				s.mu.RUnlock()
			}
			most = max(most, len(q.segments))
			return open <= 2
		})
	}
	if most < 3 {
		t.Errorf("%d segments for %d bytes", most, q.Stats().Bytes)
	}
	q.End(sdk.DropShutdown, nil)
	q = start(t, path, limits)
	got, _ := drain(t, q)
	wantRange(t, got, 0, n)
	q.Stats().check(t)
	q.End(sdk.DropShutdown, nil)
	if left := files(t, path); left != nil {
		t.Errorf("left are %v", left)
	}
}
