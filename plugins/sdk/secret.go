package sdk

import "log/slog"

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

// String, GoString, MarshalText and LogValue return ***.
func (s Secret) String() string               { return hiddenSecret }
func (s Secret) GoString() string             { return hiddenSecret }
func (s Secret) MarshalText() ([]byte, error) { return []byte(hiddenSecret), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(hiddenSecret) }
