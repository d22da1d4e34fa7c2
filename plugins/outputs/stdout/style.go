package stdout

import "unicode/utf8"

// style is how a piece of text looks on a terminal with colours.
type style uint8

const (
	plain style = iota
	dim
	strong
	warn
	alarm
	loud
)

var codes = [...]string{dim: "\x1b[2m", strong: "\x1b[1m", warn: "\x1b[33m", alarm: "\x1b[1;31m", loud: "\x1b[1;7m"}

const noStyle = "\x1b[0m"

// sheet is a drawing in the making: lines of at most width columns. All characters are one column wide.
type sheet struct {
	text   []byte
	width  int
	colour bool
	column int // of the line at hand
	lines  int // ended
	blanks int // columns of blanks that are not written yet: none stand at the end of a line
}

// put writes text, cut at the edge.
func (s *sheet) put(st style, text string) {
	for i := range text {
		if s.column == s.width {
			text = text[:i]
			break
		}
		s.column++
	}
	if text == "" {
		return
	}
	if st == plain || !s.colour {
		s.write(text)
		return
	}
	s.flushBlanks()
	s.text = append(s.text, codes[st]...)
	s.text = append(s.text, text...)
	s.text = append(s.text, noStyle...)
}

// write keeps blanks back until something follows them.
func (s *sheet) write(text string) {
	for _, r := range text {
		if r == ' ' {
			s.blanks++
			continue
		}
		s.flushBlanks()
		s.text = utf8.AppendRune(s.text, r)
	}
}

func (s *sheet) flushBlanks() {
	for ; s.blanks > 0; s.blanks-- {
		s.text = append(s.text, ' ')
	}
}

// to moves to a column, at least as far as it is.
func (s *sheet) to(column int) {
	column = min(column, s.width)
	s.blanks += max(column-s.column, 0)
	s.column = max(s.column, column)
}

// left and right write text into a field of the given width, cut to it.
func (s *sheet) left(st style, text string, width int) {
	end := s.column + width
	s.put(st, cut(text, width))
	s.to(end)
}

func (s *sheet) right(st style, text string, width int) {
	text = cut(text, width)
	s.to(s.column + width - utf8.RuneCountInString(text))
	s.put(st, text)
}

// end ends the line.
func (s *sheet) end() {
	s.text = append(s.text, '\n')
	s.column, s.blanks = 0, 0
	s.lines++
}

func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	n := 0
	for i := range text {
		if n == width-1 {
			return text[:i] + "…"
		}
		n++
	}
	return text
}
