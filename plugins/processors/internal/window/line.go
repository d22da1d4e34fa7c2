package window

import "sort"

// line holds samples of one series in order of time; equal times keep the order in which they came. A
// sample is a row of words: its time, a bit for each cell that says whether the sample has it, and the
// cells' values. Rows stand back to back, so that a column is read at a stride.
type line struct {
	cells  int // columns
	marks  int // words of bits
	stride int // words of a row
	words  []uint64
	head   int // the first row; those before it have been released
	rows   int

	texts   int // columns of text; their values stand apart, so that words hold no pointers
	strings []string
}

const firstRows = 16

// widen makes room for more columns.
func (l *line) widen(cells, texts int) {
	if cells == l.cells && texts == l.texts && l.stride > 0 {
		return
	}
	old := *l
	l.cells, l.texts = cells, texts
	l.marks = (cells + 63) / 64
	l.stride = 1 + l.marks + cells
	l.head = 0
	room := max(firstRows, old.rows+1)
	l.words = make([]uint64, room*l.stride)
	l.strings = make([]string, room*texts)
	for i := range old.rows {
		from, to := old.row(i), l.row(i)
		copy(to, from[:1+old.marks])
		copy(to[1+l.marks:], from[1+old.marks:])
		copy(l.rowStrings(i), old.rowStrings(i))
	}
}

func (l *line) row(i int) []uint64 {
	at := (l.head + i) * l.stride
	return l.words[at : at+l.stride]
}

func (l *line) rowStrings(i int) []string {
	at := (l.head + i) * l.texts
	return l.strings[at : at+l.texts]
}

func (l *line) time(i int) int64 { return int64(l.words[(l.head+i)*l.stride]) }

func (l *line) has(i, cell int) bool {
	return l.words[(l.head+i)*l.stride+1+cell>>6]>>(cell&63)&1 != 0
}

func (l *line) value(i, cell int) uint64 {
	return l.words[(l.head+i)*l.stride+1+l.marks+cell]
}

// stage returns a row behind the last one to fill: without a time and without cells. It counts once it
// is committed.
func (l *line) stage() []uint64 {
	if (l.head+l.rows+1)*l.stride > len(l.words) {
		l.makeRoom()
	}
	row := l.row(l.rows)
	clear(row[:1+l.marks])
	return row
}

// makeRoom slides the rows to the front where half of the memory lies before them, and else doubles it:
// either way a row is moved once on average.
func (l *line) makeRoom() {
	words, strings := l.words, l.strings
	if have := len(words) / l.stride; 2*l.head < have {
		l.words = make([]uint64, 2*have*l.stride)
		l.strings = make([]string, 2*have*l.texts)
	}
	copy(l.words, words[l.head*l.stride:])
	copy(l.strings, strings[l.head*l.texts:])
	l.head = 0
}

// commit takes the staged row in, at its place, and returns the place.
func (l *line) commit() int {
	last := l.rows
	l.rows++
	t := l.time(last)
	if last == 0 || l.time(last-1) <= t {
		return last
	}
	at := sort.Search(last, func(i int) bool { return l.time(i) > t })
	insert(l.words[(l.head+at)*l.stride:(l.head+l.rows)*l.stride], l.stride)
	insert(l.strings[(l.head+at)*l.texts:(l.head+l.rows)*l.texts], l.texts)
	return at
}

// insert moves the last n elements to the front.
func insert[E any](s []E, n int) {
	moved := append([]E(nil), s[len(s)-n:]...)
	copy(s[n:], s)
	copy(s, moved)
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
		l.head = 0
	}
}
