// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	service4 = netip.MustParseAddr("10.99.0.101")
	service6 = netip.MustParseAddr("fd99::101")
	ours     = []netip.Addr{service4, service6}
)

// client makes connection i: even ones are IPv4.
func client(i int) Flow {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i))
	f := Flow{Local: netip.AddrPortFrom(service4, 5432), Remote: netip.AddrPortFrom(
		netip.AddrFrom4([4]byte{10, 0, b[2], b[3]}), uint16(20000+i>>16))}
	if i%2 == 1 {
		f.Local = netip.AddrPortFrom(service6, 5432)
		f.Remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0xfd, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}), 20000)
	}
	f.Exact, f.Send, f.Receive = true, uint32(i)*7, uint32(i)*11
	return f
}

// clients makes n connections; step 2 leaves IPv6 out.
func clients(n, step int) []Flow {
	list := make([]Flow, n)
	for i := range list {
		list[i] = client(i * step)
	}
	return list
}

// byRemote makes flows comparable in whatever order they come.
func byRemote(flows iter.Seq[Flow]) map[[2]netip.AddrPort]Flow {
	m := map[[2]netip.AddrPort]Flow{}
	for f := range flows {
		m[[2]netip.AddrPort{f.Local, f.Remote}] = f
	}
	return m
}

func same(a, b iter.Seq[Flow]) string {
	return cmp.Diff(byRemote(a), byRemote(b), cmpopts.EquateComparable(netip.AddrPort{}))
}

// pump lets a source tell until it has nothing left to say, and the mirror answer, without loss.
func pump(t testing.TB, now time.Duration, s *Source, m *Mirror) (messages, bytes int) {
	t.Helper()
	b := NewBudget(1<<30, 1<<30)
	for asked := true; asked; {
		var asks [][]byte
		s.Next(now, b, func(_ string, message []byte) bool {
			messages++
			bytes += len(message)
			reply, err := m.Receive(now, "n1", message)
			if err != nil {
				t.Fatal(err)
			}
			if reply != nil {
				asks = append(asks, reply)
			}
			return true
		})
		asked = len(asks) > 0
		for _, a := range asks {
			if err := s.Receive("n2", a); err != nil {
				t.Fatal(err)
			}
		}
	}
	return messages, bytes
}

// told makes a table with its source and a mirror that is told of it.
func told(t testing.TB) (*Table, *Source, *Mirror) {
	t.Helper()
	table := &Table{}
	s, err := NewSource("orders", 1, table)
	if err != nil {
		t.Fatal(err)
	}
	s.SetPeers([]string{"n2"})
	m := NewMirror(MirrorOptions{})
	m.Allow(map[string][]netip.Addr{"orders": ours})
	return table, s, m
}
