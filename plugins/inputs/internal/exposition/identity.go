package exposition

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Identity is what stands before a line's value: the name of a sample and its labels.
type Identity struct {
	Name   string
	Labels []sdk.Tag
}

// What can be wrong with what stands before a value.
var (
	errName    = errors.New("no valid name")
	errBraces  = errors.New("labels do not end in }")
	errLabel   = errors.New("no valid label")
	errQuote   = errors.New("a label's value has no closing quote")
	errEscape  = errors.New("a label's value has a bad escape")
	errTwice   = errors.New("a label stands twice")
	errNotUTF8 = errors.New("not UTF-8")
)

// identityLen returns the length of what stands before the value of a line that is not empty. Whether it is an
// identity, [ParseIdentity] finds out.
func identityLen(line []byte) (int, error) {
	i := 0
	for i < len(line) && nameByte(line[i], i == 0, true) {
		i++
	}
	end := i
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	if i == len(line) || line[i] != '{' {
		if end == 0 {
			return 0, errName
		}
		return end, nil
	}
	for i++; i < len(line); i++ {
		switch line[i] {
		case '}':
			return i + 1, nil
		case '"':
			for i++; i < len(line) && line[i] != '"'; i++ {
				if line[i] == '\\' {
					i++
				}
			}
		}
	}
	return 0, errBraces
}

// ParseIdentity takes a name with its labels apart. The name may stand in quotes within the braces, as
// Prometheus 3 writes those that are more than letters, digits, underscores and colons.
func ParseIdentity(raw []byte) (Identity, error) {
	if !utf8.Valid(raw) {
		return Identity{}, errNotUTF8
	}
	text := string(raw)
	var id Identity
	open := strings.IndexByte(text, '{')
	if open < 0 {
		id.Name = text
		return id, validName(id.Name, true)
	}
	id.Name = strings.Trim(text[:open], " \t")
	if id.Name != "" {
		if err := validName(id.Name, true); err != nil {
			return id, err
		}
	}
	s := taker{text: text[open+1:]}
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
	if s.text != "" || id.Name == "" {
		return id, errName
	}
	return id, nil
}

// taker takes text from its start.
type taker struct{ text string }

func (s *taker) blanks() { s.text = strings.TrimLeft(s.text, " \t") }

func (s *taker) take(c byte) bool {
	if s.text == "" || s.text[0] != c {
		return false
	}
	s.text = s.text[1:]
	return true
}

// label takes `key="value"`, or the name of the sample itself.
func (s *taker) label(id *Identity) error {
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
		if id.Name != "" || key == "" {
			return errLabel
		}
		id.Name = key
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
	for _, l := range id.Labels {
		if l.Key == key {
			return errTwice
		}
	}
	id.Labels = append(id.Labels, sdk.Tag{Key: key, Value: value})
	return nil
}

// quoted takes a quoted text and undoes its escapes.
func (s *taker) quoted() (string, error) {
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

// nameByte reports whether c may stand in a name: first says that it is its first byte, colon that the name is
// one of a metric.
func nameByte(c byte, first, colon bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' && colon || c >= '0' && c <= '9' && !first
}
