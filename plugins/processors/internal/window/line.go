package window

import (
	"math/bits"
	"sort"
)

// line holds samples of one series in order of time; equal times keep the order in which they came. A
// sample is a row of words: its time, a bit for each cell that says whether the sample has it, and the
// values of those that it has, in the order of the cells. Rows stand back to back and are as long as they
// need to be: a series of a hundred readings of which most samples have three costs what three do.
type line struct {
	cells  int // columns
	marks  int // words of bits
	words  []uint64
	starts []int // where each row begins, from head on, and where the last one ends
	head   int   // the first row; those before it have been released
	rows   int

	texts   int // columns of text; their values stand apart, so that words hold no pointers
	strings []string

	staged      []uint64 // the row to be committed, with room for every cell
	stagedTexts []string

	behind stragglers
}

const firstRows = 16

// widen makes room for more columns.
func (l *line) widen(cells, texts int) {
	if cells == l.cells && texts == l.texts && len(l.starts) > 0 {
		return
	}
	l.join()
	old := *l
	l.cells, l.texts = cells, texts
	l.marks = (cells + 63) / 64
	l.staged = make([]uint64, 1+l.marks+cells)
	l.stagedTexts = make([]string, texts)
	if len(old.starts) > 0 && l.marks == old.marks && texts == old.texts {
		return
	}
	l.head = 0
	l.words = make([]uint64, 0, len(old.words)+(old.rows+firstRows)*(l.marks-old.marks))
	l.starts = append(make([]int, 0, old.rows+firstRows+1), 0)
	l.strings = make([]string, 0, (old.rows+firstRows)*texts)
	for i := range old.rows {
		from := old.row(i)
		l.words = append(l.words, from[:1+old.marks]...)
		l.words = append(l.words, make([]uint64, l.marks-old.marks)...)
		l.words = append(l.words, from[1+old.marks:]...)
		l.starts = append(l.starts, len(l.words))
		l.strings = append(l.strings, old.rowStrings(i)...)
		l.strings = append(l.strings, make([]string, texts-old.texts)...)
	}
}

func (l *line) row(i int) []uint64 {
	return l.words[l.starts[l.head+i]:l.starts[l.head+i+1]]
}

func (l *line) rowStrings(i int) []string {
	at := (l.head + i) * l.texts
	return l.strings[at : at+l.texts]
}

func (l *line) time(i int) int64 { return int64(l.words[l.starts[l.head+i]]) }

func (l *line) has(i, cell int) bool {
	return l.words[l.starts[l.head+i]+1+cell>>6]>>(cell&63)&1 != 0
}

// value returns the value of a cell that the row has.
func (l *line) value(i, cell int) uint64 {
	row := l.row(i)
	return row[1+l.marks+rank(row[1:1+l.marks], cell)]
}

// rank counts the cells before one that a row has.
func rank(marks []uint64, cell int) int {
	n := bits.OnesCount64(marks[cell>>6] & (1<<(cell&63) - 1))
	for _, m := range marks[:cell>>6] {
		n += bits.OnesCount64(m)
	}
	return n
}

// stage returns the row to fill: its time, its marks, and a word for each cell. It counts once it is
// committed.
func (l *line) stage() []uint64 {
	clear(l.staged[:1+l.marks])
	return l.staged
}

// commit takes the staged row in.
func (l *line) commit() {
	if t := int64(l.staged[0]); l.rows > 0 && t < l.time(l.rows-1) {
		l.setAside(t)
		return
	}
	if len(l.words)+len(l.staged) > cap(l.words) {
		l.makeRoom()
	}
	l.words = l.pack(l.words)
	l.starts = append(l.starts, len(l.words))
	if l.texts > 0 {
		l.strings = append(l.strings, l.stagedTexts...)
	}
	l.rows++
}

// pack appends the staged row to words, without the cells that it has not.
func (l *line) pack(words []uint64) []uint64 {
	head := 1 + l.marks
	if l.marks == 1 {
		if n := bits.Len64(l.staged[1]); l.staged[1] == 1<<n-1 { // no gap
			return append(words, l.staged[:head+n]...)
		}
	}
	words = append(words, l.staged[:head]...)
	for j, marks := range l.staged[1:head] {
		values := l.staged[head+64*j:]
		for ; marks != 0; marks &= marks - 1 {
			words = append(words, values[bits.TrailingZeros64(marks)])
		}
	}
	return words
}

// makeRoom slides the rows to the front where half of the memory lies before them; elsewhere it is append
// that makes room. Either way a row is moved once on average.
func (l *line) makeRoom() {
	first := l.starts[l.head]
	if 2*first < len(l.words) {
		return
	}
	l.words = l.words[:copy(l.words, l.words[first:])]
	for i := range l.rows + 1 {
		l.starts[i] = l.starts[l.head+i] - first
	}
	l.starts = l.starts[:l.rows+1]
	l.strings = l.strings[:copy(l.strings, l.strings[l.head*l.texts:])]
	l.head = 0
}

// search returns the first row at or after t.
func (l *line) search(t int64) int {
	return sort.Search(l.rows, func(i int) bool { return l.time(i) >= t })
}

// release lets the first n rows go.
func (l *line) release(n int) {
	l.head += n
	l.rows -= n
	if l.rows == 0 {
		l.head, l.words, l.starts, l.strings = 0, l.words[:0], l.starts[:1], l.strings[:0]
		l.starts[0] = 0
	}
}
