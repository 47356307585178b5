// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// holderVariable makes the test binary a process that filters and waits to be killed.
const holderVariable = "REGENT_TEST_FILTER"

func TestMain(m *testing.M) {
	if mode := os.Getenv(holderVariable); mode != "" {
		fmt.Fprintln(os.Stderr, hold(mode))
		os.Exit(1)
	}
	os.Exit(netlab.Main(m))
}

func hold(mode string) error {
	f, err := Open(context.Background(), Options{Plain: mode == "plain"})
	if err != nil {
		return err
	}
	if err := f.Set(silent[:2]); err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

// silent are the addresses that take nothing.
var silent = []Address{{Addr: netip.MustParseAddr("10.99.0.100")}, {Addr: netip.MustParseAddr("2001:db8:99::100")}}

const (
	virtual4, virtual6 = "10.99.0.100", "2001:db8:99::100"
	linkLocal          = "fe80::100"
)

// site is a router with virtual addresses, a client beside it and a host behind it.
type site struct {
	t                       *testing.T
	router, client, outside *netlab.Node
}

func newSite(t *testing.T) *site {
	t.Helper()
	lab := netlab.Test(t)
	behind, err := lab.Network("behind", netlab.NetworkOptions{})
	must(t, err)
	s := &site{t: t}
	s.router, err = lab.Node("router", "10.99.0.1/24", "2001:db8:99::1/64")
	must(t, err)
	_, err = s.router.Attach(behind, "eth1", "10.98.0.1/24")
	must(t, err)
	s.client, err = lab.Node("client", "10.99.0.9/24", "2001:db8:99::9/64")
	must(t, err)
	s.outside, err = lab.Island("outside")
	must(t, err)
	_, err = s.outside.Attach(behind, "eth0", "10.98.0.9/24")
	must(t, err)
	must(t, s.router.Forward())
	must(t, s.client.Route("10.98.0.0/24", virtual4))
	must(t, s.outside.Route("10.99.0.0/24", "10.98.0.1"))
	for _, a := range []string{virtual4 + "/24", virtual6 + "/64", linkLocal + "/64"} {
		s.run(s.router, "ip", "addr", "add", a, "dev", "eth0", "nodad")
	}
	s.run(s.router, "ip", "addr", "add", linkLocal+"/64", "dev", "eth1", "nodad")
	s.silentTo(false, virtual4, virtual6, linkLocal+"%eth0")
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) run(n *netlab.Node, args ...string) string {
	s.t.Helper()
	out, err := n.Run(s.t.Context(), args[0], args[1:]...)
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

func (s *site) open(o Options) *Filter {
	s.t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	var f *Filter
	must(s.t, s.router.Do(func() (err error) {
		f, err = Open(s.t.Context(), o)
		return err
	}))
	return f
}

// answers reports whether an address resets a connection of the client: nobody listens.
func (s *site) answers(to string) bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), 300*time.Millisecond)
	defer cancel()
	c, err := s.client.Dial(ctx, "tcp", net.JoinHostPort(to, "9"))
	if err == nil {
		c.Close()
	}
	return errors.Is(err, unix.ECONNREFUSED)
}

// patience is for neighbours: a switch may take a second to learn who listens to their questions.
const patience = 5 * time.Second

// silentTo checks that nothing but the neighbours' questions is answered, or that everything is.
func (s *site) silentTo(want bool, addresses ...string) {
	s.t.Helper()
	for _, a := range addresses {
		plain, dev, _ := strings.Cut(a, "%")
		if dev == "" {
			dev = "eth0"
		}
		for start := time.Now(); ; {
			answers := s.answers(a)
			known := strings.Contains(s.run(s.client, "ip", "neigh", "show", "to", plain, "dev", dev), "lladdr")
			if answers != want && known {
				break
			}
			if answers && want || time.Since(start) > patience {
				s.t.Fatalf("%s: silent %v, want %v; neighbour %v, want true\n%s", a, !answers, want, known, s.run(s.router, "nft", "list", "ruleset"))
			}
		}
	}
}

// becomesSilent waits until nothing is answered any more.
func (s *site) becomesSilent(addresses ...string) {
	s.t.Helper()
	for start := time.Now(); slices.ContainsFunc(addresses, s.answers); {
		if time.Since(start) > patience {
			s.t.Fatalf("%v stay open\n%s", addresses, s.run(s.router, "nft", "list", "ruleset"))
		}
	}
}

// What is filtered takes no packet and sends none, is found by its neighbours, and forwards.
func TestFilteredAddressForwardsAndIsSilent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := s.open(Options{})
	must(t, f.Set(append(silent, Address{netip.MustParseAddr(linkLocal), s.router.Index("eth0")})))
	s.run(s.client, "ip", "neigh", "flush", "dev", "eth0")
	s.silentTo(true, virtual4, virtual6, linkLocal+"%eth0")
	s.silentTo(false, "10.99.0.1", "2001:db8:99::1")
	if !s.answers("10.98.0.9") {
		t.Error("nothing is forwarded")
	}
	must(t, s.router.Do(func() error {
		d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(virtual4)}}
		c, err := d.DialContext(t.Context(), "udp", "10.99.0.9:9")
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Write([]byte("x")); !errors.Is(err, unix.EPERM) {
			t.Errorf("%s sends: %v", virtual4, err)
		}
		return nil
	}))
	// The same link-local address elsewhere is another one.
	must(t, f.Set([]Address{{netip.MustParseAddr(linkLocal), s.router.Index("eth1")}}))
	s.silentTo(false, virtual4, virtual6, linkLocal+"%eth0")
	must(t, f.Close(true))
	if out := s.run(s.router, "nft", "list", "tables"); strings.Contains(out, DefaultTable) {
		t.Errorf("left: %s", out)
	}
}

// A process that is killed leaves silence, and the next one goes on with it.
func TestTableOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"owned", "plain"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			self, err := os.Executable()
			must(t, err)
			c := s.router.Command(t.Context(), self)
			c.Env = append(os.Environ(), holderVariable+"="+mode)
			out, err := c.StdoutPipe()
			must(t, err)
			must(t, c.Start())
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				t.Fatalf("%q %v", line, err)
			}
			s.silentTo(true, virtual4, virtual6)
			c.Kill()
			s.silentTo(true, virtual4, virtual6)
			f := s.open(Options{Plain: mode == "plain"})
			left := f.Left()
			slices.SortFunc(left, func(a, b Address) int { return a.Addr.Compare(b.Addr) })
			if !slices.Equal(left, silent) {
				t.Errorf("left: %v", left)
			}
			s.silentTo(true, virtual4, virtual6)
			must(t, f.Close(false))
			s.silentTo(true, virtual4, virtual6)
			must(t, s.router.Do(func() error { return Remove(t.Context(), DefaultTable) }))
			s.silentTo(false, virtual4, virtual6)
			must(t, s.router.Do(func() error { return Remove(t.Context(), DefaultTable) }))
		})
	}
}

// Who flushes the rules of the host does not open the address.
func TestFlushedTableIsRestored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	changed := make(chan error, 64)
	f := s.open(Options{Plain: true, Changed: func(err error) { changed <- err }})
	must(t, f.Set(silent))
	for _, args := range [][]string{{"flush", "ruleset"}, {"delete", "element", "inet", DefaultTable, "addresses4", "{", virtual4, "}"}, {"flush", "chain", "inet", DefaultTable, "input"}} {
		s.run(s.router, append([]string{"nft"}, args...)...)
		select {
		case err := <-changed:
			must(t, err)
		case <-time.After(5 * time.Second):
			t.Fatalf("nobody saw nft %v", args)
		}
		s.becomesSilent(virtual4, virtual6) // what was told may have been the change before
		s.silentTo(true, virtual4, virtual6)
	}
	must(t, f.Set(silent[:1]))
	s.silentTo(false, virtual6)
	must(t, f.Close(true))

	owned := s.open(Options{})
	must(t, owned.Set(silent))
	// A kernel with owners leaves the table alone; others let the watcher restore it.
	_, _ = s.router.Run(t.Context(), "nft", "flush", "ruleset")
	s.becomesSilent(virtual4)
	must(t, owned.Close(true))
}

// Thousands of addresses are one change.
func TestManyAddressesAreOneChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := s.open(Options{})
	var all []Address
	for i := range 3000 {
		all = append(all, Address{Addr: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})},
			Address{Addr: netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 14: byte(i >> 8), 15: byte(i)})})
	}
	start := time.Now()
	must(t, f.Set(append(all, silent...)))
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
	s.silentTo(true, virtual4, virtual6)
	must(t, f.Close(false))
	again := s.open(Options{})
	if n := len(again.Left()); n != len(all)+len(silent) {
		t.Errorf("%d addresses were found, want %d", n, len(all)+len(silent))
	}
	must(t, again.Set(silent))
	s.silentTo(true, virtual4, virtual6)
	must(t, again.Close(true))
}
