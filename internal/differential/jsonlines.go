// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// uncompared are keys of keepalived.json whose values are of the clock. All values of "stats" are counters.
var uncompared = map[string]bool{"last_transition": true}

// jsonLines writes a JSON text as a line for each value, in the order of the text, so that the order of keys is
// compared too. Instances are called by their name.
func jsonLines(text []byte) (map[string][]string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	w := jsonWriter{d: d, about: map[string][]string{}}
	if err := w.value("", false); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read JSON: more than one value")
	}
	return w.about, nil
}

// maxDepth is more than any dump has.
const maxDepth = 32

type jsonWriter struct {
	d     *json.Decoder
	depth int
	name  string // of the instance that is read
	about map[string][]string
}

func (w *jsonWriter) line(path, value string) {
	w.about[w.name] = append(w.about[w.name], path+" = "+value)
}

// value reads one value; counted values are named without their value.
func (w *jsonWriter) value(path string, counted bool) error {
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("more than %d levels", maxDepth)
	}
	defer func() { w.depth-- }()
	t, err := w.d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			for w.d.More() {
				if err := w.value(path+"[]", counted); err != nil {
					return err
				}
			}
		} else {
			for w.d.More() {
				key, err := w.d.Token()
				if err != nil {
					return err
				}
				name := fmt.Sprint(key)
				if err := w.value(path+"."+name, counted || name == "stats"); err != nil {
					return err
				}
			}
		}
		_, err := w.d.Token()
		return err
	case string:
		if strings.HasSuffix(path, "data.iname") {
			w.name = t
		}
		w.line(path, fmt.Sprintf("%q", t))
	default:
		if counted || uncompared[path[strings.LastIndex(path, ".")+1:]] {
			w.line(path, "…")
		} else {
			w.line(path, fmt.Sprint(t))
		}
	}
	return nil
}

// jsonWhole tells whether a text is a whole JSON value.
func jsonWhole(text []byte) bool { return json.Valid(text) }
