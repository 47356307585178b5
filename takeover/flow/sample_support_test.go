// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

// errSampleForced stands for whatever may keep the iterator from working.
var errSampleForced = errors.New("forbidden by the test")

// sampleKinds are the mechanisms that tests go through.
var sampleKinds = []struct {
	name      string
	forbidden error
}{{MechanismBPF, nil}, {MechanismDiag, errSampleForced}}

// sampleEach runs a test with each mechanism.
func sampleEach(t *testing.T, f func(t *testing.T, open func(t testing.TB, n *netlab.Node) *Sampler)) {
	for _, kind := range sampleKinds {
		t.Run(kind.name, func(t *testing.T) {
			f(t, func(t testing.TB, n *netlab.Node) *Sampler { return sampleOn(t, n, kind.name, kind.forbidden) })
		})
	}
}

// sampleOn opens a Sampler in a node. Where the kernel does not let this process have the wanted mechanism the test is
// skipped: inside a user namespace, and on old kernels.
func sampleOn(t testing.TB, n *netlab.Node, want string, forbidden error) *Sampler {
	t.Helper()
	var s *Sampler
	sampleMust(t, n.Do(func() (err error) {
		s, err = sampleOpen(slog.New(slog.DiscardHandler), forbidden)
		return err
	}))
	t.Cleanup(func() { sampleMust(t, s.Close()) })
	if got, detail := s.Mechanism(); got != want {
		if os.Getenv(netlab.RequireVariable) == "1" && os.Geteuid() == 0 && sampleFirstUserSpace() {
			t.Fatalf("mechanism %s (%s), want %s", got, detail, want)
		}
		t.Skipf("mechanism %s is not to be had here: %s", want, detail)
	}
	return s
}

// sampleFirstUserSpace says whether this process is in the user namespace in which capabilities count for BPF.
func sampleFirstUserSpace() bool {
	m, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && slices.EqualFunc(bytes.Fields(m), []string{"0", "0", "4294967295"},
		func(a []byte, b string) bool { return string(a) == b })
}

func sampleMust(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// samplePair is a lab of two nodes.
func samplePair(t testing.TB) (lab *netlab.Lab, a, b *netlab.Node) {
	t.Helper()
	lab = netlab.Test(t)
	a, err := lab.Node("a", "10.99.0.1/24", "10.99.0.11/24", "fd99::1/64", "fd99::11/64")
	sampleMust(t, err)
	b, err = lab.Node("b", "10.99.0.2/24", "fd99::2/64")
	sampleMust(t, err)
	return lab, a, b
}

// sampleTalk is a connection with both its ends.
type sampleTalk struct{ server, client net.Conn }

// flow is how the server's node should list it.
func (c sampleTalk) flow() Flow {
	return Flow{Local: sampleAddr(c.server.LocalAddr()), Remote: sampleAddr(c.server.RemoteAddr())}
}

func sampleAddr(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// sampleConnect connects from one node to a listener of another; network "tcp" at [::] takes IPv4 in IPv6 sockets.
func sampleConnect(t testing.TB, from, to *netlab.Node, listen string, addrs ...string) []sampleTalk {
	t.Helper()
	l, err := to.Listen("tcp", net.JoinHostPort(listen, "0"))
	sampleMust(t, err)
	t.Cleanup(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	sampleMust(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var talks []sampleTalk
	for _, addr := range addrs {
		client, err := from.Dial(ctx, "tcp", net.JoinHostPort(addr, port))
		sampleMust(t, err)
		server, err := l.Accept()
		sampleMust(t, err)
		t.Cleanup(func() { client.Close(); server.Close() })
		talks = append(talks, sampleTalk{server, client})
	}
	return talks
}

// say sends bytes from the client to the server and as many back.
func (c sampleTalk) say(t testing.TB, n int) {
	t.Helper()
	b := make([]byte, n)
	for _, way := range [][2]net.Conn{{c.client, c.server}, {c.server, c.client}} {
		_, err := way[0].Write(b)
		sampleMust(t, err)
		_, err = io.ReadFull(way[1], b)
		sampleMust(t, err)
	}
}

// sampleList samples and sorts, without sequence numbers.
func sampleList(t testing.TB, s *Sampler, addrs ...string) []Flow {
	t.Helper()
	var as []netip.Addr
	for _, a := range addrs {
		as = append(as, netip.MustParseAddr(a))
	}
	list, err := s.Sample(as, nil)
	sampleMust(t, err)
	name, _ := s.Mechanism()
	for i, f := range list {
		if f.Exact != (name == MechanismBPF) {
			t.Errorf("exact %v with %s: %v", f.Exact, name, f)
		}
		list[i].Exact, list[i].Send, list[i].Receive = false, 0, 0
	}
	return sampleSorted(list)
}

func sampleSorted(list []Flow) []Flow {
	slices.SortFunc(list, func(a, b Flow) int {
		return cmp.Or(a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	})
	return list
}

func sampleFlows(talks ...sampleTalk) []Flow {
	var list []Flow
	for _, c := range talks {
		list = append(list, c.flow())
	}
	return sampleSorted(list)
}

// sampleUntil polls until ok.
func sampleUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}
