package natsclient

import (
	"errors"
	"strings"
)

// CheckSubject finds what makes a subject, or a pattern of subjects, invalid.
func CheckSubject(s string) error {
	tokens := strings.Split(s, ".")
	for i, token := range tokens {
		switch {
		case strings.ContainsFunc(token, Unprintable):
			return errors.New("has a space, or a character that cannot be printed")
		case token == "":
			return errors.New("has an empty token: nothing before, behind or between dots")
		case token == ">" && i < len(tokens)-1:
			return errors.New("has a > that is not at its end")
		}
	}
	return nil
}

// ValidName reports whether a stream or a consumer can be called so.
func ValidName(name string) bool {
	return name != "" && !strings.ContainsAny(name, ".*>/\\") && !strings.ContainsFunc(name, Unprintable)
}

// Unprintable reports whether no name and no subject can hold a character.
func Unprintable(r rune) bool { return r <= ' ' || r == 0x7f }
