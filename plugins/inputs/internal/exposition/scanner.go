// Package exposition reads the text in which programs show their metrics to Prometheus: the text format,
// version 0.0.4 and 1.0.0, and OpenMetrics 1.0. It is for inputs that read such a page again and again: what
// stands before a value is the same each time, and can be looked up by its bytes. A [Scanner] goes through a page;
// [ParseIdentity] takes apart what stands before a value. In steady state a line costs no allocation.
package exposition

import (
	"bytes"
	"fmt"
)

// A Scanner goes through a page, a sample at a time:
//
//	for s.Reset(page); s.Next(); {
//		… s.Head, s.Value …
//	}
//
// The zero value is ready. A line that is no sample is left out; the rest of the page counts all the same. The
// byte slices point into the page.
type Scanner struct {
	OpenMetrics bool   // the page is OpenMetrics: times are in seconds, and exemplars may follow
	Expect      string // the head that the next sample probably has, which makes it faster to find

	// Type, where it is set, takes what a line "# TYPE name kind" says. The line is a bad one where it returns an error.
	Type func(name, kind []byte) error

	Head []byte // name and labels as they stand on the page
	Reading

	Samples int        // so far
	Bad     int        // lines so far that are neither a sample nor a comment
	Err     *LineError // what is wrong with the first of them; nil while there is none

	rest  []byte
	line  int
	ended bool // OpenMetrics: # EOF was there
}

// LineError says what is wrong with a line of a page.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Reset begins with a new page, which the scanner uses and does not change until it is reset again.
func (s *Scanner) Reset(page []byte) {
	*s = Scanner{OpenMetrics: s.OpenMetrics, Type: s.Type, rest: page}
}

// Whole reports, at the end of a page, that nothing is cut off: of OpenMetrics, that the mark of its end was
// there; of the text format, that the last line was a whole one.
func (s *Scanner) Whole() bool { return s.ended }

// Next goes to the next sample, and reports false at the end of the page.
func (s *Scanner) Next() bool {
	for len(s.rest) > 0 {
		s.line++
		line := s.rest
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line, s.rest = line[:i], line[i+1:]
			s.ended = !s.OpenMetrics
		} else {
			s.rest, s.ended = nil, false
		}
		line = trim(line)
		switch {
		case len(line) == 0:
		case line[0] == '#':
			if s.comment(line) {
				return false
			}
		default:
			if err := s.sample(line); err != nil {
				s.Refuse(err)
				continue
			}
			s.Samples++
			return true
		}
	}
	return false
}

// Refuse counts the line at hand as a bad one.
func (s *Scanner) Refuse(why error) {
	if s.Bad++; s.Err == nil {
		s.Err = &LineError{s.line, why}
	}
}

// comment reads a line that begins with #, and reports whether it is the mark of the page's end.
func (s *Scanner) comment(line []byte) (end bool) {
	word, rest := cutWord(line[1:])
	switch {
	case string(word) == "EOF" && s.OpenMetrics:
		s.rest, s.ended = nil, true
		return true
	case string(word) == "TYPE" && s.Type != nil:
		name, rest := cutWord(rest)
		kind, _ := cutWord(rest)
		if err := s.Type(bytes.Trim(name, `"`), kind); err != nil {
			s.Refuse(err)
		}
	}
	return false
}

func (s *Scanner) sample(line []byte) (err error) {
	n := len(s.Expect)
	if !s.expected(line) {
		if n, err = identityLen(line); err != nil {
			return err
		}
	}
	s.Head = line[:n]
	s.Reading, err = parseReading(line[n:], s.OpenMetrics)
	return err
}

// expected reports whether a line has the head that is expected, and no longer one that begins like it.
func (s *Scanner) expected(line []byte) bool {
	n := len(s.Expect)
	if n == 0 || len(line) <= n || string(line[:n]) != s.Expect {
		return false
	}
	if s.Expect[n-1] == '}' {
		return true
	}
	word, _ := cutWord(line[n:])
	return !nameByte(line[n], false, true) && (len(word) == 0 || word[0] != '{')
}

// Identity takes apart the head of the sample at hand, which Next has not checked. It allocates, so callers keep what
// they make of it under the bytes of Head.
func (s *Scanner) Identity() (Identity, error) { return ParseIdentity(s.Head) }

// trim takes blanks from the front, and a carriage return from the end.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == '\r' || b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
