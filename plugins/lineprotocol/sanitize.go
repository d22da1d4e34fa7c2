package lineprotocol

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// What stands for bytes that line protocol cannot carry. A name with a hole is better than a metric
// lost.
const (
	replacement     = '_'            // for control characters, a trailing backslash, a leading '#', nothing
	replacementRune = utf8.RuneError // for each byte that is no UTF-8
)

// cleanName returns the measurement, tag key, tag value or field key s in a form that the library
// takes and every reader of line protocol reads back.
func cleanName(s string) string {
	if s == "" {
		return string(replacement)
	}
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for _, r := range s { // yields RuneError for each bad byte
		if isControl(r) {
			r = replacement
		}
		b.WriteRune(r)
	}
	clean := b.String()
	if strings.HasSuffix(clean, `\`) {
		clean = clean[:len(clean)-1] + string(replacement)
	}
	return clean
}

// cleanMeasurement is cleanName for a measurement, which must not look like a comment.
func cleanMeasurement(s string) string {
	s = cleanName(s)
	if s[0] == '#' {
		return string(replacement) + s[1:]
	}
	return s
}

func isClean(s string) bool {
	for i := range len(s) {
		if isControl(rune(s[i])) {
			return false
		}
	}
	return s[len(s)-1] != '\\' && utf8.ValidString(s)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// cleanKeys cleans keys, which differ from each other, so that they still do: where a cleaned one meets
// another it gets underscores at its end.
func cleanKeys(keys []string) []string {
	clean := make([]string, len(keys))
	taken := make(map[string]bool, len(keys))
	for i, key := range keys {
		if clean[i] = cleanName(key); clean[i] == key {
			taken[key] = true
		}
	}
	for i, key := range keys {
		if clean[i] == key {
			continue
		}
		for taken[clean[i]] {
			clean[i] += string(replacement)
		}
		taken[clean[i]] = true
	}
	return clean
}

// cleanTags merges a series' own tags with a metric's annotations, own tags first, and returns them
// clean and sorted. Tags without a key or a value, which no catalog makes, are left out.
func cleanTags(own, notes []sdk.Tag) []sdk.Tag {
	var tags []sdk.Tag
	var keys []string
	for _, from := range [][]sdk.Tag{own, notes} {
		for _, t := range from {
			if t.Key != "" && t.Value != "" && !slices.Contains(keys, t.Key) {
				tags, keys = append(tags, t), append(keys, t.Key)
			}
		}
	}
	for i, key := range cleanKeys(keys) {
		tags[i] = sdk.Tag{Key: key, Value: cleanName(tags[i].Value)}
	}
	slices.SortFunc(tags, func(a, b sdk.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags
}

// appendText appends the string field value s in quotes. As the library has it, a newline, a carriage
// return and a tab become a backslash and a letter.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	start := 0
	for i := range len(s) {
		var escape byte
		switch s[i] {
		case '"', '\\':
			escape = s[i]
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		dst = append(append(dst, s[start:i]...), '\\', escape)
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}
