// Package exposition reads the text in which programs show their metrics to Prometheus: the text format,
// version 0.0.4 and 1.0.0, and OpenMetrics 1.0. It is for inputs that read such a page again and again: what
// stands before a value is the same each time, and can be looked up by its bytes. [ParseIdentity] takes it
// apart, [ParseReading] what follows it, and a [Scanner] goes through a page whose lines its caller knows. In
// steady state a line costs no allocation.
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
	Expect      string // the head that the next sample probably has: it is not searched for its end then

	Head []byte // name and labels as they stand on the page
	Reading

	Samples int   // so far
	Err     error // what is wrong with the first line that is neither a sample nor a comment

	rest  []byte
	line  int
	ended bool // OpenMetrics: # EOF was there
}

// Reset begins with a new page, which the scanner uses and does not change until it is reset again.
func (s *Scanner) Reset(page []byte) {
	*s = Scanner{OpenMetrics: s.OpenMetrics, rest: page}
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
			if word, _ := CutWord(line[1:]); s.OpenMetrics && string(word) == "EOF" {
				s.rest, s.ended = nil, true
				return false
			}
		default:
			if err := s.sample(line); err != nil {
				if s.Err == nil {
					s.Err = fmt.Errorf("line %d: %w", s.line, err)
				}
				continue
			}
			s.Samples++
			return true
		}
	}
	return false
}

func (s *Scanner) sample(line []byte) (err error) {
	n := len(s.Expect)
	if n == 0 || s.Expect[n-1] != '}' || len(line) < n || string(line[:n]) != s.Expect {
		if n, err = IdentityLen(line); err != nil {
			return err
		}
	}
	s.Head = line[:n]
	s.Reading, err = ParseReading(line[n:], s.OpenMetrics)
	return err
}

// Identity takes the head of the sample at hand apart. An error says that it is none, since Next has not looked
// at it. It allocates, so callers keep what they make of it under the bytes of Head.
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
