// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// Programs that people use, against a refused address behind which a wildcard server listens.
func TestProgramsSeeConnectionRefused(t *testing.T) {
	netlab.Require(t, "nc", "curl")
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, a := range []netip.Addr{vip4, vip6} {
			for _, c := range []struct {
				name string
				args []string
				want string
			}{
				{"nc", []string{"-nvz", "-w", "3", a.String(), "5000"}, "refused"},
				{"curl", []string{"-sS", "--max-time", "3", "http://" + netip.AddrPortFrom(a, 5000).String()}, "curl: (7)"},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				out, err := n.Command(ctx, c.name, c.args...).CombinedOutput()
				cancel()
				if err == nil || !bytes.Contains(out, []byte(c.want)) {
					t.Errorf("%s from %s to %v: want %q, got %v: %s", c.name, n.Name(), a, c.want, err, out)
				}
			}
		}
	}
}

// A client whose connection was with the dead owner sends on. The inheritor knows nothing of it and its reset fits
// exactly: sequence number of the reset = acknowledgement number of the segment (RFC 9293 §3.10.7.1); tshark is the judge.
func TestSegmentOfAnUnknownConnectionIsReset(t *testing.T) {
	netlab.Require(t, "tshark")
	t.Parallel()
	lab := netlab.Test(t)
	s := &site{t: t, lab: lab}
	s.standby = s.node("owner", "10.99.0.3/24", "fd99::3/64")
	s.client = s.node("client", "10.99.0.1/24", "fd99::1/64")
	s.hold(vip4, vip6)
	listener, err := s.standby.Listen("tcp", "[::]:5000")
	s.must(err)
	defer listener.Close()

	owner := s.standby
	s.standby = s.node("standby", own4.String()+"/24", own6.String()+"/64")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.nft(s.standby, `
table inet firewall {
	chain input { type filter hook input priority 0
		ct state invalid drop
	}
	chain output { type filter hook output priority 0
		ct state invalid drop
	}
}`)
	wire, err := lab.Capture("reset", "tcp port 5000")
	s.must(err)

	for _, a := range []netip.Addr{vip4, vip6} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := s.client.Dial(ctx, "tcp", netip.AddrPortFrom(a, 5000).String())
		cancel()
		s.must(err)
		defer c.Close()
		_, err = c.Write([]byte("first words"))
		s.must(err)
		prefix := "/32"
		if a.Is6() {
			prefix = "/128"
		}
		s.run(owner, "ip", "addr", "del", a.String()+prefix, "dev", "eth0")
		s.hold(a)
		s.run(s.client, "ip", "neigh", "flush", "all")
		_, err = c.Write([]byte("and more"))
		s.must(err)
		s.must(c.SetDeadline(time.Now().Add(5 * time.Second)))
		if _, err := c.Read(make([]byte, 10)); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("client of %v: want %v, got %v", a, unix.ECONNRESET, err)
		}
	}

	path, err := wire.Stop()
	s.must(err)
	rows, err := netlab.Tshark(t.Context(), path, "tcp.len > 0 or tcp.flags.reset == 1",
		"eth.src", "ip.src", "ipv6.src", "tcp.flags.reset", "tcp.flags.ack", "tcp.seq_raw", "tcp.ack_raw", "tcp.checksum.status")
	s.must(err)
	resets, ackOf := 0, map[string]string{} // by family
	for _, row := range rows {
		v6 := row["ipv6.src"] != ""
		family := map[bool]string{false: "IPv4", true: "IPv6"}[v6]
		switch row["tcp.flags.reset"] {
		case "1", "True":
			resets++
			if row["tcp.seq_raw"] != ackOf[family] {
				t.Errorf("%s: the segment acknowledged %s, the reset has sequence number %s", family, ackOf[family], row["tcp.seq_raw"])
			}
			if !strings.HasSuffix(row["eth.src"], ":03") { // the standby is the lab's third node
				t.Errorf("%s: the reset came from %s", family, row["eth.src"])
			}
		default:
			ackOf[family] = row["tcp.ack_raw"]
		}
	}
	if resets != 2 {
		t.Errorf("want a reset for each family, tshark found %d in %v", resets, rows)
	}
}
