// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the directory of the module.
const root = "../.."

// testsOf are the names of the tests of a package.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests: %v", dir, err)
	}
	names := map[string]bool{}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if one, ok := d.(*ast.FuncDecl); ok && one.Recv == nil {
				names[one.Name.Name] = true
			}
		}
	}
	return names
}

// Each complaint names a test, and the test is there.
func TestPainsNameTheirTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/pains.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	known := map[string]map[string]bool{}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || strings.HasPrefix(strings.TrimSpace(cells[1]), "-") || strings.TrimSpace(cells[1]) == "complaint" {
			continue
		}
		rows++
		dir, named := "", 0
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			if !strings.HasPrefix(m[1], "Test") {
				dir = m[1]
				if known[dir] == nil {
					known[dir] = testsOf(t, dir)
				}
				continue
			}
			named++
			if !known[dir][m[1]] {
				t.Errorf("%s has no %s", dir, m[1])
			}
		}
		if named == 0 {
			t.Errorf("no test: %s", line)
		}
	}
	if rows < 20 {
		t.Errorf("%d complaints, want 20 at least", rows)
	}
}
