package queue

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// filled makes the folder of a queue with rows 0 to n-1 in some segments, batches of which have been
// delivered and written anew, and returns its files.
func filled(tb testing.TB, n int) map[string][]byte {
	tb.Helper()
	path := quick(tb)
	q := start(tb, path, Limits{MaxBytes: 8 << 20, BatchSize: 500})
	const before = 5000
	push(q, q.catalog, -before, before, Source{Ack: func(error) {}})
	committed(tb, q)
	for range before / 500 {
		b, err := q.Next(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		q.Done(Outcome{Delivered: uint64(b.Len())})
	}
	for i := 0; i < n; i += 100 {
		push(q, q.catalog, i, 100, Source{Held: i >= n/2, Ack: func(error) {}})
		if i%1000 == 0 {
			committed(tb, q)
		}
	}
	q.End(sdk.DropShutdown, nil)
	texts := make(map[string][]byte)
	for _, name := range files(tb, path) {
		text, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			tb.Fatal(err)
		}
		texts[name] = text
	}
	return texts
}

// TestDamagedFiles flips and cuts files of a queue at random. Whatever is damaged, the queue opens, what it
// delivers is what was pushed, once, and where something is missing a file has been put aside and counted.
func TestDamagedFiles(t *testing.T) {
	const n = 20_000
	texts := filled(t, n)
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range texts {
			if !yield(name) {
				return
			}
		}
	})
	if len(names) < 2 {
		t.Fatalf("the files are %v", names)
	}
	lost, aside, again := 0, 0, 0
	for round := range damageRounds {
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		path := filepath.Join(quick(t), fmt.Sprint(round))
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		what := ""
		for _, name := range names {
			text := bytes.Clone(texts[name])
			if rng.IntN(2) == 0 {
				text, what = harm(rng, text), what+" "+name
			}
			if err := os.WriteFile(filepath.Join(path, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		q := start(t, path, Limits{MaxBytes: 1 << 30, BatchSize: 500})
		got, _ := drain(t, q)
		s := q.Stats()
		s.check(t)
		q.End(sdk.DropShutdown, nil)
		seen := make(map[int]bool)
		for _, i := range got {
			switch {
			case i < 0 && s.Corrupt > 0: // delivered before, and found whole in a damaged file
				again++
			case i < 0 || i >= n || seen[i]:
				t.Fatalf("round %d, damage to%s: row %d was delivered", round, what, i)
			default:
				seen[i] = true
			}
		}
		corrupt := 0
		for _, name := range files(t, path) {
			if strings.Contains(name, corruptMark) {
				corrupt++
			} else {
				t.Errorf("round %d: %s is left", round, name)
			}
		}
		if len(seen) < n && corrupt == 0 || s.Corrupt != uint64(corrupt) {
			t.Fatalf("round %d, damage to%s: %d of %d rows, %d files put aside, %+v", round, what, len(seen), n, corrupt, s)
		}
		lost, aside = lost+n-len(seen), aside+corrupt
		_ = os.RemoveAll(path)
	}
	t.Logf("%d rounds: %.1f %% of the metrics lost, %.1f %% of those delivered before came again, %d files put aside",
		damageRounds, 100*float64(lost)/float64(n*damageRounds), 100*float64(again)/float64(5000*damageRounds), aside)
}

// harm flips bits, cuts, or overwrites a part.
func harm(rng *rand.Rand, text []byte) []byte {
	// Most of a file is values; half of the flips are to hit the pages' heads, where structure is.
	at := func() int {
		if rng.IntN(2) == 0 {
			return rng.IntN(len(text)/4096)*4096 + rng.IntN(96)
		}
		return rng.IntN(len(text))
	}
	switch rng.IntN(4) {
	case 0:
		return text[:rng.IntN(len(text))]
	case 1:
		from := at()
		clear(text[from:min(from+rng.IntN(20_000), len(text))])
	default:
		for range 1 + rng.IntN(8) {
			text[at()] ^= 1 << rng.IntN(8)
		}
	}
	return text
}

// TestDamageWhileTheAgentRuns damages the file at the head of a queue that is open.
func TestDamageWhileTheAgentRuns(t *testing.T) {
	const n = 20_000
	texts := filled(t, n)
	for round := range damageRounds / 5 {
		rng := rand.New(rand.NewPCG(uint64(round), 2))
		path := filepath.Join(quick(t), fmt.Sprint(round))
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range texts {
			if err := os.WriteFile(filepath.Join(path, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		q := start(t, path, Limits{MaxBytes: 1 << 30, BatchSize: 500})
		b, err := q.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q.Done(Outcome{Delivered: uint64(b.Len())})
		q.mu.Lock()
		for _, s := range q.segments {
			f, err := os.OpenFile(s.path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 { // pages in use, most of them values
				_, _ = f.WriteAt([]byte{byte(rng.Int())}, rng.Int64N(s.size))
			}
			if rng.IntN(3) == 0 {
				_ = f.Truncate(rng.Int64N(s.size))
			}
			_ = f.Close()
		}
		q.mu.Unlock()
		got, _ := drain(t, q)
		s := q.Stats()
		s.check(t)
		q.End(sdk.DropShutdown, nil)
		slices.Sort(got)
		if compact := slices.Compact(slices.Clone(got)); len(compact) != len(got) {
			t.Errorf("round %d: a row was delivered twice", round)
		}
		var dropped uint64
		for _, d := range s.Drops {
			if d.Reason == DropCorrupt {
				dropped = d.Count
			}
		}
		if uint64(len(got))+500+dropped != n || s.Corrupt == 0 || s.Rows != 0 {
			t.Errorf("round %d: %d delivered of %d, %+v", round, len(got), n, s)
		}
	}
}

func TestSegmentOfANewerVersionIsLeftAlone(t *testing.T) {
	path := t.TempDir()
	s := &segment{path: filepath.Join(path, segmentName(7))}
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	numbered(b, 1)
	value := appendRecord(nil, b)
	stamp(value, entry{key: 1, rows: 1})
	value[4] = recordVersion + 1
	restamp(value)
	if _, err := s.commit([]put{{1, value}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	q := start(t, path, roomy)
	push(q, q.catalog, 0, 10, Source{})
	got, _ := drain(t, q)
	wantRange(t, got, 0, 10)
	if st := q.Stats(); st.Faults != 1 || st.Corrupt != 0 {
		t.Errorf("%+v", st)
	}
	q.End(sdk.DropShutdown, nil)
	if left := files(t, path); len(left) != 1 || left[0] != segmentName(7) {
		t.Errorf("left are %v", left)
	}
	r, err := Read(path, func(*sdk.Batch) error { return nil })
	if err != nil || len(r.Unread) != 1 || !strings.Contains(r.Unread[0], errNewer.Error()) {
		t.Errorf("%+v, %v", r, err)
	}
}

// FuzzDamagedSegment overwrites parts of a segment and opens it.
func FuzzDamagedSegment(f *testing.F) {
	whole := filled(f, 6000)[segmentName(1)]
	rows := 0
	path := f.TempDir()
	if err := os.WriteFile(filepath.Join(path, segmentName(1)), whole, 0o600); err != nil {
		f.Fatal(err)
	}
	if _, err := Read(path, func(b *sdk.Batch) error { rows += b.Len(); return nil }); err != nil || rows == 0 {
		f.Fatal(rows, err)
	}
	f.Add(uint32(4096*3+10), []byte{0xff, 0xff}, uint32(len(whole)))
	f.Add(uint32(16), []byte("xxxx"), uint32(len(whole)))
	f.Add(uint32(0), []byte(nil), uint32(5000))
	f.Fuzz(func(t *testing.T, at uint32, part []byte, size uint32) {
		text := bytes.Clone(whole)
		copy(text[int(at)%len(text):], part)
		text = text[:min(int(size), len(text))]
		path := quick(t)
		if err := os.WriteFile(filepath.Join(path, segmentName(1)), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := Read(path, func(*sdk.Batch) error { return nil }); err != nil || len(r.Unread) > 0 {
			t.Errorf("%+v, %v", r, err)
		}
		q := start(t, path, Limits{MaxBytes: 1 << 30, BatchSize: 500})
		got, _ := drain(t, q)
		s := q.Stats()
		s.check(t)
		if len(got) != rows && s.Corrupt == 0 {
			t.Errorf("%d rows, and nothing is said of damage", len(got))
		}
		q.End(sdk.DropShutdown, nil)
	})
}
