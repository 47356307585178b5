// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"flag"
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

// abreast is how many cases run at once; they mostly wait.
const abreast = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", abreast); err != nil {
			panic(err)
		}
	}
	os.Exit(netlab.Main(m))
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
	binary := filepath.Join(t.TempDir(), "regent")
	build := exec.Command("go", "build", "-o", binary, "github.com/regent-ha/regent/cmd/regent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build regent: %v\n%s", err, out)
	}
	return Regent(binary)
}

// compare plays a case with both programs and lists the differences.
func compare(t *testing.T, c *Case, first, second Program) []Difference {
	t.Helper()
	netlab.Require(t, "keepalived", "tshark", "ip", "unshare", "nft")
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var records [2]*Record
	var errs [2]error
	labs := [2]*netlab.Lab{netlab.TestWith(t, netlab.Options{Log: quietly}), netlab.TestWith(t, netlab.Options{Log: quietly})}
	var both sync.WaitGroup
	for i, program := range [2]Program{first, second} {
		both.Go(func() { records[i], errs[i] = Play(ctx, labs[i], c, program) })
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

func quietly(string, ...any) {}
