package threshold

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// place is where something stands in an expression: line and column count from 1, columns in characters.
type place struct{ line, column int }

// fault is something wrong with an expression.
type fault struct {
	place
	problem, remedy string
}

func (f *fault) Error() string {
	s := f.at()
	if f.remedy != "" {
		s += ": " + f.remedy
	}
	return s
}

func (f *fault) at() string {
	return fmt.Sprintf("line %d, column %d: %s", f.line, f.column, f.problem)
}

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenName             // a field, a tag, or a word of the grammar
	tokenNumber           // with its unit
	tokenText             // in quotes
	tokenSign             // an operator, a parenthesis or a comma
)

type token struct {
	place
	kind   tokenKind
	text   string // as written; of a text, without the quotes; of a number, without the unit
	number float64
	unit   *unit // of a number; nil for a bare one
}

// shown names a token in a message.
func (t *token) shown() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenText:
		return "the text " + quote(t.text)
	case tokenNumber:
		if t.unit != nil {
			return "`" + t.text + t.unit.symbol + "`"
		}
	}
	return "`" + t.text + "`"
}

// lexer cuts an expression into tokens.
type lexer struct {
	rest string
	place
}

// signs are the operators that are no words, longer ones before their beginnings.
var signs = []string{"<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ","}

// strangers are what other languages have in the place of our words.
var strangers = []struct{ sign, remedy string }{
	{"&&", "write `and`"},
	{"||", "write `or`"},
	{"&", "write `and`, or `has` for a bit"},
	{"|", "write `or`"},
	{"=", "write `==`"},
	{"!", "write `not`"},
	{"≥", "write `>=`"},
	{"≤", "write `<=`"},
	{"≠", "write `!=`"},
	{"%", "a `%` follows a number, as in `98%`"},
}

func (x *lexer) next() (token, *fault) {
	x.skipSpace()
	t := token{place: x.place}
	if x.rest == "" {
		return t, nil
	}
	switch c := x.rest[0]; {
	case c == '"' || c == '\'':
		return x.quoted(t)
	case isDigit(c) || c == '.' && len(x.rest) > 1 && isDigit(x.rest[1]):
		return x.measure(t)
	}
	if name := nameAt(x.rest); name != "" {
		t.kind, t.text = tokenName, name
		x.pass(len(name))
		return t, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(x.rest, s) {
			t.kind, t.text = tokenSign, s
			x.pass(len(s))
			return t, nil
		}
	}
	for _, s := range strangers {
		if strings.HasPrefix(x.rest, s.sign) {
			return t, &fault{t.place, "`" + s.sign + "` is no operator here", s.remedy}
		}
	}
	r, size := utf8.DecodeRuneInString(x.rest)
	if r == utf8.RuneError && size <= 1 {
		return t, &fault{t.place, "the text is not UTF-8", ""}
	}
	return t, &fault{t.place, fmt.Sprintf("%q has no meaning here", r), ""}
}

func (x *lexer) quoted(t token) (token, *fault) {
	end := strings.IndexByte(x.rest[1:], x.rest[0])
	if end < 0 {
		return t, &fault{t.place, "the text has no end", "close it with " + x.rest[:1]}
	}
	t.kind, t.text = tokenText, x.rest[1:1+end]
	if !utf8.ValidString(t.text) {
		return t, &fault{t.place, "the text is not UTF-8", ""}
	}
	x.pass(end + 2)
	return t, nil
}

// measure reads a number and its unit, which may stand apart.
func (x *lexer) measure(t token) (token, *fault) {
	n := numberLen(x.rest)
	t.kind, t.text = tokenNumber, x.rest[:n]
	v, err := strconv.ParseFloat(t.text, 64)
	hex, isHex := strings.CutPrefix(strings.ToLower(t.text), "0x")
	if isHex {
		var bits uint64
		bits, err = strconv.ParseUint(hex, 16, 53)
		v = float64(bits)
	}
	if err != nil {
		return t, &fault{t.place, "`" + t.text + "` is not a number", ""}
	}
	t.number = v
	x.pass(n)
	if isHex {
		return t, nil
	}
	after := *x
	after.skipSpace()
	word := unitAt(after.rest)
	if word == "" || words[word] {
		return t, nil
	}
	if unitOf[word] == nil {
		meant, apart := unitMeant(word), after.place != x.place
		if apart && (meant == "" || len(word) == 1) {
			return t, nil // a name, and an operator is missing before it
		}
		return t, &fault{after.place, "`" + word + "` is no unit", cmp.Or(meant, unitsAre)}
	}
	t.unit = unitOf[word]
	t.number = v * t.unit.factor
	after.pass(len(word))
	*x = after
	return t, nil
}

// numberLen returns the length of the number at the start of s: 12, 0.5, .5, 1e6, 0x40.
func numberLen(s string) int {
	digits := func(i int) int {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") && isHex(s[2]) {
		i := 2
		for i < len(s) && isHex(s[i]) {
			i++
		}
		return i
	}
	i := digits(0)
	if i < len(s) && s[i] == '.' {
		i = digits(i + 1)
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if k := digits(j); k > j {
			return k
		}
	}
	return i
}

// unitAt returns the word at the start of s that stands where a unit may.
func unitAt(s string) string {
	if s != "" && isDigit(s[0]) {
		return ""
	}
	if strings.HasPrefix(s, "%") {
		return "%"
	}
	end := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && r != '°' && r != '_' && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(s)
	}
	return s[:end]
}

// nameAt returns the name at the start of s: letters, digits, underscores and, inside, dots.
func nameAt(s string) string {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || !isDigit(c) && c != '.') {
			return s[:i]
		}
	}
	return s
}

func (x *lexer) skipSpace() {
	for x.rest != "" && strings.IndexByte(" \t\r\n", x.rest[0]) >= 0 {
		x.pass(1)
	}
}

// pass moves on by n bytes.
func (x *lexer) pass(n int) {
	for _, r := range x.rest[:n] {
		if r == '\n' {
			x.line, x.column = x.line+1, 1
		} else {
			x.column++
		}
	}
	x.rest = x.rest[n:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// quote writes a text as it may stand in an expression; no text holds both kinds of quotes.
func quote(text string) string {
	if strings.Contains(text, `"`) {
		return "'" + text + "'"
	}
	return `"` + text + `"`
}
