package prometheus

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// identity is what stands before a line's value: the name of a sample and its labels.
type identity struct {
	name   string
	labels []sdk.Tag
}

var (
	errName     = errors.New("no valid name")
	errLabel    = errors.New("no valid label")
	errQuote    = errors.New("a label's value has no closing quote")
	errEscape   = errors.New("a label's value has a bad escape")
	errTwice    = errors.New("a label stands twice")
	errBraces   = errors.New("labels do not end in }")
	errValue    = errors.New("no valid value")
	errStamp    = errors.New("no valid time stamp")
	errDouble   = errors.New("stands on the page twice")
	errTrailing = errors.New("something stands behind the value")
	errNotUTF8  = errors.New("not UTF-8")
	errType     = errors.New("no valid type")
)

// identityLen returns the length of what stands before the value of a line, or 0 where it has no end.
func identityLen(line []byte) int {
	i := 0
	for i < len(line) && nameByte(line[i], i == 0, true) {
		i++
	}
	end := i
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	if i == len(line) || line[i] != '{' {
		return end
	}
	for i++; i < len(line); i++ {
		switch line[i] {
		case '}':
			return i + 1
		case '"':
			for i++; i < len(line) && line[i] != '"'; i++ {
				if line[i] == '\\' {
					i++
				}
			}
		}
	}
	return 0
}

// parseIdentity takes what identityLen found apart. A name may stand in quotes within the braces, as
// Prometheus 3 writes those that are more than letters, digits, underscores and colons.
func parseIdentity(raw []byte) (identity, error) {
	if !utf8.Valid(raw) {
		return identity{}, errNotUTF8
	}
	text := string(raw)
	var id identity
	open := strings.IndexByte(text, '{')
	if open < 0 {
		id.name = text
		return id, validName(id.name, true)
	}
	id.name = strings.Trim(text[:open], " \t")
	if id.name != "" {
		if err := validName(id.name, true); err != nil {
			return id, err
		}
	}
	s := scanner{text: text[open+1:]}
	for {
		s.blanks()
		if s.take('}') {
			break
		}
		if err := s.label(&id); err != nil {
			return id, err
		}
		s.blanks()
		if s.take(',') {
			continue
		}
		if !s.take('}') {
			return id, errBraces
		}
		break
	}
	if s.text != "" || id.name == "" {
		return id, errName
	}
	return id, nil
}

// scanner takes text from its start.
type scanner struct{ text string }

func (s *scanner) blanks() { s.text = strings.TrimLeft(s.text, " \t") }

func (s *scanner) take(c byte) bool {
	if s.text == "" || s.text[0] != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

// label takes `key="value"`, or the name of the sample itself.
func (s *scanner) label(id *identity) error {
	var key string
	if strings.HasPrefix(s.text, `"`) {
		var err error
		if key, err = s.quoted(); err != nil {
			return err
		}
	} else {
		n := 0
		for n < len(s.text) && nameByte(s.text[n], n == 0, false) {
			n++
		}
		key, s.text = s.text[:n], s.text[n:]
	}
	s.blanks()
	if !s.take('=') {
		if id.name != "" || key == "" {
			return errLabel
		}
		id.name = key
		return nil
	}
	s.blanks()
	if key == "" || key == "__name__" {
		return errLabel
	}
	value, err := s.quoted()
	if err != nil {
		return err
	}
	for _, l := range id.labels {
		if l.Key == key {
			return errTwice
		}
	}
	id.labels = append(id.labels, sdk.Tag{Key: key, Value: value})
	return nil
}

// quoted takes a quoted text and undoes its escapes.
func (s *scanner) quoted() (string, error) {
	if !s.take('"') {
		return "", errQuote
	}
	plain := strings.IndexAny(s.text, `"\`)
	if plain >= 0 && s.text[plain] == '"' {
		value := s.text[:plain]
		s.text = s.text[plain+1:]
		return value, nil
	}
	var b strings.Builder
	for i := 0; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case '"':
			s.text = s.text[i+1:]
			return b.String(), nil
		case '\\':
			i++
			switch {
			case i == len(s.text):
				return "", errQuote
			case s.text[i] == 'n':
				b.WriteByte('\n')
			case s.text[i] == '"' || s.text[i] == '\\':
				b.WriteByte(s.text[i])
			default:
				return "", errEscape
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", errQuote
}

func validName(name string, colon bool) error {
	for i := range len(name) {
		if !nameByte(name[i], i == 0, colon) {
			return errName
		}
	}
	if name == "" {
		return errName
	}
	return nil
}

func nameByte(c byte, first, colon bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' && colon || c >= '0' && c <= '9' && !first
}

// reading is a line's value and, where it has one, its time stamp.
type reading struct {
	value   float64
	stamp   int64 // ns
	stamped bool
}

// parseReading takes apart what stands behind a line's identity.
func parseReading(text []byte, openMetrics bool) (r reading, err error) {
	word, rest := cutWord(text)
	if r.value, err = parseFloat(word); err != nil {
		return r, errValue
	}
	word, rest = cutWord(rest)
	if openMetrics && len(word) > 0 && word[0] == '#' { // an exemplar
		return r, nil
	}
	if len(word) > 0 {
		if r.stamp, err = parseStamp(word, openMetrics); err != nil {
			return r, err
		}
		r.stamped = true
		word, _ = cutWord(rest)
	}
	if len(word) > 0 && !(openMetrics && word[0] == '#') {
		return r, errTrailing
	}
	return r, nil
}

// parseStamp parses milliseconds or, of OpenMetrics, seconds.
func parseStamp(word []byte, openMetrics bool) (int64, error) {
	if openMetrics {
		seconds, err := parseFloat(word)
		if err != nil || !(math.Abs(seconds) < math.MaxInt64/1e9) {
			return 0, errStamp
		}
		whole, part := math.Modf(seconds)
		return int64(whole)*1e9 + int64(math.Round(part*1e9)), nil
	}
	ms, err := strconv.ParseInt(string(word), 10, 64)
	if err != nil || ms > math.MaxInt64/1_000_000 || ms < math.MinInt64/1_000_000 {
		return 0, errStamp
	}
	return ms * 1_000_000, nil
}

// cutWord returns what stands before the next blank, and what behind it.
func cutWord(text []byte) (word, rest []byte) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	text = text[i:]
	for i = 0; i < len(text) && text[i] != ' ' && text[i] != '\t'; i++ {
	}
	return text[:i], text[i:]
}

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseFloat parses a number. Those of up to 15 digits without an exponent it finds by one division of
// exact numbers, which rounds as strconv does.
func parseFloat(word []byte) (float64, error) {
	var n int64
	digits, point := 0, -1
	i := 0
	negative := len(word) > 0 && word[0] == '-'
	if negative {
		i++
	}
	for ; i < len(word); i++ {
		c := word[i]
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = digits
		default:
			return slowFloat(word)
		}
		if digits > 15 {
			return slowFloat(word)
		}
	}
	if digits == 0 {
		return slowFloat(word)
	}
	f := float64(n)
	if point >= 0 {
		f /= powers[digits-point]
	}
	if negative {
		f = -f
	}
	return f, nil
}

func slowFloat(word []byte) (float64, error) {
	if bytes.ContainsAny(word, "pPxX_") {
		return 0, errValue
	}
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil {
		return 0, fmt.Errorf("%w", errValue)
	}
	return f, nil
}
