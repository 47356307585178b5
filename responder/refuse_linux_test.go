// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

var (
	vip4 = netip.MustParseAddr("10.99.0.100")
	vip6 = netip.MustParseAddr("fd99::100")
	own4 = netip.MustParseAddr("10.99.0.2")
	own6 = netip.MustParseAddr("fd99::2")
)

// prompt is how fast an error must reach the client here; the strict figure belongs to make proof.
const prompt = 100 * time.Millisecond

// site is a standby that holds the inherited addresses and runs wildcard listeners, and a client.
type site struct {
	t               *testing.T
	lab             *netlab.Lab
	standby, client *netlab.Node
}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	lab := netlab.Test(t)
	s := &site{t: t, lab: lab}
	s.standby = s.node("standby", own4.String()+"/24", own6.String()+"/64")
	s.hold(vip4, vip6)
	s.client = s.node("client", "10.99.0.1/24", "fd99::1/64")
	return s
}

func (s *site) node(name string, prefixes ...string) *netlab.Node {
	s.t.Helper()
	n, err := s.lab.Node(name, prefixes...)
	s.must(err)
	return n
}

// hold gives the standby addresses as takeover does: deprecated, so that they are nobody's source by default.
func (s *site) hold(addrs ...netip.Addr) {
	s.t.Helper()
	for _, a := range addrs {
		args := []string{"addr", "add", a.String() + "/32", "dev", "eth0"}
		if a.Is6() {
			args = []string{"addr", "add", a.String() + "/128", "dev", "eth0", "nodad", "preferred_lft", "0"}
		}
		s.run(s.standby, "ip", args...)
	}
}

// run runs a command in a node to its end.
func (s *site) run(n *netlab.Node, name string, args ...string) string {
	s.t.Helper()
	out, err := n.Run(s.t.Context(), name, args...)
	s.must(err)
	return out
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// open opens a responder on the standby and closes it with the test.
func (s *site) open(o Options) *Responder {
	s.t.Helper()
	r, err := s.tryOpen(o)
	s.must(err)
	s.t.Cleanup(func() {
		if err := r.Close(true); err != nil && !errors.Is(err, ErrClosed) {
			s.t.Errorf("close responder: %v", err)
		}
	})
	return r
}

func (s *site) tryOpen(o Options) (r *Responder, err error) {
	err = s.standby.Do(func() error {
		r, err = Open(s.t.Context(), o)
		return err
	})
	return r, err
}

// wildcards starts TCP and UDP servers of the standby on the port of every address of both families; each greets.
func (s *site) wildcards(port string) {
	s.t.Helper()
	l, err := s.standby.Listen("tcp", net.JoinHostPort("::", port))
	s.must(err)
	s.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("wrong service"))
			_ = c.Close()
		}
	}()
	p, err := s.standby.ListenPacket("udp", net.JoinHostPort("::", port))
	s.must(err)
	s.t.Cleanup(func() { _ = p.Close() })
	go func() {
		b := make([]byte, 1<<16)
		for {
			_, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = p.WriteTo([]byte("wrong service"), from)
		}
	}()
}

// outcome asks at the address and says what came of it: "answered", "refused", "timeout" or the error; and how fast.
func outcome(t *testing.T, n *netlab.Node, network string, addr netip.Addr, port uint16, question int) (string, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	start := time.Now()
	err := func() error {
		c, err := n.Dial(ctx, network, netip.AddrPortFrom(addr, port).String())
		if err != nil {
			return err
		}
		defer c.Close()
		deadline, _ := ctx.Deadline()
		if err := c.SetDeadline(deadline); err != nil {
			return err
		}
		if network == "udp" {
			if _, err := c.Write(make([]byte, question)); err != nil {
				return err
			}
		}
		_, err = c.Read(make([]byte, 100))
		return err
	}()
	took := time.Since(start)
	var ne net.Error
	switch {
	case err == nil:
		return "answered", took
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused", took
	case errors.As(err, &ne) && ne.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout", took
	}
	return err.Error(), took
}

// expect asserts what a client meets.
func (s *site) expect(n *netlab.Node, network string, addr netip.Addr, port uint16, want string) {
	s.t.Helper()
	got, took := outcome(s.t, n, network, addr, port, 1)
	if got != want {
		s.t.Errorf("%s from %s to %v port %d: want %s, got %s after %v", network, n.Name(), addr, port, want, got, took)
	}
	if want == "refused" && took > prompt {
		s.t.Errorf("%s from %s to %v port %d: refused after %v, want %v at most", network, n.Name(), addr, port, took, prompt)
	}
}

func whole(addrs ...netip.Addr) []Target {
	var ts []Target
	for _, a := range addrs {
		ts = append(ts, Target{Address: a})
	}
	return ts
}

// Wildcard listeners of the standby are in the way; remote and local clients are refused in both families, at once, and
// the standby's own addresses go on to answer.
func TestWholeAddressIsRefusedInSpiteOfWildcardListeners(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	for _, n := range []*netlab.Node{s.client, s.standby} {
		s.expect(n, "tcp", vip4, 5000, "answered")
		s.expect(n, "tcp", vip6, 5000, "answered")
	}
	r := s.open(Options{})
	if r.Mechanism() != "nftables" {
		t.Fatalf("mechanism %s: %s", r.Mechanism(), r.Detail())
	}
	s.must(r.SetRefused(whole(vip4, vip6)))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, network := range []string{"tcp", "udp"} {
			for _, port := range []uint16{5000, 5001} {
				s.expect(n, network, vip4, port, "refused")
				s.expect(n, network, vip6, port, "refused")
			}
			s.expect(n, network, own4, 5000, "answered")
			s.expect(n, network, own6, 5000, "answered")
		}
	}
}
