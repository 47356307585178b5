// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fakeSecrets stands for the files that a configuration names.
func fakeSecrets(path string) ([]byte, error) {
	switch {
	case strings.HasSuffix(path, "orders.key"):
		return []byte("hex:" + strings.Repeat("0a", 32) + "\n"), nil
	case strings.HasSuffix(path, ".key"):
		return []byte("AAECAwQFBgcICQoLDA0ODw==\n"), nil
	case strings.HasSuffix(path, ".secret"):
		return []byte("secret12\n"), nil
	}
	return nil, errors.New("no such file or directory")
}

// equal compares what conf returns.
var equal = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}

// FuzzParse: whatever the bytes, there is a configuration or an error, never both; every place is in the file; what
// was accepted is accepted again, the same, and the functions on it hold.
func FuzzParse(f *testing.F) {
	seed(f)
	o := Options{HostName: "db1", Secret: fakeSecrets}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, diags := o.Parse("regent.toml", data)
		if (cfg == nil) != (diags.Errors() > 0) {
			t.Fatalf("configuration %v with %d errors", cfg != nil, diags.Errors())
		}
		last := bytes.Count(data, []byte("\n")) + 1
		for _, d := range diags {
			if d.Line < 1 || d.Line > last || d.Column < 1 || d.Text == "" {
				t.Errorf("a diagnostic outside of the file of %d lines: %s", last, d)
			}
		}
		again, diagsAgain := o.Parse("regent.toml", data)
		if diff := cmp.Diff(diags, diagsAgain); diff != "" {
			t.Errorf("other diagnostics the second time (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(cfg, again, equal); diff != "" {
			t.Errorf("another configuration the second time (-first +second):\n%s", diff)
		}
		if cfg == nil {
			return
		}
		for _, c := range Diff(cfg, again).Services {
			if c.Kind != Unchanged {
				t.Errorf("a configuration differs from itself: %s %v", c.Name, c.Keys)
			}
		}
		for i := range cfg.Services {
			s := &cfg.Services[i]
			if s.Raw && s.Priority == 0 {
				t.Errorf("service %q takes part with priority 0", s.Name)
			}
			if s.VRID == 0 || s.Name == "" || s.Interface == "" || len(s.IPv4)+len(s.IPv6) == 0 || s.AdvertInterval < centisecond {
				t.Errorf("a service was accepted that cannot be: %+v", s)
			}
		}
	})
}
