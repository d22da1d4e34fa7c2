package conf

import (
	"strconv"
	"strings"
)

// entry is a place in a document. The TOML library tells no positions of keys, so scan reads the text
// once more, knowing that the library has accepted it, and is paired with the library's list of keys.
type entry struct {
	key  []string // as MetaData.Keys lists it; nil for an element of a list
	path []string // the same with the indices of lists in it
	line int
}

// Tables and lists nest no deeper than this. The library takes memory that grows with the square of the
// depth, and a configuration has no use for more.
const maxDepth = 64

// scanner walks over a TOML document. It checks nothing but depth: on text that is not TOML it stops
// early.
type scanner struct {
	text    string
	pos     int
	line    int
	failed  bool
	deep    bool // it failed at something that nests too deep
	entries []entry
	arrays  map[string]int // elements so far of each array of tables, by path
}

// scan lists keys, headings and elements of lists in the order of the text, and reports the line of what
// nests too deep, or 0.
func scan(text string) (entries []entry, tooDeep int) {
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	s := &scanner{text: text, line: 1, arrays: make(map[string]int)}
	var key, path []string
	for s.skipBlank(); s.pos < len(s.text) && !s.failed; s.skipBlank() {
		if s.peek() == '[' {
			key, path = s.heading()
		} else {
			s.pair(key, path)
		}
	}
	if s.deep {
		return nil, s.line
	}
	return s.entries, 0
}

func (s *scanner) add(key, path []string, line int) {
	if !s.failed {
		s.entries = append(s.entries, entry{key, path, line})
	}
}

// heading reads [a.b] or [[a.b]].
func (s *scanner) heading() (key, path []string) {
	line, closing := s.line, "]"
	s.next()
	if s.peek() == '[' {
		s.next()
		closing = "]]"
	}
	key = s.name()
	path = s.resolve(nil, key)
	if closing == "]]" {
		id := pathID(path)
		path = append(path, strconv.Itoa(s.arrays[id]))
		s.arrays[id]++
	}
	s.expect(closing)
	s.add(key, path, line)
	return key, path
}

// resolve appends key to path, with the index of the last element so far of each array on the way.
func (s *scanner) resolve(path, key []string) []string {
	path = clone(path)
	for i, part := range key {
		path = append(path, part)
		if n := s.arrays[pathID(path)]; n > 0 && i < len(key)-1 {
			path = append(path, strconv.Itoa(n-1))
		}
	}
	return path
}

func clone(path []string) []string { return append(make([]string, 0, len(path)+4), path...) }

// pair reads name = value in the table whose key and path are given.
func (s *scanner) pair(key, path []string) {
	line, name := s.line, s.name()
	key, path = append(clone(key), name...), s.resolve(path, name)
	s.expect("=")
	s.add(key, path, line)
	s.value(key, path)
}

func (s *scanner) value(key, path []string) {
	if len(path) > maxDepth {
		s.failed, s.deep = true, true
		return
	}
	s.skipSpace()
	switch s.peek() {
	case '"', '\'':
		s.quoted()
	case '[':
		s.next()
		for i := 0; s.inside(']'); i++ {
			at := append(clone(path), strconv.Itoa(i))
			s.add(nil, at, s.line)
			s.value(key, at)
		}
	case '{':
		s.next()
		for s.inside('}') {
			s.pair(key, path)
		}
	default:
		start := s.pos
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\r\n", rune(s.peek())) {
			s.next()
		}
		s.failed = s.failed || s.pos == start
	}
}

// inside skips to the next item of a list or an inline table, and reports whether there is one. It
// consumes the closing bracket.
func (s *scanner) inside(closing byte) bool {
	for s.skipBlank(); s.peek() == ','; s.skipBlank() {
		s.next()
	}
	switch {
	case s.failed || s.pos == len(s.text):
		s.failed = true
		return false
	case s.peek() == closing:
		s.next()
		return false
	}
	return true
}

// name reads a key: bare and quoted parts with dots between them.
func (s *scanner) name() []string {
	var parts []string
	for {
		s.skipSpace()
		switch s.peek() {
		case '"':
			parts = append(parts, unescape(s.quoted()))
		case '\'':
			parts = append(parts, s.quoted())
		default:
			start := s.pos
			for s.pos < len(s.text) && isBare(s.peek()) {
				s.pos++
			}
			s.failed = s.failed || s.pos == start
			parts = append(parts, s.text[start:s.pos])
		}
		s.deep = s.deep || len(parts) > maxDepth
		s.failed = s.failed || s.deep
		if s.skipSpace(); s.peek() != '.' || s.failed {
			return parts
		}
		s.next()
	}
}

func isBare(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// quoted skips a string of any of the four kinds and returns what is between its quotes.
func (s *scanner) quoted() string {
	quote := s.text[s.pos : s.pos+1]
	escapes := quote == `"`
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], triple) {
		quote = triple
	}
	s.pos += len(quote)
	start := s.pos
	for s.pos < len(s.text) {
		switch {
		case escapes && s.peek() == '\\':
			s.next()
			s.next()
		case strings.HasPrefix(s.text[s.pos:], quote):
			// A multi-line string may end with one or two quotes of its own.
			for n := 0; n < 2 && len(quote) == 3 && strings.HasPrefix(s.text[s.pos+1:], quote); n++ {
				s.pos++
			}
			inner := s.text[start:s.pos]
			s.pos += len(quote)
			return inner
		default:
			s.next()
		}
	}
	s.failed = true
	return ""
}

// unescape replaces the escape sequences of a basic string.
func unescape(text string) string {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(text, `\`)
		b.WriteString(plain)
		if !found || rest == "" {
			return b.String()
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[0]]
		if short := strings.IndexByte(`btnfre"\`, rest[0]); short >= 0 {
			b.WriteByte("\b\t\n\f\r\x1b\"\\"[short])
		} else if digits > 0 && len(rest) > digits {
			if code, err := strconv.ParseUint(rest[1:1+digits], 16, 32); err == nil {
				b.WriteRune(rune(code))
			}
		} else {
			return b.String()
		}
		text = rest[1+digits:]
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) next() {
	if s.pos < len(s.text) {
		if s.text[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
}

func (s *scanner) expect(text string) {
	s.failed = s.failed || !strings.HasPrefix(s.text[s.pos:], text)
	if !s.failed {
		s.pos += len(text)
	}
}

func (s *scanner) skipSpace() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.pos++
	}
}

// skipBlank skips white space, line ends and comments.
func (s *scanner) skipBlank() {
	for s.pos < len(s.text) {
		switch s.peek() {
		case ' ', '\t', '\r', '\n':
			s.next()
		case '#':
			for s.pos < len(s.text) && s.peek() != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}
