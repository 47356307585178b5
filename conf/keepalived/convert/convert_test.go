// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf/keepalived"
)

var update = flag.Bool("update", false, "write the golden files again")

const (
	corpus  = "../../../testdata/keepalived/"
	samples = "/usr/share/doc/keepalived/samples/"
)

// parse reads a file as the machine lb1 would.
func parse(dir, name string) *keepalived.Config {
	c, _ := told(dir, name)
	return c
}

func told(dir, name string) (*keepalived.Config, keepalived.Problems) {
	return keepalived.Parse(name, keepalived.Options{Files: os.DirFS(dir), ConfigID: "lb1", Host: "lb1", Env: func(name string) (string, bool) {
		return "/run/credentials", name == "CREDENTIALS_DIRECTORY"
	}})
}

// read parses and converts a file; the problems are those of both.
func read(t *testing.T, dir, name string) (Result, keepalived.Problems) {
	t.Helper()
	c, ps := told(dir, name)
	r, more := Convert(c, options())
	return r, append(ps, more...).Sorted(c.Files)
}

func options() Options {
	return Options{InterfaceOf: func(a netip.Addr) string { return "eth0" }}
}

// Each file of the corpus becomes the text of its golden file: review a difference as text. The samples of keepalived's package are
// others' text, and so would be what becomes of them: they are held against their model alone.
func TestTheTextIsWhatItWas(t *testing.T) {
	t.Parallel()
	for name, dir := range inputs(t) {
		if dir == samples {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, ps := read(t, dir, name)
			golden := filepath.Join("testdata", strings.ReplaceAll(name, "/", "-")+".toml")
			if *update {
				if err := os.WriteFile(golden, r.TOML, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden+".said", []byte(ps.Diagnostics().String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for file, got := range map[string]string{golden: string(r.TOML), golden + ".said": ps.Diagnostics().String()} {
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", file, diff)
				}
			}
			if lines := strings.Count(string(r.TOML), "\n"); lines != len(r.Places) {
				t.Errorf("%d lines, %d places", lines, len(r.Places))
			}
		})
	}
}

// inputs returns what is converted: names with their directories. Samples of keepalived are there where its package is.
func inputs(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"language/main.conf": corpus}
	names, err := filepath.Glob(corpus + "*.conf")
	if err != nil || len(names) < 12 {
		t.Fatalf("%d files in the corpus: %v", len(names), err)
	}
	for _, n := range names {
		out[filepath.Base(n)] = corpus
	}
	names, err = filepath.Glob(samples + "keepalived.conf.*")
	if err != nil || len(names) == 0 && os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
		t.Fatalf("Debian's package keepalived is not installed: %v", err)
	}
	for _, n := range names {
		switch strings.TrimPrefix(filepath.Base(n), "keepalived.conf.") {
		case "SSL_GET", "conditional_conf", "sample", "track_interface", "vrrp", "vrrp.localcheck", "vrrp.lvs_syncd", "vrrp.routes",
			"vrrp.rules", "vrrp.scripts", "vrrp.static_ipaddress", "vrrp.sync": // the others have no vrrp_instance
			out[filepath.Base(n)] = samples
		}
	}
	return out
}
