package nvidiasmi

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

// unescape appends b to dst with its entities resolved; an unknown one stays as it is.
func unescape(dst, b []byte) []byte {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '&')
		if i < 0 {
			break
		}
		dst, b = append(dst, b[:i]...), b[i:]
		end := bytes.IndexByte(b, ';')
		r, ok := rune(0), false
		if end > 1 && end <= 10 {
			r, ok = entity(b[1:end])
		}
		if !ok {
			dst, b = append(dst, '&'), b[1:]
			continue
		}
		dst, b = utf8.AppendRune(dst, r), b[end+1:]
	}
	return append(dst, b...)
}

func entity(name []byte) (rune, bool) {
	if name[0] != '#' {
		r, ok := entities[string(name)]
		return r, ok
	}
	base, digits := 10, name[1:]
	if len(digits) > 0 && (digits[0] == 'x' || digits[0] == 'X') {
		base, digits = 16, digits[1:]
	}
	n, err := strconv.ParseUint(string(digits), base, 21)
	return rune(n), err == nil && n > 0 && utf8.ValidRune(rune(n))
}
