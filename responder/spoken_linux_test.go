// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/responder/answer"
	"github.com/regent-ha/regent/responder/speaker"
)

// plainWords answer each request, and datagrams that begin with a letter.
type plainWords struct{}

func (plainWords) Hear(f *answer.Facts, heard, out []byte) ([]byte, int, answer.Verdict) {
	if len(heard) == 0 {
		return out, 0, answer.Wait
	}
	return append(out, words(f)...), len(heard), answer.Close
}

func (plainWords) Answer(f *answer.Facts, request, out []byte) ([]byte, bool) {
	if request[0] != 'q' {
		return out, false
	}
	return append(out, words(f)...), true
}

func words(f *answer.Facts) string { return fmt.Sprintf("%s at %v is away", f.Service, f.Local) }

// speak opens a speaker and a responder on the standby that answer at the port in words, and refuse the rest.
func (s *site) speak(o speaker.Options, port uint16) (*Responder, *speaker.Speaker) {
	s.t.Helper()
	var sp *speaker.Speaker
	s.must(s.standby.Do(func() (err error) {
		sp, err = speaker.Open(o)
		return err
	}))
	s.t.Cleanup(func() {
		if err := sp.Close(); err != nil {
			s.t.Errorf("close speaker: %v", err)
		}
	})
	lines := map[speaker.Port]speaker.Line{}
	var ts []Target
	for _, a := range []netip.Addr{vip4, vip6} {
		ts = append(ts, Target{Address: a, Spoken: []Port{{TCP, port}, {UDP, port}}})
		for _, p := range []uint8{TCP, UDP} {
			lines[speaker.Port{Address: a, Protocol: p, Number: port}] = speaker.Line{Stream: plainWords{}, Datagram: plainWords{}, Service: "orders"}
		}
	}
	sp.Set(lines)
	r := s.open(Options{Speaker: Speaker(sp.Ports())})
	s.must(r.SetRefused(ts))
	return r, sp
}

// hears asks at the address, from a source if it is valid, and returns what is said.
func hears(t *testing.T, n *netlab.Node, network string, from, addr netip.Addr, port uint16, question string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var c net.Conn
	err := n.Do(func() (err error) {
		d := net.Dialer{}
		if from.IsValid() && network == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
		c, err = d.DialContext(ctx, network, netip.AddrPortFrom(addr, port).String())
		return err
	})
	if err != nil {
		return "", err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(question)); err != nil {
		return "", err
	}
	if network == "udp" {
		b := make([]byte, 1500)
		m, err := c.Read(b)
		return string(b[:m]), err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// longQuestion leaves room for its reply.
var longQuestion = "q" + strings.Repeat(".", 100)

func (s *site) expectWords(n *netlab.Node, network string, from, addr netip.Addr, port uint16) {
	s.t.Helper()
	want := fmt.Sprintf("orders at %v is away", netip.AddrPortFrom(addr, port))
	if got, err := hears(s.t, n, network, from, addr, port, longQuestion); got != want || err != nil {
		s.t.Errorf("%s from %s (%v) to %v: want %q, got %q, %v", network, n.Name(), from, addr, want, got, err)
	}
}

// Spoken ports get words, in spite of wildcard listeners, from the inherited address: for remote clients, for clients on
// this host, and for those that call from the inherited address itself. All other ports are refused.
func TestSpokenPortsAnswerInWords(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	r, sp := s.speak(speaker.Options{}, 5000)
	for _, a := range []netip.Addr{vip4, vip6} {
		for _, n := range []*netlab.Node{s.client, s.standby} {
			for _, network := range []string{"tcp", "udp"} {
				s.expectWords(n, network, netip.Addr{}, a, 5000)
				s.expect(n, network, a, 5001, "refused")
			}
		}
		s.expectWords(s.standby, "tcp", a, a, 5000)
		s.expect(s.client, "udp", a, 5000, "refused") // one octet that is no question: no words, but an error
		s.expect(s.standby, "udp", a, 5000, "refused")
		s.eventually(func() error { // a client may hear before it is counted
			if c := sp.Counters()[a]; c != (speaker.Count{Answers: 5, Unreachables: 2}) {
				return fmt.Errorf("counters of %v: %+v", a, c)
			}
			return nil
		})
	}
	s.must(r.Serve([]netip.Addr{vip4, vip6}, 0))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	if got, err := hears(t, s.client, "tcp", netip.Addr{}, vip6, 5000, ""); got != "wrong service" {
		t.Errorf("served: got %q, %v", got, err)
	}
	s.must(r.Withdraw([]netip.Addr{vip4, vip6}))
	s.expectWords(s.client, "tcp", netip.Addr{}, vip4, 5000)
}

// When the speaker is gone, clients get the reset that they would get without it, never the wrong service.
func TestWithoutItsSpeakerASpokenPortIsRefused(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	_, sp := s.speak(speaker.Options{}, 5000)
	s.expectWords(s.client, "tcp", netip.Addr{}, vip4, 5000)
	s.must(sp.Close())
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, a := range []netip.Addr{vip4, vip6} {
			s.expect(n, "tcp", a, 5000, "refused")
			s.expect(n, "udp", a, 5000, "refused")
		}
	}
}

// A published container port is a destination NAT behind our rules; it must not take connections from the speaker, whether
// it was there before or comes later.
func TestTranslatedPortAnswersInWords(t *testing.T) {
	const docker = `
table ip docker {
	chain pre { type nat hook prerouting priority -100
		meta l4proto { tcp, udp } th dport 5000 dnat to 10.99.0.2:6000
	}
}
table ip6 docker {
	chain pre { type nat hook prerouting priority -100
		meta l4proto { tcp, udp } th dport 5000 dnat to [fd99::2]:6000
	}
}`
	s := newSite(t)
	s.wildcards("6000")
	s.nft(s.standby, docker)
	s.speak(speaker.Options{}, 5000)
	s.eventually(func() error { return s.identityStands(true) })
	for _, a := range []netip.Addr{vip4, vip6} {
		s.expectWords(s.client, "tcp", netip.Addr{}, a, 5000)
		s.expectWords(s.client, "udp", netip.Addr{}, a, 5000)
	}
	s.expect(s.client, "tcp", own4, 5000, "answered") // the container's port, where it belongs
	s.run(s.standby, "nft", "delete", "table", "ip", "docker")
	s.run(s.standby, "nft", "delete", "table", "ip6", "docker")
	s.eventually(func() error { return s.identityStands(false) })
	s.expectWords(s.client, "tcp", netip.Addr{}, vip4, 5000)
	s.nft(s.standby, docker)
	s.eventually(func() error { return s.identityStands(true) })
	s.expectWords(s.client, "tcp", netip.Addr{}, vip4, 5000)
}

// identityStands reports whether the chain that binds spoken connections is there as wanted.
func (s *site) identityStands(want bool) error {
	if got := strings.Contains(s.run(s.standby, "nft", "list", "table", "inet", DefaultTable), "chain identity"); got != want {
		return fmt.Errorf("chain identity: want %t, got %t", want, got)
	}
	return nil
}

// eventually asks again and again for twice the time that the responder takes to look.
func (s *site) eventually(f func() error) {
	s.t.Helper()
	err := f()
	for limit := time.Now().Add(2*identityInterval + 5*time.Second); err != nil && time.Now().Before(limit); err = f() {
		time.Sleep(50 * time.Millisecond)
	}
	s.must(err)
}

// Clients beyond what the speaker bears get a reset at once: silence is for nobody.
func TestClientsBeyondALimitAreReset(t *testing.T) {
	s := newSite(t)
	_, sp := s.speak(speaker.Options{Connections: 3, PerSource: 2}, 5000)
	idle := func(n *netlab.Node, a netip.Addr) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c, err := n.Dial(ctx, "tcp", netip.AddrPortFrom(a, 5000).String())
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			err = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
		}
		return c, err
	}
	waits := func(what string, n *netlab.Node, a netip.Addr, want error) {
		c, err := idle(n, a)
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		var ne net.Error
		if timeout := errors.As(err, &ne) && ne.Timeout(); timeout != (want == nil) || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: want %v (nil: it is heard out), got %v", what, want, err)
		}
	}
	waits("first of the client", s.client, vip4, nil)
	waits("second of the client", s.client, vip4, nil)
	waits("third of the client", s.client, vip4, unix.ECONNRESET)
	waits("first of another family, third in all", s.client, vip6, nil)
	waits("fourth in all", s.standby, vip6, unix.ECONNRESET)
	if got := sp.Counters()[vip4].Resets; got != 1 {
		t.Errorf("resets counted: %d", got)
	}
}
