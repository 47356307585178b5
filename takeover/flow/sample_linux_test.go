// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/regent-ha/regent/internal/netlab"
)

// sampleSame compares lists; no flows are no flows.
var sampleSame = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty()}

func TestSampleListsTheConnectionsOfAnAddress(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		_, a, b := samplePair(t)
		own4 := sampleConnect(t, b, a, "0.0.0.0", "10.99.0.1", "10.99.0.11", "10.99.0.1")
		both := sampleConnect(t, b, a, "::", "10.99.0.1", "10.99.0.11", "fd99::1", "fd99::11", "fd99::1")
		s := open(t, a)
		for _, test := range []struct {
			name  string
			addrs []string
			want  []Flow
		}{
			{"ipv4 and mapped ipv4", []string{"10.99.0.1"}, sampleFlows(own4[0], own4[2], both[0])},
			{"asked as a mapped address", []string{"::ffff:10.99.0.1"}, sampleFlows(own4[0], own4[2], both[0])},
			{"another address", []string{"10.99.0.11"}, sampleFlows(own4[1], both[1])},
			{"ipv6", []string{"fd99::1"}, sampleFlows(both[2], both[4])},
			{"several", []string{"fd99::11", "10.99.0.11", "10.99.0.11"}, sampleFlows(own4[1], both[1], both[3])},
			{"all", []string{"10.99.0.1", "10.99.0.11", "fd99::1", "fd99::11"}, sampleFlows(append(own4, both...)...)},
			{"the client's", []string{"10.99.0.2", "fd99::2"}, nil},
			{"any", []string{"0.0.0.0", "::"}, nil},
			{"none", nil, nil},
		} {
			if diff := cmp.Diff(test.want, sampleList(t, s, test.addrs...), sampleSame); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	})
}

func TestSampleAsksForManyAddresses(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		_, a, b := samplePair(t)
		talks := sampleConnect(t, b, a, "::", "10.99.0.1", "10.99.0.11", "fd99::1", "fd99::11")
		s := open(t, a)
		for _, n := range []int{diagCompared - 2, diagCompared - 1, 10 * diagCompared, 2} { // the kernel compares, and does not
			addrs := []string{"10.99.0.1", "fd99::11"}
			for i := range n {
				addrs = append(addrs, netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String())
			}
			slices.Reverse(addrs)
			if diff := cmp.Diff(sampleFlows(talks[0], talks[3]), sampleList(t, s, addrs...), sampleSame); diff != "" {
				t.Errorf("%d more addresses (-want +got):\n%s", n, diff)
			}
		}
	})
}

// Each node sees its own side, also through a Sampler that is used by a thread in another namespace, as all are here.
func TestSampleSeesItsOwnNamespace(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		lab, a, b := samplePair(t)
		twin, err := lab.Island("twin") // has the same address, and nothing to do with a
		sampleMust(t, err)
		l, err := twin.Listen("tcp", "127.0.0.1:0")
		sampleMust(t, err)
		t.Cleanup(func() { l.Close() })
		talks := sampleConnect(t, b, a, "::", "10.99.0.1", "fd99::1")
		mirrored := []Flow{}
		for _, f := range sampleFlows(talks...) {
			mirrored = append(mirrored, Flow{Local: f.Remote, Remote: f.Local})
		}
		own := sampleConnect(t, twin, twin, "127.0.0.1", "127.0.0.1")
		inA, inB, inTwin := open(t, a), open(t, b), open(t, twin)
		all := []string{"10.99.0.1", "fd99::1", "10.99.0.2", "fd99::2", "127.0.0.1"}
		for range 3 { // taking turns
			if diff := cmp.Diff(sampleFlows(talks...), sampleList(t, inA, all...), sampleSame); diff != "" {
				t.Errorf("in a (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(sampleSorted(mirrored), sampleList(t, inB, all...), sampleSame); diff != "" {
				t.Errorf("in b (-want +got):\n%s", diff)
			}
			f := own[0].flow()
			want := sampleSorted([]Flow{f, {Local: f.Remote, Remote: f.Local}})
			if diff := cmp.Diff(want, sampleList(t, inTwin, all...), sampleSame); diff != "" {
				t.Errorf("in twin (-want +got):\n%s", diff)
			}
		}
	})
}

// A client that has said its all still waits for the answer; one that knows of the end does not.
func TestSampleFollowsTheStatesOfAConnection(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		_, a, b := samplePair(t)
		talks := sampleConnect(t, b, a, "10.99.0.1", "10.99.0.1", "10.99.0.1", "10.99.0.1")
		halfClosed, ending, lost := talks[0], talks[1], talks[2]
		s := open(t, a)
		listed := func(c sampleTalk) bool { return slices.Contains(sampleList(t, s, "10.99.0.1"), c.flow()) }

		sampleMust(t, halfClosed.client.(*net.TCPConn).CloseWrite())
		if n, err := halfClosed.server.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatal("no end was read")
		}
		if !listed(halfClosed) {
			t.Error("CLOSE_WAIT is not listed")
		}
		sampleMust(t, ending.server.(*net.TCPConn).CloseWrite())
		sampleUntil(t, "FIN_WAIT2 is not listed", func() bool { return !listed(ending) })
		sampleMust(t, ending.client.Close()) // now TIME_WAIT
		if listed(ending) {
			t.Error("TIME_WAIT is listed")
		}

		// The answer and its end go nowhere: FIN_WAIT1 stays, and the client hangs.
		b.Cut()
		_, err := lost.server.Write([]byte("answer"))
		sampleMust(t, err)
		sampleMust(t, lost.server.Close())
		sampleMust(t, halfClosed.server.Close())
		if !listed(lost) {
			t.Error("FIN_WAIT1 is not listed")
		}
		if !listed(halfClosed) {
			t.Error("LAST_ACK is not listed")
		}
		if diff := cmp.Diff(sampleFlows(lost, halfClosed), sampleList(t, s, "10.99.0.1"), sampleSame); diff != "" {
			t.Errorf("in the end (-want +got):\n%s", diff)
		}
	})
}

// A connection that the server has not accepted yet is one for the client.
func TestSampleListsWhatWaitsToBeAccepted(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		_, a, b := samplePair(t)
		l, err := a.Listen("tcp", "10.99.0.1:0")
		sampleMust(t, err)
		defer l.Close()
		c, err := b.Dial(t.Context(), "tcp", l.Addr().String())
		sampleMust(t, err)
		defer c.Close()
		s := open(t, a)
		want := []Flow{{Local: sampleAddr(l.Addr()), Remote: sampleAddr(c.LocalAddr())}}
		sampleUntil(t, "the connection is listed", func() bool {
			return cmp.Equal(want, sampleList(t, s, "10.99.0.1"), sampleSame)
		})
	})
}

// A client whose handshake is not complete repeats it by itself.
func TestSampleLeavesRequestsOut(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		_, a, b := samplePair(t)
		l, err := a.Listen("tcp", "10.99.0.1:0")
		sampleMust(t, err)
		defer l.Close()
		// The answer to the SYN goes to a neighbour that is not there.
		_, err = a.Run(t.Context(), "ip", "neigh", "replace", "10.99.0.2", "dev", "eth0", "lladdr", "02:00:00:00:00:99", "nud", "permanent")
		sampleMust(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		dialed := make(chan error, 1)
		go func() {
			_, err := b.Dial(ctx, "tcp", l.Addr().String())
			dialed <- err
		}()
		s := open(t, a)
		sampleUntil(t, "the request is there", func() bool {
			sockets, err := a.Run(t.Context(), "cat", "/proc/net/tcp")
			sampleMust(t, err)
			return strings.Contains(sockets, " 03 ") // SYN_RECV
		})
		if list := sampleList(t, s, "10.99.0.1", "10.99.0.2"); len(list) != 0 {
			t.Errorf("listed: %v", list)
		}
		if list := sampleList(t, open(t, b), "10.99.0.2"); len(list) != 0 { // SYN_SENT there
			t.Errorf("listed at the client: %v", list)
		}
		cancel()
		if err := <-dialed; err == nil {
			t.Error("it got through")
		}
	})
}

func TestSampleAppends(t *testing.T) {
	t.Parallel()
	sampleEach(t, func(t *testing.T, open func(testing.TB, *netlab.Node) *Sampler) {
		_, a, b := samplePair(t)
		talk := sampleConnect(t, b, a, "10.99.0.1", "10.99.0.1")[0]
		s := open(t, a)
		before := talk.flow() // is listed again, although the caller has it
		list, err := s.Sample([]netip.Addr{before.Local.Addr()}, []Flow{before})
		sampleMust(t, err)
		if len(list) != 2 || list[0] != before || list[1].Remote != before.Remote {
			t.Errorf("list %v, want %v twice", list, before)
		}
		sampleMust(t, s.Close())
		again, err := s.Sample([]netip.Addr{before.Local.Addr()}, list)
		if err == nil || len(again) != 2 {
			t.Errorf("a closed sampler: %v, %v", again, err)
		}
	})
}
