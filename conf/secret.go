// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// hidden is what every printed secret looks like.
const hidden = "…"

// Password is a secret: a password or a key. It prints as "…" with every verb of fmt, in slog, JSON and text; Reveal
// gives the secret itself. The zero value is no secret.
type Password struct {
	// A pointer: a printer that reaches this field without calling methods shows an address.
	secret *string
}

// NewPassword returns the secret s.
func NewPassword(s string) Password { return Password{secret: &s} }

// Reveal returns the secret, empty when there is none.
func (p Password) Reveal() string {
	if p.secret == nil {
		return ""
	}
	return *p.secret
}

// IsZero reports whether there is no secret.
func (p Password) IsZero() bool { return p.secret == nil }

// Equal reports whether both are the same secret.
func (p Password) Equal(q Password) bool {
	return p.IsZero() == q.IsZero() && subtle.ConstantTimeCompare([]byte(p.Reveal()), []byte(q.Reveal())) == 1
}

// String returns "…", or nothing when there is no secret.
func (p Password) String() string {
	if p.IsZero() {
		return ""
	}
	return hidden
}

// Format writes what String returns, whatever the verb.
func (p Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) } // fmt has no way to fail

// GoString returns what String returns.
func (p Password) GoString() string { return p.String() }

// MarshalText returns what String returns; JSON uses it too.
func (p Password) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// LogValue returns what String returns.
func (p Password) LogValue() slog.Value { return slog.StringValue(p.String()) }
