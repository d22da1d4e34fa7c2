package sdk

import (
	"errors"
	"log/slog"
)

// Secret is a password or a token. It prints as *** wherever it is formatted, logged or marshalled;
// [Secret.Reveal] gives its value. It holds a pointer, so that even a print of a struct with a Secret in
// an unexported field, which calls no method, shows an address and not the secret. The zero Secret is
// empty.
type Secret struct{ text *string }

// NewSecret returns a secret with the given value.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the secret itself, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.text == nil }

// Equal reports whether two secrets have the same value.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

const hiddenSecret = "***"

// String, GoString and LogValue return ***.
func (s Secret) String() string       { return hiddenSecret }
func (s Secret) GoString() string     { return hiddenSecret }
func (s Secret) LogValue() slog.Value { return slog.StringValue(hiddenSecret) }

// MarshalText returns ***, or nothing for an empty secret: a configuration without secrets can be marshalled and
// read again, one with some cannot.
func (s Secret) MarshalText() ([]byte, error) {
	if s.Empty() {
		return []byte{}, nil
	}
	return []byte(hiddenSecret), nil
}

// UnmarshalText takes back an empty secret.
func (s *Secret) UnmarshalText(text []byte) error {
	if len(text) > 0 {
		return errSecretText
	}
	*s = Secret{}
	return nil
}

var errSecretText = errors.New("a secret does not travel as text")
