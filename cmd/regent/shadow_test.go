// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

const watchedConf = `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  priority @PRIORITY@
  version 3
  advert_int 0.1
  virtual_ipaddress { 10.99.0.101/24 }
}
`

// watchedNode is a node that runs keepalived.
type watchedNode struct {
	*netlab.Node
	t    *testing.T
	dir  string
	file string
	cmd  *netlab.Cmd
}

func newWatched(t *testing.T, lab *netlab.Lab, name, address, priority string) *watchedNode {
	t.Helper()
	if _, err := exec.LookPath("keepalived"); err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
			t.Fatal("keepalived is not installed")
		}
		t.Skip("keepalived is not installed")
	}
	n, err := lab.Node(name, address)
	if err != nil {
		t.Fatal(err)
	}
	g := &watchedNode{Node: n, t: t, dir: t.TempDir()}
	g.file = g.configure("keepalived.conf", priority)
	g.cmd = n.Command(context.Background(), "keepalived", "-n", "-l", "-G", "-D", "-f", g.file, "-p", filepath.Join(g.dir, "pid"), "-r", filepath.Join(g.dir, "vrrp"))
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.cmd.Stop(10 * time.Second) }) //nolint:errcheck // some are stopped by the test
	return g
}

func (g *watchedNode) configure(name, priority string) string {
	g.t.Helper()
	file := filepath.Join(g.dir, name)
	if err := os.WriteFile(file, []byte(strings.Replace(watchedConf, "@PRIORITY@", priority, 1)), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return file
}

// shadow starts a shadow beside keepalived; end stops it and returns what it said.
func (g *watchedNode) shadow(file string) (end func() []map[string]any) {
	g.t.Helper()
	var out, diagnostics bytes.Buffer
	cmd := g.Command(context.Background(), os.Args[0], "shadow", "-c", file, "--json")
	cmd.Env = append(os.Environ(), asRegent+"=1")
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	return func() []map[string]any {
		g.t.Helper()
		unix.Kill(cmd.Pid(), unix.SIGINT) //nolint:errcheck // Wait tells
		cmd.Wait()                        //nolint:errcheck // 1 when something was found
		var said []map[string]any
		for d := json.NewDecoder(&out); d.More(); {
			var v map[string]any
			if err := d.Decode(&v); err != nil {
				g.t.Fatalf("%v: %s%s", err, out.String(), diagnostics.String())
			}
			said = append(said, v)
		}
		if len(said) == 0 {
			g.t.Fatalf("it said nothing: %s", diagnostics.String())
		}
		return said
	}
}

func (g *watchedNode) holdsSoon(want bool) {
	g.t.Helper()
	h := &host{Node: g.Node}
	for end := time.Now().Add(10 * time.Second); h.holds(virtual) != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			g.t.Fatalf("%s holds the address: %v, want %v", g.Name(), !want, want)
		}
	}
}

// A shadow beside keepalived agrees with it through a takeover and back.
func TestShadowAgreesWithKeepalived(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := newWatched(t, lab, "a", "10.99.0.1/24", "200")
	b := newWatched(t, lab, "b", "10.99.0.2/24", "100")
	a.holdsSoon(true)
	ofA, ofB := a.shadow(a.file), b.shadow(b.file)
	time.Sleep(2 * time.Second) // the shadows settle, and watch
	if err := a.Cut(); err != nil {
		t.Fatal(err)
	}
	b.holdsSoon(true)
	time.Sleep(time.Second)
	if err := a.Heal(); err != nil {
		t.Fatal(err)
	}
	b.holdsSoon(false)
	time.Sleep(2 * time.Second)
	for name, end := range map[string]func() []map[string]any{"a": ofA, "b": ofB} {
		for _, v := range end() {
			if v["text"] != nil || v["findings"] != 0.0 {
				t.Errorf("beside %s: %v", name, v)
			}
		}
	}
}

// With another configuration than keepalived's it finds the difference.
func TestShadowFindsWhereRegentWouldDecideDifferently(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := newWatched(t, lab, "a", "10.99.0.1/24", "200")
	b := newWatched(t, lab, "b", "10.99.0.2/24", "150")
	a.holdsSoon(true)
	end := b.shadow(b.configure("other.conf", "250"))
	time.Sleep(3 * time.Second) // an election and its grace
	said := end()
	var found bool
	for _, v := range said {
		text, _ := v["text"].(string)
		found = found || v["kind"] == "state" && strings.Contains(text, "it is backup, Regent would be active (priority 250)")
	}
	if !found {
		t.Errorf("it said %v", said)
	}
	if h := (&host{Node: b.Node}); h.holds(virtual) {
		t.Error("the shadow took the address")
	}
}
