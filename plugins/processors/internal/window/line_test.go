package window

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// TestRowsStandInOrder commits rows in bursts that overlap, and reads the line at moments of every kind.
func TestRowsStandInOrder(t *testing.T) {
	type sample struct {
		t     int64
		marks uint64
		text  string
	}
	const cells = 5
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		var l line
		l.widen(cells, 1)
		var want []sample
		check := func() {
			t.Helper()
			l.join()
			slices.SortStableFunc(want, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
			if l.rows != len(want) || l.len() != len(want) {
				t.Fatalf("seed %d: %d rows, want %d", seed, l.rows, len(want))
			}
			for i, s := range want {
				if l.time(i) != s.t || l.rowStrings(i)[0] != s.text {
					t.Fatalf("seed %d: row %d is %d %q, want %d %q", seed, i, l.time(i), l.rowStrings(i)[0], s.t, s.text)
				}
				for c := range cells {
					has := s.marks>>c&1 != 0
					if l.has(i, c) != has || has && l.value(i, c) != uint64(c)+uint64(s.t) {
						t.Fatalf("seed %d: cell %d of row %d differs", seed, c, i)
					}
				}
			}
		}
		for range 30 {
			at := random.Int64N(200) - 100
			for range random.IntN(20) {
				at += random.Int64N(3)
				s := sample{at, 1 + random.Uint64N(1<<cells-1), strconv.Itoa(random.Int())}
				n := random.IntN(len(want) + 2)
				newer := 0
				for _, w := range want {
					if w.t > at {
						newer++
					}
				}
				if n > 0 && l.newer(at, n) != (newer >= n) {
					t.Fatalf("seed %d: %d rows are newer than %d, but newer(%d) is %v", seed, newer, at, n, newer < n)
				}
				row := l.stage()
				row[0], row[1] = uint64(s.t), s.marks
				for c := range cells {
					row[2+c] = uint64(c) + uint64(s.t)
				}
				l.stagedTexts[0] = s.text
				l.commit()
				want = append(want, s)
			}
			switch random.IntN(4) {
			case 0:
				check()
			case 1:
				check()
				n := random.IntN(l.rows + 1)
				l.release(n)
				want = want[n:]
			}
		}
		check()
	}
}
