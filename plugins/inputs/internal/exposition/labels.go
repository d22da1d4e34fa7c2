package exposition

import (
	"bytes"
	"strings"
)

// Label is one of a sample's labels. The strings are its own.
type Label struct{ Name, Value string }

// Labels appends the labels of the sample at hand, in the order of the page, to dst. It reports false where
// they are none: Next has not looked at them. It allocates, so callers keep what they make of it under the
// bytes of Head.
func (s *Scanner) Labels(dst []Label) ([]Label, bool) {
	open := bytes.IndexByte(s.Head, '{')
	if open < 0 {
		return dst, true
	}
	rest := trim(s.Head[open+1 : len(s.Head)-1])
	if len(rest) > 0 && rest[0] == '"' { // the name stands among them
		end := endOfText(rest, 1)
		if after := trim(rest[max(end, 0):]); end < 0 || len(after) == 0 || after[0] != '=' {
			if end < 0 || len(after) > 0 && after[0] != ',' {
				return dst, false
			}
			if rest = after; len(rest) > 0 {
				rest = trim(rest[1:])
			}
		}
	}
	for len(rest) > 0 {
		l, after, ok := label(rest)
		if !ok {
			return dst, false
		}
		dst = append(dst, l)
		if rest = trim(after); len(rest) > 0 {
			if rest[0] != ',' {
				return dst, false
			}
			rest = trim(rest[1:])
		}
	}
	return dst, true
}

func label(text []byte) (l Label, rest []byte, ok bool) {
	var name []byte
	if text[0] == '"' {
		end := endOfText(text, 1)
		if end < 0 {
			return l, nil, false
		}
		name, rest = unquote(text[:end]), text[end:]
	} else {
		n := 0
		for n < len(text) && nameByte[text[n]] && text[n] != ':' {
			n++
		}
		if n == 0 || '0' <= text[0] && text[0] <= '9' {
			return l, nil, false
		}
		name, rest = text[:n], text[n:]
	}
	rest = trim(rest)
	if len(name) == 0 || len(rest) == 0 || rest[0] != '=' {
		return l, nil, false
	}
	rest = trim(rest[1:])
	if len(rest) == 0 || rest[0] != '"' {
		return l, nil, false
	}
	end := endOfText(rest, 1)
	if end < 0 {
		return l, nil, false
	}
	return Label{unescape(name), unescape(rest[1 : end-1])}, rest[end:], true
}

// unescape undoes \\, \" and \n. Any other backslash stands for itself.
func unescape(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '\\' && i+1 < len(text) {
			switch text[i+1] {
			case '\\', '"':
				b.WriteByte(text[i+1])
				i++
				continue
			case 'n':
				b.WriteByte('\n')
				i++
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
