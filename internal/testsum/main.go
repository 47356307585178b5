// SPDX-License-Identifier: Apache-2.0

// Command testsum reads the output of `go test -json` on standard input and writes a summary that a person can read:
// a line a package as it ends, the whole output of what failed, every skipped test with its reason, and a closing
// count. It exits 1 when a test failed, when nothing ran, or, with -require, when a test was skipped.
//
// Tests with real packets and timers share a machine with whatever else runs there. With -again N, up to N tests that failed are
// run once more, each alone; those that pass then are shown as "unsteady" with the output of their failure, and are counted, but
// do not fail the run. More than N, or one that fails twice, does.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
)

// record is one line of `go test -json` (see `go doc test2json`).
type record struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
	// ImportPath names what did not build.
	ImportPath string
}

// summary gathers what the closing lines need.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	broken                  []string            // packages that failed outside a test
	output                  map[string][]string // of tests still running or failed
	skips                   []string
	failures                []failure // tests at the top that failed
	unsteady                int
}

// failure is a test at the top of its package that failed.
type failure struct{ pkg, test string }

func main() {
	require := flag.Bool("require", false, "a skipped test is a failure")
	again := flag.Int("again", 0, "run up to so many failed tests once more, alone; arguments are those of go test")
	flag.Parse()
	s := &summary{out: os.Stdout, output: map[string][]string{}}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "testsum: %v\n", err)
		os.Exit(1)
	}
	s.repeat(*again, func(f failure) bool {
		test := exec.Command("go", append([]string{"test", "-count=1", "-run", "^" + f.test + "$"}, append(flag.Args(), f.pkg)...)...)
		test.Stdout, test.Stderr = os.Stdout, os.Stderr
		return test.Run() == nil
	})
	os.Exit(s.finish(*require))
}

// read consumes the whole stream; a line that is not JSON is passed on as it is.
func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var rec record
			if json.Unmarshal(line, &rec) != nil {
				fmt.Fprint(s.out, string(line))
			} else {
				s.add(rec)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) add(r record) {
	key := r.Package + " " + r.Test
	switch r.Action {
	case "output":
		s.output[key] = append(s.output[key], r.Output)
	case "build-output":
		fmt.Fprint(s.out, r.Output)
	case "pass", "skip", "fail":
		s.end(key, r)
	}
}

func (s *summary) end(key string, r record) {
	text := strings.Join(s.output[key], "")
	delete(s.output, key)
	if r.Test == "" {
		switch {
		case r.Action == "fail":
			s.broken = append(s.broken, r.Package)
			fmt.Fprintf(s.out, "FAIL  %s (%.1fs)\n%s", r.Package, r.Elapsed, text)
		case r.Action == "pass":
			fmt.Fprintf(s.out, "ok    %s (%.1fs)\n", r.Package, r.Elapsed)
		}
		return
	}
	switch r.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped++
		s.skips = append(s.skips, fmt.Sprintf("%s %s: %s", r.Package, r.Test, reason(text)))
	case "fail":
		s.failed++
		top, _, _ := strings.Cut(r.Test, "/")
		if f := (failure{r.Package, top}); !slices.Contains(s.failures, f) {
			s.failures = append(s.failures, f)
		}
		fmt.Fprintf(s.out, "--- FAIL: %s %s (%.1fs)\n%s", r.Package, r.Test, r.Elapsed, text)
	}
}

// reason is the last line a skipped test wrote that is not the runner's own.
func reason(text string) string {
	best := "no reason given"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			best = line
		}
	}
	return best
}

// repeat runs failed tests again, if there are no more than most, and forgives those that pass. A package that failed without a
// failing test is not forgiven.
func (s *summary) repeat(most int, passes func(failure) bool) {
	if len(s.failures) == 0 || len(s.failures) > most {
		return
	}
	bad := map[string]bool{}
	for _, f := range s.failures {
		if passes(f) {
			s.unsteady++
			fmt.Fprintf(s.out, "unsteady: %s %s failed, and passes alone\n", f.pkg, f.test)
			continue
		}
		bad[f.pkg] = true
		fmt.Fprintf(s.out, "%s %s fails again\n", f.pkg, f.test)
	}
	failed := map[string]bool{}
	for _, f := range s.failures {
		failed[f.pkg] = true
	}
	s.broken = slices.DeleteFunc(s.broken, func(pkg string) bool { return failed[pkg] && !bad[pkg] })
	if len(bad) == 0 {
		s.failed = 0
	}
}

func (s *summary) finish(require bool) int {
	sort.Strings(s.skips)
	for _, line := range s.skips {
		fmt.Fprintf(s.out, "skipped: %s\n", line)
	}
	code := 0
	switch {
	case s.failed > 0 || len(s.broken) > 0:
		code = 1
	case require && s.skipped > 0:
		fmt.Fprintln(s.out, "a skipped test counts as a failure here")
		code = 1
	case s.passed == 0:
		fmt.Fprintln(s.out, "no test ran")
		code = 1
	}
	if code != 0 && s.failed == 0 {
		s.failed = max(1, len(s.broken))
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped, %d unsteady\n", s.passed, s.failed, s.skipped, s.unsteady)
	return code
}
