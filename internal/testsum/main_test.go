// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

const green = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.5}
`

const skipped = `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: needs CAP_NET_ADMIN\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
`

const red = `{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:3: want 1\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
`

func TestSummaryJudgesAStream(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		require      bool
		code         int
		has          string
	}{
		{"all pass", green, true, 0, "1 passed, 0 failed, 0 skipped"},
		{"skip allowed", green + skipped, false, 0, "skipped: p TestB: b_test.go:3: needs CAP_NET_ADMIN"},
		{"skip refused", green + skipped, true, 1, "a skipped test counts as a failure here"},
		{"failure shows its output", green + red, false, 1, "c_test.go:3: want 1"},
		{"nothing ran", "", false, 1, "no test ran"},
		{"a package that does not build", `{"Action":"fail","Package":"p"}` + "\n" + green, false, 1, "FAIL  p"},
		{"foreign lines pass through", "warning: x\n" + green, false, 0, "warning: x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := &summary{out: &out, output: map[string][]string{}}
			if err := s.read(strings.NewReader(c.stream)); err != nil {
				t.Fatal(err)
			}
			if code := s.finish(c.require); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.has) {
				t.Errorf("output lacks %q:\n%s", c.has, out.String())
			}
		})
	}
}

func TestFailedTestsGetASecondChanceAlone(t *testing.T) {
	other := strings.ReplaceAll(strings.ReplaceAll(red, `"p"`, `"q"`), "TestC", "TestD/part")
	crash := `{"Action":"fail","Package":"r"}` + "\n"
	for _, c := range []struct {
		name, stream, passes string
		most, code           int
		has                  string
	}{
		{"passes then", green + red, "TestC", 2, 0, "unsteady: p TestC failed, and passes alone"},
		{"counts", green + red, "TestC", 2, 0, "1 passed, 0 failed, 0 skipped, 1 unsteady"},
		{"fails again", green + red, "", 2, 1, "p TestC fails again"},
		{"too many", green + red + other, "TestC TestD", 1, 1, "2 failed"},
		{"a part stands for its test", green + other, "TestD", 2, 0, "unsteady: q TestD"},
		{"one of two", green + red + other, "TestD", 2, 1, "p TestC fails again"},
		{"a package without a failing test", green + red + crash, "TestC", 2, 1, "FAIL  r"},
		{"no chance", green + red, "TestC", 0, 1, "1 failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			s := &summary{out: &out, output: map[string][]string{}}
			if err := s.read(strings.NewReader(c.stream)); err != nil {
				t.Fatal(err)
			}
			s.repeat(c.most, func(f failure) bool { return c.passes != "" && strings.Contains(c.passes, f.test) })
			if code := s.finish(false); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, out.String())
			}
			if !strings.Contains(out.String(), c.has) {
				t.Errorf("output lacks %q:\n%s", c.has, out.String())
			}
		})
	}
}
