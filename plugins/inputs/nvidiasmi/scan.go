package nvidiasmi

import (
	"bytes"
	"errors"
	"fmt"
)

// scanner splits an XML document into the tags of its elements, in place and without allocation. It
// reads what nvidia-smi prints and a good deal more (comments, CDATA, entities, an internal DTD), but
// checks no more than it needs: a name is whatever stands between the brackets.
type scanner struct {
	data []byte
	at   int

	name    []byte // of the tag that next returned
	text    []byte // character data between the tag before it and this one, entities resolved
	attrs   []byte // of an opening tag, raw
	empty   bool   // an opening tag that ended in "/>": its closing tag is next
	start   int    // offset of the tag
	scratch []byte // text that is not contiguous in data
}

type tag uint8

const (
	tagEnd tag = iota // the input is over
	tagOpen
	tagClose
)

var errTruncated = errors.New("the document ends too early")

func (s *scanner) reset(data []byte) {
	*s = scanner{data: data, scratch: s.scratch[:0]}
}

// next moves to the next tag. An input that ends within one is truncated.
func (s *scanner) next() (tag, error) {
	s.text, s.scratch = nil, s.scratch[:0]
	if s.empty {
		s.empty = false
		return tagClose, nil
	}
	for {
		i := bytes.IndexByte(s.data[s.at:], '<')
		if i < 0 {
			s.at = len(s.data)
			return tagEnd, nil
		}
		s.addText(s.data[s.at:s.at+i], true)
		s.at += i
		s.start = s.at
		rest := s.data[s.at:]
		if len(rest) < 2 {
			return tagEnd, errTruncated
		}
		switch rest[1] {
		case '/':
			return s.closing(rest)
		case '!', '?':
			if !s.markup(rest) {
				return tagEnd, errTruncated
			}
		default:
			return s.opening(rest)
		}
	}
}

func (s *scanner) closing(rest []byte) (tag, error) {
	end := bytes.IndexByte(rest, '>')
	if end < 0 {
		return tagEnd, errTruncated
	}
	if s.name = rest[2:end]; delimits(rest[end-1]) {
		s.name = bytes.TrimRight(s.name, " \t\r\n")
	}
	s.at += end + 1
	return tagClose, nil
}

func (s *scanner) opening(rest []byte) (tag, error) {
	end := 1
	for end < len(rest) && !delimits(rest[end]) {
		end++
	}
	s.name, s.attrs = rest[1:end], nil
	if end < len(rest) && rest[end] == '>' {
		s.at += end + 1
		return tagOpen, nil
	}
	var quote byte
	for i := end; i < len(rest); i++ {
		switch c := rest[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			s.attrs = rest[end:i]
			s.at += i + 1
			if rest[i-1] == '/' {
				s.attrs, s.empty = rest[end:i-1], true
			}
			return tagOpen, nil
		}
	}
	return tagEnd, errTruncated
}

func delimits(c byte) bool {
	return c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}

var (
	commentOpen, commentClose = []byte("<!--"), []byte("-->")
	cdataOpen, cdataClose     = []byte("<![CDATA["), []byte("]]>")
	processingClose           = []byte("?>")
)

// markup passes over a comment, a CDATA section (whose content is text), a processing instruction or a
// DOCTYPE, and reports whether it was whole.
func (s *scanner) markup(rest []byte) bool {
	skip := func(open int, end []byte) (content []byte, whole bool) {
		i := bytes.Index(rest[open:], end)
		if i < 0 {
			return nil, false
		}
		s.at += open + i + len(end)
		return rest[open : open+i], true
	}
	switch {
	case rest[1] == '?':
		_, whole := skip(2, processingClose)
		return whole
	case bytes.HasPrefix(rest, commentOpen):
		_, whole := skip(len(commentOpen), commentClose)
		return whole
	case bytes.HasPrefix(rest, cdataOpen):
		content, whole := skip(len(cdataOpen), cdataClose)
		s.addText(content, false)
		return whole
	}
	return s.doctype(rest)
}

// doctype passes over <!DOCTYPE …>, whose internal subset may hold further declarations and comments.
func (s *scanner) doctype(rest []byte) bool {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '<':
			if bytes.HasPrefix(rest[i:], commentOpen) {
				end := bytes.Index(rest[i:], commentClose)
				if end < 0 {
					return false
				}
				i += end + len(commentClose) - 1
				continue
			}
			depth++
		case '>':
			if depth--; depth == 0 {
				s.at += i + 1
				return true
			}
		case '"', '\'':
			end := bytes.IndexByte(rest[i+1:], rest[i])
			if end < 0 {
				return false
			}
			i += end + 1
		}
	}
	return false
}

// skip moves past the end of the element that next has just opened.
func (s *scanner) skip() error {
	if s.empty {
		s.empty = false
		return nil
	}
	if s.skipFast() {
		return nil
	}
	for depth := 1; depth > 0; {
		t, err := s.next()
		switch {
		case err != nil:
			return err
		case t == tagEnd:
			return errTruncated
		case t == tagOpen:
			depth++
		default:
			depth--
		}
	}
	return nil
}

// skipFast skips an element by its closing tag alone: lists of supported clocks are most of a document.
// It leaves what holds comments, CDATA or an element of the same name to the careful way.
func (s *scanner) skipFast() bool {
	name := s.name
	pattern := append(append(append(s.scratch[:0], '<', '/'), name...), '>')
	s.scratch = pattern[:0]
	rest := s.data[s.at:]
	end := bytes.Index(rest, pattern)
	if end < 0 {
		return false
	}
	open := s.data[s.start : s.start+1+len(name)]
	if inner := rest[:end]; len(inner) > 64 && (bytes.IndexByte(inner, '!') >= 0 || bytes.Contains(inner, open)) ||
		len(inner) <= 64 && bytes.IndexByte(inner, '<') >= 0 {
		return false
	}
	s.at += end + len(pattern)
	return true
}

// addText appends character data to text.
func (s *scanner) addText(b []byte, entities bool) {
	if len(b) == 0 {
		return
	}
	if entities && bytes.IndexByte(b, '&') >= 0 {
		s.scratch = unescape(append(s.scratch, s.direct()...), b)
		s.text = s.scratch
		return
	}
	if s.text == nil {
		s.text = b
		return
	}
	s.scratch = append(append(s.scratch, s.direct()...), b...)
	s.text = s.scratch
}

// direct returns the text that is still a part of data, which is not in scratch yet.
func (s *scanner) direct() []byte {
	if len(s.scratch) > 0 {
		return nil
	}
	return s.text
}

// attribute returns the value of an attribute of the tag that next has just opened, or nil.
func (s *scanner) attribute(name string) []byte {
	for a := s.attrs; ; {
		eq := bytes.IndexByte(a, '=')
		if eq < 0 {
			return nil
		}
		key := bytes.TrimSpace(a[:eq])
		a = bytes.TrimLeft(a[eq+1:], " \t\r\n")
		if len(a) == 0 || a[0] != '"' && a[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(a[1:], a[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return a[1 : 1+end]
		}
		a = a[end+2:]
	}
}

// errorf says where in the document something is wrong.
func (s *scanner) errorf(format string, args ...any) error {
	line := 1 + bytes.Count(s.data[:min(s.start, len(s.data))], []byte("\n"))
	return fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))
}
