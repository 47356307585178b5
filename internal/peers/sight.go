// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// Probe is one connection attempt as the wire saw it.
type Probe struct {
	Sent     time.Time
	Answered time.Time // zero: never
	By       string    // the hardware address that the answer came from
	Refused  bool      // the answer was a reset; else the connection was accepted
}

// TCP flags.
const (
	tcpSyn = 0x02
	tcpRst = 0x04
	tcpAck = 0x10
)

// protocolTCP is TCP's number in the IP header.
const protocolTCP = 6

// Probes finds the attempts of a client to connect to an address, and the answers to them, in the frames of a segment.
func Probes(frames []netlab.Frame, client, address netip.Addr) []Probe {
	var probes []Probe
	open := map[uint16]int{} // attempts without an answer, by the client's port
	for _, f := range frames {
		src, dst, proto, segment, ok := f.IP()
		if !ok || proto != protocolTCP || len(segment) < 14 {
			continue
		}
		flags := segment[13]
		switch {
		case src == client && dst == address && flags&(tcpSyn|tcpAck) == tcpSyn:
			port := binary.BigEndian.Uint16(segment)
			if _, again := open[port]; again {
				continue // the kernel sends it again
			}
			open[port] = len(probes)
			probes = append(probes, Probe{Sent: f.Time})
		case src == address && dst == client && flags&(tcpSyn|tcpRst) != 0:
			port := binary.BigEndian.Uint16(segment[2:])
			i, waiting := open[port]
			if !waiting {
				continue
			}
			delete(open, port)
			p := &probes[i]
			p.Answered, p.By, p.Refused = f.Time, f.SourceMAC().String(), flags&tcpRst != 0
		}
	}
	return probes
}

// Silence returns the longest time that a client waited for an answer: from an attempt to the next answer of any. What
// was sent less than tail before the last attempt is left out, since its answer may not have been recorded.
func Silence(probes []Probe, tail time.Duration) (longest time.Duration, since time.Time) {
	if len(probes) == 0 {
		return 0, time.Time{}
	}
	end := probes[len(probes)-1].Sent
	next := end // of the answers to this attempt and later ones
	for i := len(probes) - 1; i >= 0; i-- {
		p := probes[i]
		if !p.Answered.IsZero() && p.Answered.Before(next) {
			next = p.Answered
		}
		if end.Sub(p.Sent) < tail {
			continue
		}
		if waited := next.Sub(p.Sent); waited > longest {
			longest, since = waited, p.Sent
		}
	}
	return longest, since
}

// FirstBy returns the first attempt that the hardware address answered after a moment.
func FirstBy(probes []Probe, mac string, after time.Time) (Probe, bool) {
	for _, p := range probes {
		if p.By == mac && p.Answered.After(after) {
			return p, true
		}
	}
	return Probe{}, false
}

// LastFrom returns when a hardware address last sent an IP packet from an address; zero if it never did.
func LastFrom(frames []netlab.Frame, mac string, address netip.Addr) time.Time {
	for i := len(frames) - 1; i >= 0; i-- {
		src, _, _, _, ok := frames[i].IP()
		if ok && src == address && frames[i].SourceMAC().String() == mac {
			return frames[i].Time
		}
	}
	return time.Time{}
}
