// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// site is a pair with a third host that asks the address of the pair.
type site struct {
	t     *testing.T
	ctx   context.Context
	lab   *netlab.Lab
	c     *netlab.Node
	hosts map[string]*Host
}

// pairAddress is the address of [router]'s instance.
const pairAddress = "10.99.0.100"

func newSite(t *testing.T, text string, first, second Program) *site {
	t.Helper()
	netlab.Require(t, "keepalived", "ip", "unshare", "nft")
	s := &site{t: t, ctx: t.Context(), lab: netlab.TestWith(t, netlab.Options{Log: quietly}), hosts: map[string]*Host{}}
	networks := map[string]*netlab.Network{"": s.lab.LAN()}
	for i, program := range []Program{first, second} {
		name := string(rune('a' + i))
		spec := &Node{Conf: conf(text, i+1, 150-50*i), Programs: recorders, Files: map[string]string{"load": "0\n"}}
		h, err := newHost(s.ctx, s.lab, networks, spec, program, name, i+1)
		if err != nil {
			t.Fatal(err)
		}
		s.hosts[name] = h
	}
	c, err := s.lab.Node("c", "10.99.0.3/24")
	if err != nil {
		t.Fatal(err)
	}
	s.c = c
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// until polls until a host says that it is in a state, its kernel agrees and its notify program was told: keepalived runs those
// side by side, so that one of the next state may be first.
func (s *site) until(name, state string) {
	s.t.Helper()
	h := s.hosts[name]
	err := poll(s.ctx, 15*time.Second, func() bool {
		told := s.told(name)
		return states(h.current())["VI_1"] == state && h.Holds(netip.MustParseAddr(pairAddress)) == (state == "MASTER") &&
			len(told) > 0 && told[len(told)-1] == state
	})
	if err != nil {
		s.t.Fatalf("%s (%s) is not %s: %v\n%s", name, h.program.Name, state, err, strings.Join(h.current(), ""))
	}
}

// replace stops the program of a host and starts another.
func (s *site) replace(name string, next Program) {
	s.t.Helper()
	h := s.hosts[name]
	s.must(h.Signal(unix.SIGTERM))
	select {
	case <-h.cmd.Done():
	case <-time.After(15 * time.Second):
		s.t.Fatalf("%s does not end", h.program.Name)
	}
	h.program = next
	s.must(h.Start(s.ctx))
}

// told are the states that a host's notify programs were told.
func (s *site) told(name string) []string {
	var list []string
	for _, line := range s.hosts[name].calls() {
		if c, err := parseCall(strings.TrimRight(line, "\n")); err == nil && c.program == "/run/bin/any" {
			list = append(list, c.state())
		}
	}
	return list
}

// A pair is changed to the other program one node at a time, and back, under a client that asks each 2 ms.
func TestRollingReplacement(t *testing.T) {
	t.Parallel()
	second := underTest(t)
	s := newSite(t, globals+router("VI_1"), Keepalived(), Keepalived())
	a, b := s.hosts["a"], s.hosts["b"]
	s.must(Echo(s.ctx, a.Node))
	s.must(Echo(s.ctx, b.Node))
	s.must(a.Start(s.ctx))
	s.until("a", "MASTER")
	s.must(b.Start(s.ctx))
	s.until("b", "BACKUP")
	client, err := Ask(s.ctx, s.c, netip.MustParseAddr(pairAddress), 2*time.Millisecond)
	s.must(err)
	// What b waits after a's farewell, and what a busy machine adds.
	skew := time.Duration(256-100) * 100 * time.Millisecond / 256
	const machine = 150 * time.Millisecond
	for _, next := range []Program{second, Keepalived()} {
		begin := time.Now()
		s.replace("b", next)
		s.until("b", "BACKUP")
		s.until("a", "MASTER")
		s.lost(client, "the backup is replaced by "+next.Name, begin, machine/3)

		begin = time.Now()
		s.must(a.Signal(unix.SIGTERM))
		s.until("b", "MASTER")
		s.lost(client, "the master stops for "+next.Name, begin, skew+machine)

		begin = time.Now()
		s.replace("a", next)
		s.until("a", "MASTER")
		s.until("b", "BACKUP")
		s.lost(client, next.Name+" is the master again", begin, machine)
	}
	s.must(client.Stop())
	once := []string{"BACKUP", "MASTER", "STOP"}
	if diff := cmp.Diff(slices.Concat(once, once, once[:2]), s.told("a")); diff != "" {
		t.Errorf("states of a, - planned + told:\n%s", diff)
	}
	twice := []string{"BACKUP", "STOP", "BACKUP", "MASTER", "BACKUP", "STOP", "BACKUP", "MASTER", "BACKUP"}
	if diff := cmp.Diff(twice, s.told("b")); diff != "" {
		t.Errorf("states of b, - planned + told:\n%s", diff)
	}
}

// lost judges what a client lost since a time.
func (s *site) lost(c *Client, what string, since time.Time, limit time.Duration) {
	s.t.Helper()
	// The last requests have a right to their answers, too.
	end := time.Now()
	err := poll(s.ctx, time.Second, func() bool { return time.Since(end) > 100*time.Millisecond })
	s.must(err)
	asked, lost := c.Since(since)
	worst := time.Duration(0)
	for _, l := range lost {
		worst = max(worst, l.For)
	}
	s.t.Logf("%s: %d requests, lost at most %v in a row, %d times", what, asked, worst.Round(time.Millisecond), len(lost))
	if worst > limit {
		s.t.Errorf("%s: no answer for %v, limit %v", what, worst, limit)
	}
}
