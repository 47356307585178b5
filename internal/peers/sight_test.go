// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// segment4 is a made-up frame with a TCP segment: the last byte of the sender's hardware address is its number.
func segment4(at int, mac byte, src, dst netip.Addr, srcPort, dstPort uint16, flags byte) netlab.Frame {
	b := []byte{2, 0, 0, 0, 0, 0xff, 2, 0, 0, 0, 0, mac, 8, 0}
	ip := make([]byte, 20)
	ip[0], ip[3], ip[8], ip[9] = 0x45, 40, 64, protocolTCP
	copy(ip[12:], src.AsSlice())
	copy(ip[16:], dst.AsSlice())
	tcp := make([]byte, 20)
	binary.BigEndian.PutUint16(tcp, srcPort)
	binary.BigEndian.PutUint16(tcp[2:], dstPort)
	tcp[12], tcp[13] = 0x50, flags
	return netlab.Frame{Time: ms(at), Length: 54, Data: append(append(b, ip...), tcp...)}
}

func TestProbesMatchesAnswersToAttempts(t *testing.T) {
	client := netip.MustParseAddr("10.99.0.3")
	frames := []netlab.Frame{
		segment4(0, 3, client, vip, 1000, 80, tcpSyn),
		segment4(1, 1, vip, client, 80, 1000, tcpRst|tcpAck),
		segment4(2, 3, client, addrA, 1000, 80, tcpSyn), // elsewhere
		segment4(10, 3, client, vip, 1001, 80, tcpSyn),
		segment4(20, 3, client, vip, 1002, 80, tcpSyn),
		segment4(21, 2, vip, client, 80, 1002, tcpSyn|tcpAck),
		segment4(22, 3, client, vip, 1002, 80, tcpRst),
		segment4(30, 3, client, vip, 1000, 80, tcpSyn), // the port is used again
		segment4(31, 2, vip, client, 80, 1000, tcpRst|tcpAck),
		{Time: ms(32), Data: []byte{1}},
	}
	want := []Probe{
		{Sent: ms(0), Answered: ms(1), By: "02:00:00:00:00:01", Refused: true},
		{Sent: ms(10)},
		{Sent: ms(20), Answered: ms(21), By: "02:00:00:00:00:02"},
		{Sent: ms(30), Answered: ms(31), By: "02:00:00:00:00:02", Refused: true},
	}
	got := Probes(frames, client, vip)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
	longest, since := Silence(got, 5*time.Millisecond)
	if longest != 11*time.Millisecond || !since.Equal(ms(10)) {
		t.Errorf("silence: want 11ms from %s, got %s from %s", ms(10), longest, since)
	}
	first, ok := FirstBy(got, "02:00:00:00:00:02", ms(5))
	if !ok || !first.Answered.Equal(ms(21)) {
		t.Errorf("first answer of the second node: want %s, got %+v, %t", ms(21), first, ok)
	}
	if last := LastFrom(frames, "02:00:00:00:00:01", vip); !last.Equal(ms(1)) {
		t.Errorf("last packet of the first node from the address: want %s, got %s", ms(1), last)
	}
	if last := LastFrom(frames, "02:00:00:00:00:09", vip); !last.IsZero() {
		t.Errorf("last packet of nobody: want none, got %s", last)
	}
}

func TestSilence(t *testing.T) {
	tests := []struct {
		name   string
		probes []Probe
		want   time.Duration
		since  time.Time
	}{
		{name: "no attempts"},
		{
			name:   "an answer to a later attempt ends the wait",
			probes: []Probe{{Sent: ms(0)}, {Sent: ms(10), Answered: ms(12)}, {Sent: ms(50)}},
			want:   12 * time.Millisecond, since: ms(0),
		},
		{
			name:   "an answer that comes late counts when it comes",
			probes: []Probe{{Sent: ms(0), Answered: ms(30)}, {Sent: ms(10), Answered: ms(31)}, {Sent: ms(50)}},
			want:   30 * time.Millisecond, since: ms(0),
		},
		{
			name:   "silence to the end counts up to the last attempt",
			probes: []Probe{{Sent: ms(0)}, {Sent: ms(10)}, {Sent: ms(50)}},
			want:   50 * time.Millisecond, since: ms(0),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, since := Silence(tt.probes, 5*time.Millisecond)
			if got != tt.want || !since.Equal(tt.since) {
				t.Errorf("want %s from %s, got %s from %s", tt.want, tt.since, got, since)
			}
		})
	}
}
