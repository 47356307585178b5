// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

// update makes TestInterop write docs/interop.md.
var update = flag.Bool("update", false, "write docs/interop.md from what TestInterop measures")

// labs is how many segments live at once. They mostly wait, so their number has nothing to do with processors.
const labs = "10"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", labs); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	// The timed and long tests are not for each day: make proof asks for them.
	if os.Getenv("REGENT_PROOF") != "1" {
		if err := flag.Set("test.skip", "^TestProof"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(netlab.Main(m))
}

// requirePeers skips or fails the test where the daemons are not installed.
func requirePeers(t *testing.T, programs ...string) {
	t.Helper()
	netlab.Require(t, append(programs, "tshark", "ip")...)
}

// regentBinary builds the program as it is released, without cgo; REGENT_BINARY names one that is built already.
func regentBinary(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("REGENT_BINARY"); given != "" {
		return given
	}
	binary := filepath.Join(t.TempDir(), "regent")
	build := exec.Command("go", "build", "-o", binary, "github.com/regent-ha/regent/cmd/regent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build regent: %v\n%s", err, out)
	}
	return binary
}
