// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
)

// Whatever a file holds, reading it ends, says the same twice, and each problem has a place and a text of one line. What
// is accepted has instances that could run: an identity, a family for each address, an interval that can be said.
func FuzzParse(f *testing.F) {
	names, _ := filepath.Glob(corpus + "*.conf")
	more, _ := filepath.Glob(corpus + "language/*.conf")
	for _, name := range append(names, more...) {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "vrrp_script s { script /s }")
	}
	for _, k := range Keywords() {
		f.Add(minimal(k), "")
	}
	f.Add("$A=$B\n$B=$A\n$A", "include k.conf")
	f.Add("~SEQ(i,1,1000000) ~SEQ(j,1,1000000) x", "")
	f.Add("~LST({a,b},{c},{d,e}) ${_RANDOM 1 ${a}}", "")
	f.Add("include {a,b}*.conf\n@lb1 include b.conf\n}}}{{{", "$M=\\\n{ \\\n\"")
	f.Fuzz(func(t *testing.T, main, other string) {
		o := options(files("/k.conf", main, "/b.conf", other))
		small := budget{files: 8, lines: 2000, text: 1 << 18}
		c, ps := parse("/k.conf", o, small)
		again, ps2 := parse("/k.conf", o, small)
		if diff := cmp.Diff(ps.Diagnostics().String(), ps2.Diagnostics().String()); diff != "" {
			t.Fatalf("says another thing the second time:\n%s", diff)
		}
		if dump(c) != dump(again) {
			t.Fatal("means another thing the second time")
		}
		for _, p := range ps {
			if p.File == "" || p.Line < 1 || p.Column < 1 || p.Text == "" {
				t.Errorf("a problem without a place: %+v", p)
			}
		}
		if ps.Err() != nil {
			return
		}
		for _, i := range c.Instances {
			if i.VRID.V < 1 || i.VRID.V > 255 || i.Priority.V < 1 || i.Priority.V > 255 || i.Interval.V <= 0 || i.Version.V != 2 && i.Version.V != 3 {
				t.Errorf("accepted: %s of VRID %d, priority %d, interval %v, version %d", i.Name, i.VRID.V, i.Priority.V, i.Interval.V, i.Version.V)
			}
			for _, a := range i.Addresses {
				if !a.Prefix.IsValid() || a.Prefix.Addr().Is6() != i.IPv6 {
					t.Errorf("accepted: %s with address %v", i.Name, a.Prefix)
				}
			}
		}
	})
}

// A keyword's text never reaches a message with the secret that follows it.
func FuzzSecretsAreNotTold(f *testing.F) {
	f.Add("secret-word-9", true)
	f.Add("secret word", false)
	f.Add("hex:zz", true)
	f.Fuzz(func(t *testing.T, secret string, hmac bool) {
		secret = strings.Map(func(r rune) rune {
			if strings.ContainsRune("\n\"\\{}$!#\x00", r) {
				return 'x'
			}
			return r
		}, secret)
		if len(strings.TrimSpace(secret)) < 8 || len(secret) > 100 || !strings.ContainsAny(secret, "0123456789") {
			return
		}
		line := `authentication { auth_type PASS` + "\n" + ` auth_pass ` + secret + " }"
		if hmac {
			line = "auth_hmac { key 1 " + secret + "\nactive_key 1 }"
		}
		c, ps := Parse("/k.conf", options(files("/k.conf", body("", line))))
		for _, w := range strings.Fields(secret) {
			if len(w) > 7 && strings.Contains(ps.Diagnostics().String()+dump(c), w) {
				t.Errorf("%q is told: %v", w, ps)
			}
		}
		if i := c.Instances[0]; i.Password.V != (conf.Password{}) && i.Password.V.Reveal() == "" {
			t.Error("a password that is empty")
		}
	})
}
