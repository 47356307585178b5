// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// labs is how many networks live at once. They mostly wait, so their number has nothing to do with processors.
const labs = "8"

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
	os.Exit(netlab.Main(m))
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition, ten seconds at most.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(limit) {
			t.Fatalf("in ten seconds never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// newNode makes a node of a lab.
func newNode(t testing.TB, lab *netlab.Lab, name string, prefixes ...string) *netlab.Node {
	t.Helper()
	n, err := lab.Node(name, prefixes...)
	must(t, err)
	return n
}

// linkLocal is the link-local address of a node's interface, without zone.
func linkLocal(t testing.TB, n *netlab.Node, ifname string) netip.Addr {
	t.Helper()
	prefixes, err := n.Addresses(ifname)
	must(t, err)
	for _, p := range prefixes {
		if p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
			return p.Addr()
		}
	}
	t.Fatalf("%s has no link-local address on %s", n.Name(), ifname)
	return netip.Addr{}
}

// side is a speaker in a node, with one session.
type side struct {
	*Speaker
	t    testing.TB
	node *netlab.Node
}

// name of the session of each side.
const name = "path"

// speak opens a speaker in a node and watches.
func speak(t testing.TB, n *netlab.Node, c Config) *side {
	t.Helper()
	s := &side{Open(Options{}), t, n}
	t.Cleanup(func() { must(t, s.Close()) })
	s.watch(c)
	return s
}

func (s *side) watch(c Config) {
	s.t.Helper()
	must(s.t, s.node.Do(func() error { return s.Watch(name, c) }))
}

// session is the state of the side's session.
func (s *side) session() SessionStatus {
	s.t.Helper()
	st := s.Status()
	if len(st.Sessions) != 1 {
		s.t.Fatalf("%s has %d sessions", s.node.Name(), len(st.Sessions))
	}
	return st.Sessions[0]
}

// change waits for the next change, ten seconds at most.
func (s *side) change() Change {
	s.t.Helper()
	select {
	case c := <-s.Changes():
		return c
	case <-time.After(10 * time.Second):
		s.t.Fatalf("%s: no change in ten seconds, it is %+v", s.node.Name(), s.session())
		return Change{}
	}
}

// goes waits for the next change, which must be this one. Neighbours signal nothing but AdminDown here.
func (s *side) goes(up bool, why Diagnostic) Change {
	s.t.Helper()
	c := s.change()
	if c.Name != name || c.Up != up || c.Diagnostic != why || c.Administrative != (why == NeighborSignaledDown) {
		s.t.Fatalf("%s: %+v (%s), want up %v (%s)", s.node.Name(), c, c.Diagnostic, up, why)
	}
	return c
}
