// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(holderVariable); mode != "" {
		fmt.Fprintln(os.Stderr, runHolder(mode))
		os.Exit(1)
	}
	os.Exit(netlab.Main(m))
}

var (
	vip4 = netip.MustParseAddr("10.99.0.100")
	vip6 = netip.MustParseAddr("fd99::100")
	own4 = netip.MustParseAddr("10.99.0.2")
	own6 = netip.MustParseAddr("fd99::2")
)

// prompt is how fast an error must reach the client on a busy machine: well before a SYN is sent again after 1 s. The
// strict figure belongs to make proof.
const prompt = 500 * time.Millisecond

// site is a standby that holds the inherited addresses and runs wildcard listeners, and a client.
type site struct {
	t               *testing.T
	lab             *netlab.Lab
	standby, client *netlab.Node
}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Parallel()
	return soloSite(t)
}

// soloSite is a site for a test that has the machine for itself.
func soloSite(t *testing.T) *site {
	t.Helper()
	lab := netlab.Test(t)
	s := &site{t: t, lab: lab}
	s.standby = s.node("standby", own4.String()+"/24", own6.String()+"/64")
	s.hold(vip4, vip6)
	s.client = s.node("client", "10.99.0.1/24", "fd99::1/64")
	// The first frame of a fresh bridge port may be lost; what is measured later must not pay for it.
	for _, a := range []netip.Addr{own4, own6} {
		if got, _ := outcome(t, s.client, "tcp", a, 1, 1); got != "refused" {
			t.Fatalf("the standby at %v: %s", a, got)
		}
	}
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
		// The kernel makes an IPv6 address local some time after it has accepted it; a packet in between is lost.
		for limit := time.Now().Add(2 * time.Second); a.Is6(); {
			if strings.Contains(s.run(s.standby, "ip", "-6", "route", "show", "table", "local"), "local "+a.String()+" ") {
				break
			}
			if time.Now().After(limit) {
				s.t.Fatalf("%s does not become local", a)
			}
		}
	}
}

// run runs a command in a node to its end.
func (s *site) run(n *netlab.Node, name string, args ...string) string {
	s.t.Helper()
	out, err := n.Run(s.t.Context(), name, args...)
	s.must(err)
	return out
}

// nft loads rules of the host, as its owner would.
func (s *site) nft(n *netlab.Node, rules string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "rules.nft")
	s.must(os.WriteFile(file, []byte(rules), 0o600))
	s.run(n, "nft", "-f", file)
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
	byEach(t, wholeAddressIsRefused)
}

func wholeAddressIsRefused(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	for _, n := range []*netlab.Node{s.client, s.standby} {
		s.expect(n, "tcp", vip4, 5000, "answered")
		s.expect(n, "tcp", vip6, 5000, "answered")
	}
	r := s.open(o)
	if lookup := r.Mechanism() == "sk_lookup"; lookup != o.Lookup {
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

// Only the listed ports are refused; everything else at the address is the host's.
func TestPortFormLeavesTheRestOfTheAddressAlone(t *testing.T) { byEach(t, portFormLeavesTheRest) }

func portFormLeavesTheRest(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	s.wildcards("5001")
	r := s.open(o)
	s.must(r.SetRefused([]Target{
		{Address: vip4, Ports: []Port{{TCP, 5000}, {UDP, 5001}}},
		{Address: vip6, Ports: []Port{{TCP, 5000}, {UDP, 5001}}},
	}))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, a := range []netip.Addr{vip4, vip6} {
			s.expect(n, "tcp", a, 5000, "refused")
			s.expect(n, "tcp", a, 5001, "answered")
			s.expect(n, "udp", a, 5001, "refused")
		}
	}
	// A wildcard UDP server answers from its own address, which a connected client does not hear: look at the server.
	s.must(r.SetRefused([]Target{{Address: vip4, Ports: []Port{{TCP, 5000}}}}))
	s.expect(s.standby, "udp", vip4, 5001, "answered")
	s.expect(s.standby, "udp", vip6, 5001, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
}

// A datagram larger than the link comes in fragments, whose checksum reject cannot verify.
func TestFragmentedDatagramIsAnswered(t *testing.T) { byEach(t, fragmentedDatagramIsAnswered) }

func fragmentedDatagramIsAnswered(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(o)
	s.must(r.SetRefused(whole(vip4, vip6)))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, a := range []netip.Addr{vip4, vip6} {
			if got, took := outcome(t, n, "udp", a, 5000, 5000); got != "refused" || took > prompt {
				t.Errorf("5000 octets from %s to %v: want refused, got %s after %v", n.Name(), a, got, took)
			}
		}
	}
}

// A published container port is a destination NAT; refusing comes before it.
func TestTranslatedPortIsRefused(t *testing.T) {
	s := newSite(t)
	s.wildcards("6000")
	s.nft(s.standby, `
table ip docker {
	chain pre { type nat hook prerouting priority -100
		tcp dport 5000 dnat to 10.99.0.2:6000
	}
	chain out { type nat hook output priority -100
		tcp dport 5000 dnat to 10.99.0.2:6000
	}
}
table ip6 docker {
	chain pre { type nat hook prerouting priority -100
		tcp dport 5000 dnat to [fd99::2]:6000
	}
}`)
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.expect(s.client, "udp", vip4, 5000, "refused") // with connection tracking, too
}

// Answers are made before the host's INPUT; what is dropped there would otherwise be silence.
func TestFirewallThatDropsInputDoesNotSilence(t *testing.T) {
	s := newSite(t)
	s.nft(s.standby, `
table inet firewall {
	chain input { type filter hook input priority 0; policy drop
		iif lo accept
		meta l4proto ipv6-icmp accept
		ct state established,related accept
		ct state invalid drop
	}
}`)
	s.expect(s.client, "tcp", vip4, 5000, "timeout")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, network := range []string{"tcp", "udp"} {
			s.expect(n, network, vip4, 5000, "refused")
			s.expect(n, network, vip6, 5000, "refused")
		}
	}
}

// Nor do firewalls that let out only what belongs to a connection: the answers do, and yet leave no entry behind.
func TestStatefulFirewallOnTheWayOutDoesNotSilence(t *testing.T) {
	for _, c := range []struct{ name, rules string }{
		{"drops what is invalid", "type filter hook output priority 0; policy accept\nct state invalid drop"},
		{"lets out what is established", `type filter hook output priority 0; policy drop
			oif lo accept
			icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
			ct state established,related accept`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.nft(s.standby, "table inet firewall {\nchain output {\n"+c.rules+"\n}\n}")
			r := s.open(Options{})
			s.must(r.SetRefused(whole(vip4, vip6)))
			for _, network := range []string{"tcp", "udp"} {
				s.expect(s.client, network, vip4, 5000, "refused")
				s.expect(s.client, network, vip6, 5000, "refused")
			}
			if n, err := s.standby.Sysctl("net.netfilter.nf_conntrack_count"); err != nil || n != "0" {
				t.Errorf("connections tracked: want 0, got %s, %v", n, err)
			}
			s.expect(s.standby, "tcp", vip4, 5000, "refused")
			s.expect(s.standby, "udp", vip6, 5000, "refused")
		})
	}
}

// A Backup that routes: what it merely forwards to the living owner passes, whole datagrams and fragments, although the
// same address is in its sets; and when it holds the address itself it refuses.
func TestForwardedTrafficIsNotTouched(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	s := &site{t: t, lab: lab}
	s.standby = s.node("backup", own4.String()+"/24", own6.String()+"/64")
	far, err := lab.Network("far", netlab.NetworkOptions{})
	s.must(err)
	_, err = s.standby.Attach(far, "eth1", "10.98.0.2/24", "fd98::2/64")
	s.must(err)
	s.client, err = lab.Island("client")
	s.must(err)
	_, err = s.client.Attach(far, "eth0", "10.98.0.1/24", "fd98::1/64")
	s.must(err)
	s.must(s.standby.Forward())
	s.must(s.client.Route("default", "10.98.0.2"))
	s.must(s.client.Route("fd99::/64", "fd98::2"))
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))

	backup := s.standby
	s.standby = s.node("owner", vip4.String()+"/24", vip6.String()+"/64") // the wildcard servers run on the owner
	s.must(s.standby.Route("default", own4.String()))
	s.must(s.standby.Route("fd98::/64", own6.String()))
	s.wildcards("5000")
	for _, a := range []netip.Addr{vip4, vip6} {
		s.expect(s.client, "tcp", a, 5000, "answered")
		s.expect(s.client, "udp", a, 5000, "answered")
		if got, _ := outcome(t, s.client, "udp", a, 5000, 5000); got != "answered" {
			t.Errorf("5000 octets to %v through the backup: want answered, got %s", a, got)
		}
		s.expect(s.client, "tcp", a, 5001, "refused") // by the owner's kernel
	}
	counts, err := r.Counters()
	s.must(err)
	for a, n := range counts {
		if n != (Count{}) {
			t.Errorf("the backup answered for %v: %+v", a, n)
		}
	}

	s.standby = backup
	s.hold(vip4, vip6)
	for _, a := range []netip.Addr{vip4, vip6} {
		s.await(a, "refused", 5*time.Second) // the kernel makes an IPv6 address local a moment after it has taken it
		s.expect(s.client, "tcp", a, 5000, "refused")
		s.expect(s.client, "udp", a, 5000, "refused")
	}
}

// The address itself stays alive: echo requests and neighbour discovery are the kernel's, also for a link-local
// address, and a client on the host is refused at that one too.
func TestRefusedAddressIsStillANeighbour(t *testing.T) { byEach(t, refusedAddressIsStillANeighbour) }

func refusedAddressIsStillANeighbour(t *testing.T, o Options) {
	s := newSite(t)
	link6 := netip.MustParseAddr("fe80::1:100")
	s.hold(link6)
	s.wildcards("5000")
	r := s.open(o)
	s.must(r.SetRefused(whole(vip4, vip6, link6)))
	s.must(echo(s.client, vip4))
	s.must(echo(s.client, vip6))
	s.run(s.client, "ip", "neigh", "flush", "all")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	for _, n := range []*netlab.Node{s.client, s.standby} {
		a := link6.WithZone("eth0")
		s.expect(n, "tcp", a, 5000, "refused")
		s.expect(n, "udp", a, 5000, "refused")
	}
}

// echo sends an ICMP echo request and waits for the reply.
func echo(n *netlab.Node, addr netip.Addr) error {
	var c *icmp.PacketConn
	err := n.Do(func() (err error) {
		if addr.Is6() {
			c, err = icmp.ListenPacket("ip6:ipv6-icmp", "::")
		} else {
			c, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		}
		return err
	})
	if err != nil {
		return err
	}
	defer c.Close()
	m, proto := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: 7, Seq: 1}}, 1
	var want icmp.Type = ipv4.ICMPTypeEchoReply
	if addr.Is6() {
		m.Type, want, proto = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, 58
	}
	request, err := m.Marshal(nil)
	if err != nil {
		return err
	}
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := c.WriteTo(request, &net.IPAddr{IP: addr.AsSlice()}); err != nil {
		return err
	}
	for b := make([]byte, 1500); ; {
		size, from, err := c.ReadFrom(b)
		if err != nil {
			return fmt.Errorf("no echo from %v: %w", addr, err)
		}
		if a, err := icmp.ParseMessage(proto, b[:size]); err == nil && a.Type == want && from.String() == addr.String() {
			return nil
		}
	}
}

// Every protocol that a service may speak gets an answer: from the rules, or from the kernel where nothing handles it.
func TestOtherProtocolsAreAnswered(t *testing.T) {
	s := newSite(t)
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	for _, c := range []struct {
		name  string
		addr  netip.Addr
		proto int
		want  error
	}{
		{"SCTP", vip4, unix.IPPROTO_SCTP, unix.ENOPROTOOPT},
		{"UDP-Lite", vip4, unix.IPPROTO_UDPLITE, unix.ENOPROTOOPT},
		{"ESP", vip4, unix.IPPROTO_ESP, unix.ENOPROTOOPT},
		{"an unused protocol", vip4, 253, unix.ENOPROTOOPT},
		{"SCTP", vip6, unix.IPPROTO_SCTP, unix.ECONNREFUSED},
		{"UDP-Lite", vip6, unix.IPPROTO_UDPLITE, unix.ECONNREFUSED},
		{"ESP", vip6, unix.IPPROTO_ESP, unix.ECONNREFUSED},
		{"an unused protocol", vip6, 253, unix.EPROTO},
	} {
		// The kernel lets few ICMP errors through at a time: ask again rather than take a held one for silence.
		deadline := time.Now().Add(10 * time.Second)
		var err error
		for err = rawError(s.client, c.addr, c.proto); errors.Is(err, unix.EAGAIN) && time.Now().Before(deadline); {
			err = rawError(s.client, c.addr, c.proto)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s to %v: want %v, got %v", c.name, c.addr, c.want, err)
		}
	}
}

// rawError sends one packet of a protocol and returns the error that comes back.
func rawError(n *netlab.Node, addr netip.Addr, proto int) error {
	return n.Do(func() error {
		family, level, option := unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVERR
		var to unix.Sockaddr
		if addr.Is6() {
			family, level, option = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVERR
			to = &unix.SockaddrInet6{Addr: addr.As16()}
		} else {
			to = &unix.SockaddrInet4{Addr: addr.As4()}
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW, proto)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300_000}); err != nil {
			return err
		}
		if err := unix.Connect(fd, to); err != nil {
			return err
		}
		if _, err := unix.Write(fd, make([]byte, 24)); err != nil {
			return err
		}
		_, err = unix.Read(fd, make([]byte, 100))
		return err
	})
}
