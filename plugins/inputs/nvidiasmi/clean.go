package nvidiasmi

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns text as a string that can be a tag or a field: valid UTF-8 without control characters.
// Names of processes are whatever their authors like.
func clean(text []byte) string {
	plain := true
	for _, c := range text {
		if c < ' ' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return string(text)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, string(text)))
}
