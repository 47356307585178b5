// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Alert is what a sink gets: one record with alert=true as a JSON document. Fields may be added to it, with Version
// still 1; none changes its meaning.
type Alert struct {
	Version int            `json:"version"` // 1
	ID      string         `json:"id"`      // of this alert; the same when it is delivered again, so that it can be told
	Time    time.Time      `json:"time"`
	Level   string         `json:"level"`
	Event   string         `json:"event"` // RG1301
	Name    string         `json:"name"`  // service_unprotected
	Alert   bool           `json:"alert"` // true
	Node    string         `json:"node"`
	Service string         `json:"service"` // empty: of no single service
	Text    string         `json:"text"`    // what happened, in a sentence
	Meaning string         `json:"meaning"` // the catalogue's: what it means and what to do
	Fields  map[string]any `json:"fields"`  // everything else of the record
}

// fieldLimit is how many further fields of a record go into an alert.
const fieldLimit = 64

// newAlert makes the alert of a record; fields are all of its attributes.
func newAlert(r slog.Record, fields []field) *Alert {
	a := &Alert{Version: 1, ID: rand.Text(), Time: r.Time, Level: r.Level.String(), Text: cut(r.Message, valueLimit), Fields: map[string]any{}}
	for _, f := range fields {
		switch f.name {
		case "event":
			a.Event = line(text(f.value), valueLimit)
		case "name":
			a.Name = line(text(f.value), valueLimit)
		case "node":
			a.Node = line(text(f.value), valueLimit)
		case "service":
			a.Service = line(text(f.value), valueLimit)
		case "alert":
			a.Alert = true
		default:
			if _, again := a.Fields[f.name]; again || len(a.Fields) < fieldLimit {
				a.Fields[f.name] = plain(f.value)
			}
		}
	}
	if id, ok := parseID(a.Event); ok {
		a.Meaning = id.Info().Meaning
	}
	return a
}

// document is the alert as one line of JSON.
func (a *Alert) document() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(a); err != nil { // a time that JSON has no form for: the year 10000
		a.Time = time.Time{}
		b.Reset()
		e.Encode(a) //nolint:errcheck // nothing else can fail: plain made the values
	}
	return b.Bytes()
}

// parseID reads an id as it is logged, RG1301.
func parseID(s string) (ID, bool) {
	digits, ok := strings.CutPrefix(s, "RG")
	if !ok || len(digits) < 4 || len(digits) > 5 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return ID(n), err == nil && ID(n).String() == s
}
