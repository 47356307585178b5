// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// sampleNumbers samples one connection.
func sampleNumbers(t *testing.T, s *Sampler, c sampleTalk) (send, receive uint32) {
	t.Helper()
	want := c.flow()
	list, err := s.Sample([]netip.Addr{want.Local.Addr()}, nil)
	sampleMust(t, err)
	for _, f := range list {
		if f.Local == want.Local && f.Remote == want.Remote {
			if !f.Exact {
				t.Fatalf("%v: not exact", f)
			}
			return f.Send, f.Receive
		}
	}
	t.Fatalf("%v is not among %v", want, list)
	return 0, 0
}

// What the kernel says is what was on the wire: the number after the last octet of each side, as tshark reads it.
func TestSampleKnowsTheSequenceNumbersOnTheWire(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "tshark")
	lab, a, b := samplePair(t)
	s := sampleOn(t, a, MechanismBPF, nil)
	wire, err := lab.Capture("numbers", "tcp")
	sampleMust(t, err)
	talks := sampleConnect(t, b, a, "::", "10.99.0.1", "fd99::1", "10.99.0.1", "fd99::1")
	sizes := []int{1, 100, 20000, 300000} // octets each way
	type numbers struct{ send, receive uint32 }
	before := make([]numbers, len(talks))
	for i, c := range talks {
		before[i].send, before[i].receive = sampleNumbers(t, s, c)
		c.say(t, sizes[i])
	}
	// Half closed: the end of the stream takes a number, too.
	sampleMust(t, talks[1].client.(interface{ CloseWrite() error }).CloseWrite())
	if n, err := talks[1].server.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatal("no end was read")
	}
	after := make([]numbers, len(talks))
	for i, c := range talks {
		after[i].send, after[i].receive = sampleNumbers(t, s, c)
		sent, received := after[i].send-before[i].send, after[i].receive-before[i].receive
		want := uint32(sizes[i])
		end := uint32(0)
		if i == 1 {
			end = 1
		}
		if sent != want || received != want+end {
			t.Errorf("connection %d: %d sent and %d received, want %d and %d", i, sent, received, want, want+end)
		}
	}
	// Idle connections keep their numbers.
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for i, c := range talks {
			if send, receive := sampleNumbers(t, s, c); (numbers{send, receive}) != after[i] {
				t.Fatalf("connection %d: %d and %d while idle, were %v", i, send, receive, after[i])
			}
		}
	}
	path, err := wire.Stop()
	sampleMust(t, err)
	last := sampleLast(t, path)
	for i, c := range talks {
		f := c.flow()
		send := last[[2]string{strconv.Itoa(int(f.Local.Port())), strconv.Itoa(int(f.Remote.Port()))}]
		receive := last[[2]string{strconv.Itoa(int(f.Remote.Port())), strconv.Itoa(int(f.Local.Port()))}]
		if (numbers{send, receive}) != after[i] {
			t.Errorf("connection %d: %v, tshark says %d and %d", i, after[i], send, receive)
		}
	}
}

// sampleLast returns, by source and destination port, the highest number after a segment, SYN and FIN counted.
func sampleLast(t *testing.T, path string) map[[2]string]uint32 {
	t.Helper()
	rows, err := netlab.Tshark(t.Context(), path, "tcp",
		"tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len", "tcp.flags.syn", "tcp.flags.fin")
	sampleMust(t, err)
	last := map[[2]string]uint32{}
	for _, row := range rows {
		var next uint64
		for _, field := range []string{"tcp.seq_raw", "tcp.len", "tcp.flags.syn", "tcp.flags.fin"} {
			n, err := strconv.ParseUint(row[field], 10, 32)
			sampleMust(t, err)
			next += n
		}
		ports := [2]string{row["tcp.srcport"], row["tcp.dstport"]}
		if had, ok := last[ports]; !ok || int32(uint32(next)-had) > 0 {
			last[ports] = uint32(next)
		}
	}
	return last
}
