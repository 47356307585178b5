// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestPlacesOfKeysAndValues(t *testing.T) {
	// In each document K marks where the key must be found, V where its value must be.
	tests := []struct {
		name string
		path string // elements of arrays are numbers
		doc  string
	}{
		{"top", "a", "Ka = V1"},
		{"after blank lines and comments", "a", "# a = 1\r\n\r\n  Ka\t=\tV1 # x"},
		{"quoted key", "a b", `K"a b" = V1`},
		{"literal key", `a"b`, `K'a"b' = V1`},
		{"escaped key", "aä\t", `K"a\u00e4\t" = V1`},
		{"empty key", "", `K"" = V1`},
		{"key that looks like a number", "1.5", "1.K5 = V1"},
		{"dotted", "a.b", "a . Kb = V1"},
		{"dotted quoted", "a.b", "'a'.K\"b\"=V1"},
		{"header", "a", "K[a]\nb = 1"},
		{"under header", "a.b", "[ a ]\nKb = V1"},
		{"dotted header", "a.b.c", "[a.'b']\nKc = V1"},
		{"second table of array", "a.1.b", "[[a]]\nb = 1\n[[a]]\nKb = V2"},
		{"element of array of tables", "a.1", "[[a]]\nb = 1\nK[[a]]\nb = 2"},
		{"table in element", "a.1.b.c", "[[a]]\n[a.b]\nc = 1\n[[a]]\n  [a.b]\n  Kc = V1"},
		{"array of tables in element", "a.0.b.1.c", "[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\nKc = V1"},
		{"array element", "a.1", "a = [1, V2]"},
		{"array over lines", "a.2", "a = [ # one\n 1,\n\n 2, # [two\n V3,\n]"},
		{"array in array", "a.1.0", "a = [[1], [V2]]"},
		{"array of strings with brackets", "a.1", `a = ["],[#", V"x"]`},
		{"after array", "b", "a = [\n1]\nKb = V2"},
		{"inline table", "a.c", "a = { b = 1, Kc = V2 }"},
		{"inline table over lines", "a.c", "a = {\n b = 1, # }\n Kc = V2,\n}"},
		{"dotted in inline table", "a.b.c", "a = { b.Kc = V2 }"},
		{"inline tables in array", "a.1.b", "a = [{ b = 1 }, { Kb = V2 }]"},
		{"basic string", "b", "a = \"# \\\" = [\"\nKb = V1"},
		{"literal string", "b", "a = '# \\'\nKb = V1"},
		{"multi-line basic", "b", "a = \"\"\"\nb = 3 \\\"\"\" \"\" x \"\"\"\"\"\nKb = V1"},
		{"multi-line literal", "b", "a = '''\nb = 3\n'' [c]\\'''\nKb = V1"},
		{"date", "b", "a = 1979-05-27 07:32:00\nKb = V1979-05-27T07:32:00Z"},
		{"byte order mark", "a", "\ufeffKa = V1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := strings.ReplaceAll(strings.ReplaceAll(tt.doc, "K", ""), "V", "")
			var values map[string]any
			if _, err := toml.Decode(doc, &values); err != nil {
				t.Fatalf("the document is not TOML: %v", err)
			}
			p := scan([]byte(doc))
			names := strings.Split(tt.path, ".")
			if tt.path == "1.5" {
				names = []string{"1", "5"}
			}
			for _, name := range names {
				if len(p.elems) > 0 {
					var i int
					if _, err := fmt.Sscan(name, &i); err != nil || i >= len(p.elems) {
						t.Fatalf("no element %q, there are %d", name, len(p.elems))
					}
					p = p.elems[i]
					continue
				}
				if p.kids[name] == nil {
					t.Fatalf("no key %q", name)
				}
				p = p.kids[name]
			}
			if k := strings.Index(strings.ReplaceAll(tt.doc, "V", ""), "K"); k >= 0 && p.key != k {
				t.Errorf("key at offset %d, want %d", p.key, k)
			}
			if v := strings.Index(strings.ReplaceAll(tt.doc, "K", ""), "V"); v >= 0 && p.value != v {
				t.Errorf("value at offset %d, want %d", p.value, v)
			}
			if err := sameShape(values, scan([]byte(doc)), []byte(doc)); err != nil {
				t.Error(err)
			}
		})
	}
}

// sameShape says where the places of a document do not mirror its values.
func sameShape(data any, p *place, src []byte) error {
	if p.key < 0 || p.key > len(src) || p.value < 0 || p.value > len(src) {
		return fmt.Errorf("place %d, %d is outside of the file", p.key, p.value)
	}
	first := byte(0)
	if p.value < len(src) {
		first = src[p.value]
	}
	switch data := data.(type) {
	case map[string]any:
		for name, value := range data {
			kid := p.kids[name]
			if kid == nil {
				return fmt.Errorf("key %q has no place", name)
			}
			if err := sameShape(value, kid, src); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
		if len(p.kids) != len(data) {
			return fmt.Errorf("%d places for %d keys", len(p.kids), len(data))
		}
	case []map[string]any:
		all := make([]any, len(data))
		for i := range data {
			all[i] = data[i]
		}
		return sameShape(all, p, src)
	case []any:
		if len(p.elems) != len(data) {
			return fmt.Errorf("%d places for %d elements", len(p.elems), len(data))
		}
		for i := range data {
			if err := sameShape(data[i], p.elems[i], src); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case string:
		if first != '"' && first != '\'' {
			return fmt.Errorf("a string begins with %q", first)
		}
	default:
		if !strings.ContainsRune("0123456789+-tfin", rune(first)) {
			return fmt.Errorf("a %T begins with %q", data, first)
		}
	}
	return nil
}

func TestColumnsCountCharacters(t *testing.T) {
	l := newLines([]byte("\ufeffa = 1\nä€ = \"x\"\r\n\tb"))
	for _, tt := range []struct{ off, line, column int }{
		{0, 1, 1}, {3, 1, 1}, {7, 1, 5}, {9, 2, 1}, {11, 2, 2}, {17, 2, 6}, {22, 3, 1}, {23, 3, 2}, {-5, 1, 1}, {99, 3, 3},
	} {
		if line, column := l.at(tt.off); line != tt.line || column != tt.column {
			t.Errorf("offset %d is at %d:%d, want %d:%d", tt.off, line, column, tt.line, tt.column)
		}
	}
}

// seed adds every file of testdata and the reference to a fuzz test.
func seed(f *testing.F) {
	f.Helper()
	f.Add([]byte(Reference))
	for _, dir := range []string{goodFiles, badFiles} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".toml") {
				data, err := os.ReadFile(dir + "/" + e.Name())
				if err != nil {
					f.Fatal(err)
				}
				f.Add(data)
			}
		}
	}
}

// FuzzScan: whatever the bytes, the scanner ends; if they are TOML, it found every key and every element.
func FuzzScan(f *testing.F) {
	seed(f)
	f.Add([]byte("a = [[[[{b=[{c.d=1}]}]]]]\n\"\\u00e4\".'x' = '''''''\n[[q.'']]\n[q.\"\"]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := scan(data)
		if strings.Count(string(data), "[")+strings.Count(string(data), "{") >= maxDepth {
			return
		}
		var values map[string]any
		meta, err := toml.Decode(string(data), &values)
		if err != nil || strings.HasPrefix(string(data), "\xff\xfe") || strings.HasPrefix(string(data), "\xfe\xff") {
			return // the library skips the mark of UTF-16 and then reads UTF-8: nobody writes that
		}
		if err := sameShape(values, p, data); err != nil {
			t.Error(err)
		}
		for _, key := range meta.Keys() {
			if !located(p, key) {
				t.Errorf("key %v has no place", key)
			}
		}
	})
}

func located(p *place, key []string) bool {
	if len(key) == 0 {
		return true
	}
	for _, e := range p.elems {
		if located(e, key) {
			return true
		}
	}
	kid := p.kids[key[0]]
	return kid != nil && located(kid, key[1:])
}
