package window

// stragglers are rows that came out of order and have no place in the line until it is joined. They are in
// order among themselves: where two senders take turns, all that the slower one sent is put into its place in
// one go.
type stragglers struct {
	words   []uint64
	starts  []int
	strings []string
}

// setAside makes the staged row a straggler.
func (l *line) setAside(t int64) {
	if l.behind.after(t) {
		l.join()
	}
	l.behind.starts = append(l.behind.starts, len(l.behind.words))
	l.behind.words = l.pack(l.behind.words)
	l.behind.strings = append(l.behind.strings, l.stagedTexts...)
}

// after reports whether the last row is newer than t.
func (r *stragglers) after(t int64) bool {
	n := len(r.starts)
	return n > 0 && int64(r.words[r.starts[n-1]]) > t
}

// join puts the stragglers into their places, the last one first; what stands behind it is moved once. Whatever
// reads a line joins it before.
func (l *line) join() {
	back, n := &l.behind, len(l.behind.starts)
	if n == 0 {
		return
	}
	if len(l.words)+len(back.words) > cap(l.words) {
		l.makeRoom()
	}
	end := l.head + l.rows
	l.rows += n
	l.words = append(l.words, back.words...)
	l.starts = append(l.starts, back.starts...)
	l.strings = append(l.strings, back.strings...)
	size := len(back.words)
	for k := n - 1; k >= 0; k-- {
		row := back.words[back.starts[k]:size]
		at := end
		for at > l.head && l.time(at-1-l.head) > int64(row[0]) {
			at--
		}
		copy(l.words[l.starts[at]+size:], l.words[l.starts[at]:l.starts[end]])
		copy(l.strings[(at+k+1)*l.texts:], l.strings[at*l.texts:end*l.texts])
		for i := end; i >= at; i-- {
			l.starts[i+k+1] = l.starts[i] + size
		}
		size = back.starts[k]
		copy(l.words[l.starts[at]+size:], row)
		copy(l.strings[(at+k)*l.texts:], back.strings[k*l.texts:(k+1)*l.texts])
		end = at
	}
	clear(back.strings)
	*back = stragglers{back.words[:0], back.starts[:0], back.strings[:0]}
}

// len returns the number of rows, stragglers included.
func (l *line) len() int { return l.rows + len(l.behind.starts) }

// newer reports whether at least n rows are newer than t.
func (l *line) newer(t int64, n int) bool {
	if l.behind.after(t) {
		l.join()
	}
	return l.rows >= n && l.time(l.rows-n) > t
}
