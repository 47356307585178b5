// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// subject is the program that is held against keepalived.
var subject = flag.String("subject", "regent", "the program under test: regent, or keepalived to test the harness itself")

// report is where all differences are written, without the logs of the tests.
var report = flag.String("report", "", "file for all differences")

// abreast is how many cases run at once; they mostly wait.
const abreast = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 2
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["test.list"] {
		return m.Run(), nil
	}
	if !given["test.parallel"] {
		if err := flag.Set("test.parallel", abreast); err != nil {
			return 0, err
		}
	}
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := build(dir); err != nil {
		return 0, err
	}
	return netlab.Main(m), nil
}

// underTest is the program that -subject names.
func underTest(t *testing.T) Program {
	t.Helper()
	if *subject == "keepalived" {
		p := Keepalived()
		p.Name = "keepalived again"
		return p
	}
	if given := os.Getenv("REGENT_BINARY"); given != "" {
		return Regent(given)
	}
	t.Fatal("REGENT_BINARY is empty")
	return Program{}
}

// build builds the program as it is released, without cgo, once for all tests; REGENT_BINARY names one that is there.
func build(dir string) error {
	if os.Getenv("REGENT_BINARY") != "" || *subject == "keepalived" {
		return nil
	}
	binary := filepath.Join(dir, "regent")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/regent-ha/regent/cmd/regent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build regent: %w\n%s", err, out)
	}
	return os.Setenv("REGENT_BINARY", binary)
}

// compare plays a case with both programs and lists the differences.
func compare(t *testing.T, c *Case, first, second Program) []Difference {
	t.Helper()
	netlab.Require(t, "keepalived", "tshark", "ip", "unshare", "nft")
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var records [2]*Record
	var errs [2]error
	var both sync.WaitGroup
	for i, program := range [2]Program{first, second} {
		lab := netlab.TestWith(apart{t, program.Name}, netlab.Options{Log: quietly})
		both.Go(func() { records[i], errs[i] = Play(ctx, lab, c, program) })
	}
	both.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	// Keepalived is what the cases were written for.
	for _, step := range records[0].Steps {
		for _, line := range step.Nodes[""][Progress][""] {
			t.Errorf("%s: after %q: %s: %s", c.Name, step.Name, first.Name, line)
		}
	}
	return Compare(c, records[0], records[1])
}

// apart is a test whose artifacts are kept apart from those of the other program.
type apart struct {
	testing.TB
	name string
}

// ArtifactDir implements [testing.TB].
func (a apart) ArtifactDir() string { return filepath.Join(a.TB.ArtifactDir(), a.name) }

func quietly(string, ...any) {}
