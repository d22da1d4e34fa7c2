package jsonlines

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzString checks that whatever a tag holds leaves as valid JSON of the same meaning.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "gpu", "\"\\\n\r\t\x00\x1f\x7f", "é\u2028\U0001F600", "\xff\xc3", "a\xe2\x82b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := appendString(nil, s)
		var back string
		if err := json.Unmarshal(text, &back); err != nil || !utf8.Valid(text) || bytes.ContainsRune(text, '\n') {
			t.Fatalf("%q is written as %q: %v", s, text, err)
		}
		if want := string([]rune(s)); back != want {
			t.Errorf("%q is read back as %q", want, back)
		}
	})
}
