// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

func TestFactsAreThoseOfTheNode(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	n, err := lab.Node("db1", "10.99.0.1/24")
	if err != nil {
		t.Fatal(err)
	}
	bad := Program{Path: "/x", For: "test"}
	q := &Question{Services: []Service{{Name: "a", Interface: "eth0", IPv6: true}}, Programs: []Program{bad}, StateDir: t.TempDir(), RunDir: "/etc/passwd/run"}
	var f *Facts
	err = n.Do(func() (err error) {
		f, err = Gather(t.Context(), q, func(Program) error { return errors.New("no") })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	i := f.Interfaces["eth0"]
	if !i.Up || !i.Multicast || len(i.Addresses) < 1 || i.Addresses[0].Addr() != netip.MustParseAddr("10.99.0.1") {
		t.Errorf("eth0 is %+v", i)
	}
	if f.Capabilities>>capNetAdmin&1 == 0 || f.Kernel == "" || f.NFTables != nil || f.CPUs < 1 || f.Sysctls["net.ipv6.conf.eth0.disable_ipv6"] == "" {
		t.Errorf("facts: %+v", f)
	}
	if f.Programs[bad] == nil || f.Directories[q.RunDir] == nil || f.Directories[q.StateDir] != nil {
		t.Errorf("programs %v, directories %v", f.Programs, f.Directories)
	}
	if out, err := n.Run(t.Context(), "nft", "add table inet filter; add chain inet filter input { type filter hook input priority 0; policy drop; }"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := n.Do(func() (err error) { f.Drops, err = drops(); return err }); err != nil || strings.Join(f.Drops, ",") != "inet filter input" {
		t.Errorf("chains that drop: %q, %v", f.Drops, err)
	}
}

func TestOtherDaemonsOfThisNamespaceAreSeen(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	file := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(proc, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, to string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(proc, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("self/ns/net", "net:[1]")
	for pid, c := range map[string][3]string{"10": {"keepalived", "net:[1]", "/usr/sbin/keepalived"}, "11": {"keepalived", "net:[2]", "/usr/sbin/keepalived"},
		"12": {"keepalived", "net:[1]", "/usr/sbin/regent"}, "13": {"bash", "net:[1]", "/bin/bash"}} {
		file(pid+"/comm", c[0]+"\n")
		link(pid+"/ns/net", c[1])
		link(pid+"/exe", c[2])
	}
	if got := strings.Join(others(proc), ","); got != "keepalived (pid 10)" {
		t.Errorf("others: %q", got)
	}
}
