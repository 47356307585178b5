// SPDX-License-Identifier: Apache-2.0

package status

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/status-json.md again")

// remarks are the comments at the fields of this package's types.
func remarks(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			body, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range body.Fields.List {
				text := strings.TrimSpace(field.Doc.Text() + field.Comment.Text())
				for _, id := range field.Names {
					out[spec.Name.Name+"."+id.Name] = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
				}
			}
			return true
		})
	}
	return out
}

// kind is the JSON type of a Go one.
func kind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time (RFC 3339)"
	case t.Kind() == reflect.Pointer:
		return kind(t.Elem())
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		return "array of " + kind(t.Elem())
	case t.Kind() == reflect.Map:
		return "object of " + kind(t.Elem())
	case t.Kind() == reflect.Struct:
		return "object"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32:
		return "number"
	}
	return "integer"
}

// rows lists the fields of a type and of those in it.
func rows(t reflect.Type, path string, said map[string]string, out *strings.Builder) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if f.Anonymous && name == "" {
			rows(f.Type, path, said, out)
			continue
		}
		if name == "" {
			name = f.Name
		}
		what := kind(f.Type)
		if strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero") {
			what += ", may be missing"
		}
		fmt.Fprintf(out, "| `%s%s` | %s | %s |\n", path, name, what, said[t.Name()+"."+f.Name])
		inner := path + name + "."
		if k := f.Type.Kind(); k == reflect.Slice || k == reflect.Array {
			inner = path + name + "[]."
		} else if k == reflect.Map {
			inner = path + name + "{}."
		}
		rows(f.Type, inner, said, out)
	}
}

// docs/status-json.md lists what `regent status --json` prints: go test ./internal/status -run Fields -update writes it.
func TestFieldsOfTheDocumentAreDescribed(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	fmt.Fprintf(&b, `# What regent status --json prints

One JSON object, also at /v1/status of the status listener. Made from the program's own types.

%s is %d. Fields may be added under the same version, so readers should pass over what they do not know; a field that goes, or means
something else, raises it. Durations are seconds.

| field | type | |
|---|---|---|
`, "`version`", SchemaVersion)
	rows(reflect.TypeFor[Snapshot](), "", remarks(t), &b)
	const page = "../../docs/status-json.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is stale: go test ./internal/status -run Fields -update (-want +got)\n%s", page, diff)
	}
}
