package inventory

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// redacted is all that a secret ever shows of itself.
const redacted = "[redacted]"

// A Secret is a value that must not be shown. Its text, Go, JSON and log forms
// are "[redacted]"; [Secret.Reveal] is the only way to the bytes. The zero
// Secret is empty.
//
// The bytes sit behind a function because fmt prints unexported fields of an
// enclosing struct without asking their methods; of a function it can print
// only the address.
type Secret struct {
	reveal func() []byte
}

// NewSecret returns a Secret holding a copy of value.
func NewSecret(value []byte) Secret {
	value = slices.Clone(value)
	return Secret{func() []byte { return slices.Clone(value) }}
}

// Reveal returns a copy of the bytes, which the caller may wipe.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// IsEmpty reports whether there is nothing to keep secret.
func (s Secret) IsEmpty() bool { return len(s.Reveal()) == 0 }

// Equal compares in a time that does not depend on the bytes.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare(s.Reveal(), t.Reveal()) == 1
}

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
