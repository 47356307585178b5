// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"encoding/json"
	"fmt"
	"io"
)

// Exit statuses of [Check].
const (
	ExitOK      = 0 // no error; there may be warnings
	ExitFailed  = 1 // the file could not be read
	ExitRefused = 3 // the file has errors
)

// Check loads a file and judges it: the diagnostics, and the exit status of `regent check`.
func Check(path string, o Options) (Diagnostics, int) {
	_, diags, err := o.load(path)
	switch {
	case err != nil:
		return Diagnostics{{File: path, Line: 1, Column: 1, Severity: Error, Text: err.Error()}}, ExitFailed
	case diags.Errors() > 0:
		return diags, ExitRefused
	}
	return diags, ExitOK
}

// Write prints a line for each diagnostic, then how many there are: "2 errors, 1 warning".
func (ds Diagnostics) Write(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s%s, %s\n", ds, count(ds.Errors(), "error"), count(ds.Warnings(), "warning"))
	return err
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// WriteJSON prints the diagnostics as one JSON document.
func (ds Diagnostics) WriteJSON(w io.Writer) error {
	doc := struct {
		Version     int         `json:"version"`
		OK          bool        `json:"ok"`
		Errors      int         `json:"errors"`
		Warnings    int         `json:"warnings"`
		Diagnostics Diagnostics `json:"diagnostics"`
	}{1, ds.Errors() == 0, ds.Errors(), ds.Warnings(), ds}
	if ds == nil {
		doc.Diagnostics = Diagnostics{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
