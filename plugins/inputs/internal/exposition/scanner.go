// Package exposition reads the text in which programs show their metrics to Prometheus: the text format,
// version 0.0.4 and 1.0.0, and OpenMetrics 1.0. It is for inputs that read such a page again and again: what
// stands before a value is the same each time, and can be looked up by its bytes. [ParseIdentity] takes it
// apart, [ParseReading] what follows it, and a [Scanner] goes through a page whose lines its caller knows. In
// steady state a line costs no allocation.
package exposition

import (
	"bytes"
	"fmt"

	"github.com/gpuline/gpuline/plugins/sdk"
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
	OpenMetrics bool // the page is OpenMetrics: times are in seconds, and exemplars may follow

	Head []byte // name and labels as they stand on the page
	Name []byte // without its quotes, where it has some
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

func (s *Scanner) sample(line []byte) error {
	n, err := s.head(line)
	if err != nil {
		return err
	}
	s.Head = line[:n]
	s.Reading, err = ParseReading(line[n:], s.OpenMetrics)
	return err
}

// Labels returns the labels of the sample at hand, in the order of the page. An error says that they are none,
// since Next has not looked at them. It allocates, so callers keep what they make of it under the bytes of
// Head.
func (s *Scanner) Labels() ([]sdk.Tag, error) {
	id, err := ParseIdentity(s.Head)
	return id.Labels, err
}

// head finds the name of a sample, and returns where its labels end.
func (s *Scanner) head(line []byte) (n int, err error) {
	for n < len(line) && NameByte(line[n], n == 0, true) {
		n++
	}
	s.Name = line[:n]
	switch {
	case n == 0 && line[0] != '{':
		return 0, ErrName
	case n == len(line):
		return 0, errValue
	case line[n] == ' ' || line[n] == '\t':
		after := trim(line[n:])
		if len(after) == 0 || after[0] != '{' {
			return n, nil
		}
		n = len(line) - len(after)
	case line[n] != '{':
		return 0, ErrName
	}
	end := s.closing(line, n)
	if end < 0 {
		return 0, ErrBraces
	}
	if len(s.Name) == 0 {
		if s.Name = quotedName(line[n+1 : end]); len(s.Name) == 0 {
			return 0, ErrName
		}
	}
	return end + 1, nil
}

// closing returns the place of the brace that closes the one at line[i:], or -1. Behind it there is no other,
// but in an exemplar; so it looks for the last one. What stands between them, Labels finds out.
func (s *Scanner) closing(line []byte, i int) int {
	if !s.OpenMetrics || bytes.IndexByte(line, '#') < 0 {
		if end := bytes.LastIndexByte(line, '}'); end > i {
			return end
		}
		return -1
	}
	for i++; i < len(line); {
		switch line[i] {
		case '}':
			return i
		case '"':
			if i = endOfText(line, i+1); i < 0 {
				return -1
			}
		default:
			i++
		}
	}
	return -1
}

// endOfText returns the place behind the quote that ends the text which begins at i, or -1.
func endOfText(line []byte, i int) int {
	for start := i; ; {
		end := bytes.IndexByte(line[i:], '"')
		if end < 0 {
			return -1
		}
		i += end + 1
		escapes := 0
		for j := i - 2; j >= start && line[j] == '\\'; j-- {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}

// quotedName returns the name that stands in quotes among the labels, as in {"my.metric",a="b"}.
func quotedName(labels []byte) []byte {
	labels = trim(labels)
	if len(labels) == 0 || labels[0] != '"' {
		return nil
	}
	if end := endOfText(labels, 1); end > 0 {
		return labels[1 : end-1]
	}
	return nil
}

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
