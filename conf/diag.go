// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a diagnostic refuses the file.
type Severity uint8

// The severities.
const (
	Error   Severity = iota // the file is refused
	Warning                 // the file is used, somebody should look
)

// String returns "error" or "warning".
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// MarshalText returns what String returns.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Diagnostic is one complaint about a configuration file. Line and Column count from 1, columns in characters.
type Diagnostic struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// String returns the line that `regent check` prints: file:line:column: error: text.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", d.File, d.Line, d.Column, d.Severity, d.Text)
}

// Error returns what String returns.
func (d Diagnostic) Error() string { return d.String() }

// Diagnostics are all complaints about one file, sorted by place.
type Diagnostics []Diagnostic

// Errors returns how many of them refuse the file.
func (ds Diagnostics) Errors() int {
	n := 0
	for _, d := range ds {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// Warnings returns how many of them are warnings.
func (ds Diagnostics) Warnings() int { return len(ds) - ds.Errors() }

// Err returns nil when no diagnostic is an error, else all errors as one, a line each. Each is a [Diagnostic] for
// errors.As.
func (ds Diagnostics) Err() error {
	var errs []error
	for _, d := range ds {
		if d.Severity == Error {
			errs = append(errs, d)
		}
	}
	return errors.Join(errs...)
}

// String returns a line for each diagnostic.
func (ds Diagnostics) String() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// sorted orders by place, errors before warnings, and drops what is said twice.
func (ds Diagnostics) sorted() Diagnostics {
	slices.SortFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(ds)
}
