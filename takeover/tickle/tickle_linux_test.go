// SPDX-License-Identifier: Apache-2.0

package tickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/takeover/flow"
)

// soon is how long it may take until a client knows.
const soon = 100 * time.Millisecond

// firewall is what many hosts have. It drops what does not fit the connections that it has seen.
const firewall = `
table inet host {
	chain input { type filter hook input priority 0
		ct state invalid counter drop
	}
}`

// firewalled gives the client a stateful firewall.
func (s *site) firewalled() {
	s.t.Helper()
	file := s.t.TempDir() + "/nft"
	s.must(os.WriteFile(file, []byte(firewall), 0o600))
	s.run(s.client, "nft", "-f", file)
}

// invalid is how many segments the firewall has dropped.
func (s *site) invalid() int {
	s.t.Helper()
	out := s.run(s.client, "nft", "list", "table", "inet", "host")
	found := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(out)
	if found == nil {
		s.t.Fatalf("nft shows no counter: %s", out)
	}
	n, err := strconv.Atoi(found[1])
	s.must(err)
	return n
}

// only lets the sender send one kind of segment.
func (s *site) only(k Kind) {
	s.sender.mu.Lock()
	defer s.sender.mu.Unlock()
	s.sender.pacer.rounds = []round{{0, k, k}}
}

// lenient says whether the kernel's firewall lets segments pass that may be late: Linux 6.1.
func lenient(t testing.TB) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 6 || major == 6 && minor >= 1
}

// late says whether a segment of a bare kind has numbers that are behind those of the connection.
func late(f flow.Flow, k Kind) bool {
	b := AppendSegment(nil, f, k)
	return int32(f.Send-binary.BigEndian.Uint32(b[4:])) > 0 && int32(f.Receive-binary.BigEndian.Uint32(b[8:])) > 0
}

// Behind a stateful firewall, a bare segment reaches the clients for whose connection it seems late, and no others.
func TestFirewallLetsLateSegmentsPass(t *testing.T) {
	netlab.Require(t, "nft")
	passes := lenient(t)
	for _, kind := range []Kind{Bare, BareSeq, BareAck, BareBoth} {
		t.Run(strconv.Itoa(int(kind)), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.firewalled()
			talks := s.connect(8)
			flows := s.sample(talks)
			s.only(kind)
			s.inherit()
			want := 0
			for i, e := range s.tickle(talks, flows, 700*time.Millisecond) {
				if passes && late(flows[i], kind) {
					if !e.reset(soon) {
						t.Errorf("client %d: %v after %s", i, e.err, e.after)
					}
					continue
				}
				want++
				if !errors.Is(e.err, os.ErrDeadlineExceeded) {
					t.Errorf("client %d: %v after %s, it was to hang", i, e.err, e.after)
				}
			}
			if n := s.invalid(); n != want {
				t.Errorf("the firewall dropped %d segments as invalid, want %d; sent: %+v", n, want, s.sender.Stats())
			}
		})
	}
}

// Without a tickle a client waits and waits; each kind of segment by itself frees it; and behind a stateful firewall
// those that fit the connection do.
func TestWaitingClientsLearnAtOnce(t *testing.T) {
	netlab.Require(t, "nft")
	for _, c := range []struct {
		name      string
		kind      Kind
		firewall  bool
		behind    uint32 // the numbers are so many octets old
		hang      bool
		unchanged bool // nothing is sent at all
	}{
		{name: "nothing is sent", unchanged: true, hang: true},
		{name: "reset", kind: Reset},
		{name: "keepalive", kind: Keepalive},
		{name: "bare", kind: Bare},
		{name: "reset, firewall", kind: Reset, firewall: true},
		{name: "keepalive, firewall", kind: Keepalive, firewall: true},
		{name: "old reset", kind: Reset, behind: 5, hang: true},
		{name: "old keepalive", kind: Keepalive, behind: 5},
		{name: "old keepalive, firewall", kind: Keepalive, behind: 5, firewall: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if c.firewall {
				s.firewalled()
			}
			talks := s.connect(5)
			flows := moved(s.sample(talks), c.behind)
			s.only(c.kind)
			s.inherit()
			if c.unchanged {
				flows = nil
			}
			for i, e := range s.tickle(talks, flows, 700*time.Millisecond) {
				switch {
				case c.hang && !errors.Is(e.err, os.ErrDeadlineExceeded):
					t.Errorf("client %d: %v after %s, it was to hang", i, e.err, e.after)
				case !c.hang && !e.reset(soon):
					t.Errorf("client %d: %v after %s", i, e.err, e.after)
				}
			}
			if c.firewall {
				if n := s.invalid(); n > 0 {
					t.Errorf("the firewall dropped %d segments as invalid", n)
				}
			}
		})
	}
}

// What is sent as a rule: with numbers, without, and with old ones, to clients that wait and to clients that talk.
func TestEveryClientLearns(t *testing.T) {
	netlab.Require(t, "nft")
	for _, c := range []struct {
		name     string
		firewall bool
		flows    func(flows []flow.Flow) []flow.Flow
	}{
		{"with numbers", true, func(flows []flow.Flow) []flow.Flow { return flows }},
		{"with old numbers", true, func(flows []flow.Flow) []flow.Flow { return moved(flows, 7) }},
		{"without numbers", false, unknown},
		{"without numbers, firewall", lenient(t), unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if c.firewall {
				s.firewalled()
			}
			talks := s.connect(20)
			flows := c.flows(s.sample(talks))
			s.inherit()
			var worst time.Duration
			for i, e := range s.tickle(talks, flows, 2*time.Second) {
				worst = max(worst, e.after)
				if !e.reset(soon) {
					t.Errorf("client %d: %v after %s", i, e.err, e.after)
				}
			}
			t.Logf("the last of %d knew after %s", len(talks), worst)
		})
	}
}

// A client that was sending when the owner died repeats itself ever more seldom. The list is from before its latest words.
func TestBusyClientsLearnAtOnce(t *testing.T) {
	netlab.Require(t, "nft")
	t.Parallel()
	s := newSite(t)
	s.firewalled()
	talks := s.connect(5)
	flows := s.sample(talks)
	s.must(s.owner.Cut())
	for _, one := range talks {
		_, err := one.client.Write(make([]byte, 3000))
		s.must(err)
	}
	time.Sleep(1300 * time.Millisecond) // an outage: the next repetition is due 1.6 s or more after its beginning
	s.inherit()
	for i, e := range s.tickle(talks, flows, 5*time.Second) {
		if !e.reset(soon) {
			t.Errorf("client %d: %v after %s", i, e.err, e.after)
		}
	}
}

// Answers of the owner were on their way when it died: the numbers of the list are older than what the client has, and
// the client expects more.
func TestReadersOfAStreamLearnAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	talks := s.connect(5)
	flows := s.sample(talks)
	for _, one := range talks {
		_, err := one.server.Write(make([]byte, 200_000))
		s.must(err)
	}
	s.eventually("the client has read what was sent", func() bool {
		for _, one := range talks {
			s.must(one.client.SetReadDeadline(time.Now().Add(time.Millisecond)))
			if n, _ := one.client.Read(make([]byte, 200_000)); n > 0 {
				return false
			}
		}
		return true
	})
	s.inherit()
	for i, e := range s.tickle(talks, flows, 2*time.Second) {
		if !e.reset(soon) {
			t.Errorf("client %d: %v after %s", i, e.err, e.after)
		}
	}
}

// tshark is the judge of what is on the wire.
func TestTsharkReadsTheSegments(t *testing.T) {
	netlab.Require(t, "tshark", "nft")
	t.Parallel()
	s := newSite(t)
	talks := s.connect(1)
	flows := s.sample(talks)
	s.run(s.client, "nft", "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in tcp sport 5432 drop")
	s.inherit()
	wire, err := s.lab.Capture("tickles", "tcp and ether src "+s.heir.Port("eth0").MAC().String())
	s.must(err)
	s.sender.Start(flow.NewList(append(flows[:1:1], unknown(flows[1:])...)))
	s.eventually("all segments were sent", func() bool {
		n := uint64(0)
		for _, sent := range s.sender.Sent() {
			n += sent
		}
		return n == 4+9
	})
	path, err := wire.Stop()
	s.must(err)
	out, err := exec.CommandContext(t.Context(), "tshark", "-n", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-T", "fields", "-E", "separator= ", "-E", "occurrence=f", "-e", "ip.src", "-e", "ipv6.src", "-e", "tcp.srcport", "-e", "tcp.dstport",
		"-e", "tcp.flags", "-e", "tcp.seq_raw", "-e", "tcp.ack_raw", "-e", "tcp.window_size_value", "-e", "tcp.len",
		"-e", "tcp.checksum.status", "-e", "ip.checksum.status").Output()
	s.must(err)
	var got []string
	for line := range strings.Lines(string(out)) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	four, six := flows[0], flows[1]
	ports := func(f flow.Flow) string {
		return f.Local.Addr().String() + " 5432 " + strconv.Itoa(int(f.Remote.Port())) + " "
	}
	reset := ports(four) + "0x0014 " + number(four.Send) + " " + number(four.Receive) + " 0 0 1 1"
	keepalive := ports(four) + "0x0010 " + number(four.Send-1) + " " + number(four.Receive) + " 1234 0 1 1"
	bare := func(seq, ack string) string { return ports(six) + "0x0010 " + seq + " " + ack + " 1234 0 1" }
	const far = "2147483648"
	bares := []string{bare(far, "0"), bare("0", far), bare(far, far)}
	want := slices.Concat([]string{reset, bare("0", "0"), keepalive}, bares, []string{reset, bare("0", "0"), keepalive, bare("0", "0")}, bares)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nobody is told anything from an address that is not held here.
func TestOnlyLocalAddressesAreSpokenFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	talks := s.connect(1)
	flows := s.sample(talks)
	wire, err := s.lab.Capture("forged", "tcp and ether src "+s.heir.Port("eth0").MAC().String())
	s.must(err)
	for i, e := range s.tickle(talks, flows, 300*time.Millisecond) { // the owner lives
		if !errors.Is(e.err, os.ErrDeadlineExceeded) {
			t.Errorf("client %d: %v", i, e.err)
		}
	}
	for _, v := range virtual {
		if c := s.sender.Stats()[v.Addr()]; c.Failed < 3 || c.Resets+c.Keepalives+c.Bare > 0 || c.LastError == nil {
			t.Errorf("%s: %+v", v, c)
		}
	}
	if _, err = wire.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(wire.Frames()); n > 0 {
		t.Errorf("%d segments were sent", n)
	}
}

func TestCancelEndsSending(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.inherit()
	s.routed()
	s.sender.Start(crowd(netip.AddrPortFrom(virtual[0].Addr(), 5432).String(), 50_000, true))
	s.eventually("it begins", func() bool { return s.sender.Sent()[virtual[0].Addr()] > 0 })
	s.sender.Cancel([]netip.Addr{virtual[0].Addr()})
	before := s.sender.Stats()[virtual[0].Addr()]
	time.Sleep(250 * time.Millisecond) // beyond the second round
	if after := s.sender.Stats()[virtual[0].Addr()]; after != before || after.Resets >= 50_000 {
		t.Errorf("%+v when it was cancelled, then %+v", before, after)
	}
}

// A raw socket gets a copy of every TCP packet unless it is told not to.
func TestSocketsReceiveNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.inherit()
	talks := []string{"10.99.0.101:9", "[fd99::101]:9", "10.99.0.3:9"}
	for _, to := range talks {
		if c, err := s.client.Dial(t.Context(), "tcp", to); err == nil {
			c.Close()
			t.Fatalf("%s answers", to)
		}
	}
	for _, fd := range []int{s.sender.four, s.sender.six} {
		if n, _, err := unix.Recvfrom(fd, make([]byte, 100), unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("received %d octets, %v", n, err)
		}
	}
	out := s.run(s.heir, "cat", "/proc/net/raw", "/proc/net/raw6")
	if !strings.Contains(out, "FF0200C0:0006") || !strings.Contains(out, "00000001000000000000000001000000:0006") {
		t.Errorf("the sockets are not bound where nobody is:\n%s", out)
	}
}

func TestCloseEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.sender.Start(crowd("10.99.0.3:5432", 100_000, true))
	start := time.Now()
	s.must(s.sender.Close())
	s.must(s.sender.Close())
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("closed after %s", took)
	}
}
