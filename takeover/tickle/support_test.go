// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/flow"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

var virtual = []netip.Prefix{netip.MustParsePrefix("10.99.0.101/24"), netip.MustParsePrefix("fd99::101/64")}

// site is a client, the node that performs the service, and the one that will inherit its addresses.
type site struct {
	t                   testing.TB
	lab                 *netlab.Lab
	client, owner, heir *netlab.Node
	announcer           *takeover.Announcer
	sender              *Sender
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, lab: netlab.Test(t)}
	s.client = s.node("client", "10.99.0.1/24", "fd99::1/64")
	s.owner = s.node("owner", "10.99.0.2/24", "fd99::2/64", virtual[0].String(), virtual[1].String())
	s.heir = s.node("heir", "10.99.0.3/24", "fd99::3/64")
	for _, addr := range []string{"10.99.0.1:9", "[fd99::1]:9"} { // the heir knows where the client is, as it would know a router
		if c, err := s.heir.Dial(t.Context(), "tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			if err == nil {
				c.Close()
			}
			t.Fatalf("heir to %s: %v, want connection refused", addr, err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	s.must(s.heir.Do(func() (err error) {
		if s.announcer, err = takeover.NewAnnouncer(log); err == nil {
			s.sender, err = Open(Options{})
		}
		return err
	}))
	t.Cleanup(func() { s.must(errors.Join(s.sender.Close(), s.announcer.Close())) })
	return s
}

func (s *site) node(name string, prefixes ...string) *netlab.Node {
	s.t.Helper()
	n, err := s.lab.Node(name, prefixes...)
	s.must(err)
	return n
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) run(n *netlab.Node, name string, args ...string) string {
	s.t.Helper()
	out, err := n.Run(context.Background(), name, args...)
	s.must(err)
	return out
}

// talk is a connection with both its ends.
type talk struct{ client, server *net.TCPConn }

// connect opens n connections to each virtual address and says some words on each.
func (s *site) connect(n int) []talk {
	s.t.Helper()
	l, err := s.owner.Listen("tcp", "[::]:5432")
	s.must(err)
	s.t.Cleanup(func() { l.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var talks []talk
	for range n {
		for _, v := range virtual {
			c, err := s.client.Dial(ctx, "tcp", netip.AddrPortFrom(v.Addr(), 5432).String())
			s.must(err)
			a, err := l.Accept()
			s.must(err)
			one := talk{c.(*net.TCPConn), a.(*net.TCPConn)}
			s.t.Cleanup(func() { one.client.Close(); one.server.Close() })
			for _, way := range [][2]net.Conn{{one.client, one.server}, {one.server, one.client}} {
				_, err := way[0].Write([]byte("some words"))
				s.must(err)
				_, err = io.ReadFull(way[1], make([]byte, 10))
				s.must(err)
			}
			talks = append(talks, one)
		}
	}
	// A late acknowledgement that meets the heir would be answered with a reset.
	s.eventually("everything is acknowledged", func() bool {
		for _, one := range talks {
			raw, err := one.server.SyscallConn()
			s.must(err)
			left := -1
			s.must(raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }))
			s.must(err)
			if left > 0 {
				return false
			}
		}
		return true
	})
	return talks
}

// sample returns the connections with their numbers, which it gets from the server's sockets (tcp(7), TCP_REPAIR).
func (s *site) sample(talks []talk) []flow.Flow {
	s.t.Helper()
	var flows []flow.Flow
	for _, one := range talks {
		addr := func(a net.Addr) netip.AddrPort {
			p := a.(*net.TCPAddr).AddrPort()
			return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
		}
		f := flow.Flow{Local: addr(one.server.LocalAddr()), Remote: addr(one.server.RemoteAddr()), Exact: true}
		raw, err := one.server.SyscallConn()
		s.must(err)
		var failed error
		s.must(raw.Control(func(fd uintptr) { f.Send, f.Receive, failed = numbers(int(fd)) }))
		s.must(failed)
		flows = append(flows, f)
	}
	return flows
}

func numbers(fd int) (send, receive uint32, err error) {
	// linux/tcp.h
	const queueReceive, queueSend, on, offQuietly = 1, 2, 1, -1
	var errs []error
	set := func(option, value int) { errs = append(errs, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, option, value)) }
	get := func(queue int) uint32 {
		set(unix.TCP_REPAIR_QUEUE, queue)
		n, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
		errs = append(errs, err)
		return uint32(n)
	}
	set(unix.TCP_REPAIR, on)
	send, receive = get(queueSend), get(queueReceive)
	set(unix.TCP_REPAIR, offQuietly)
	return send, receive, errors.Join(errs...)
}

// unknown returns the connections without their numbers.
func unknown(flows []flow.Flow) []flow.Flow {
	flows = slices.Clone(flows)
	for i := range flows {
		flows[i].Exact, flows[i].Send, flows[i].Receive = false, 0, 0
	}
	return flows
}

// moved returns the connections as they were some octets ago.
func moved(flows []flow.Flow, by uint32) []flow.Flow {
	flows = slices.Clone(flows)
	for i := range flows {
		flows[i].Send -= by
		flows[i].Receive -= by
	}
	return flows
}

// inherit cuts the owner off and gives its addresses to the heir, who announces them.
func (s *site) inherit() {
	s.t.Helper()
	s.must(s.owner.Cut())
	var as []takeover.Announcement
	var mac takeover.MAC
	copy(mac[:], s.heir.Port("eth0").MAC())
	for _, v := range virtual {
		args := []string{"addr", "add", v.String(), "dev", "eth0"}
		if v.Addr().Is6() {
			args = append(args, "nodad")
		}
		s.run(s.heir, "ip", args...)
		as = append(as, takeover.Announcement{Address: v.Addr(), Link: s.heir.Index("eth0"), HardwareAddr: mac})
	}
	s.announcer.Start(as, takeover.Policy{})
	s.eventually("the announcements have left", func() bool { return s.announcer.Stats().Sent == uint64(len(as)) })
}

// routed gives the heir routes to the clients of a crowd.
func (s *site) routed() {
	s.t.Helper()
	s.must(s.heir.Route("10.0.0.0/8", "10.99.0.1"))
	s.must(s.heir.Route("fd00::/8", "fd99::1"))
}

func (s *site) eventually(what string, ok func() bool) {
	s.t.Helper()
	for start := time.Now(); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Since(start) > 5*time.Second {
			s.t.Fatalf("not within 5 s: %s", what)
		}
	}
}

// ending is how and when a client's read ended.
type ending struct {
	after time.Duration
	err   error
}

// tickle starts the sender and waits for the reads of the clients, which end after limit at the latest.
func (s *site) tickle(talks []talk, flows []flow.Flow, limit time.Duration) []ending {
	s.t.Helper()
	ended := make([]chan ending, len(talks))
	start := time.Now()
	for i, one := range talks {
		s.must(one.client.SetReadDeadline(start.Add(limit)))
		ended[i] = make(chan ending, 1)
		go func() {
			_, err := io.Copy(io.Discard, one.client) // not only the first that is waiting
			ended[i] <- ending{time.Since(start), err}
		}()
	}
	s.sender.Start(flow.NewList(flows))
	var all []ending
	for i := range ended {
		all = append(all, <-ended[i])
	}
	return all
}

// reset says that a read ended with a reset, in time.
func (e ending) reset(limit time.Duration) bool {
	return errors.Is(e.err, syscall.ECONNRESET) && e.after <= limit
}
