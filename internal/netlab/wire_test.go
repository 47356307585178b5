// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// frameOf joins hexadecimal pieces.
func frameOf(t *testing.T, pieces ...string) []byte {
	t.Helper()
	var b []byte
	for _, p := range pieces {
		part, err := hex.DecodeString(p)
		must(t, err)
		b = append(b, part...)
	}
	return b
}

// inject sends frames from a node's eth0 as they are.
func inject(t *testing.T, n *Node, frames ...[]byte) {
	t.Helper()
	must(t, n.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: n.Index("eth0")}
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, to); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Frames by hand, with checksums computed independently of this project's code.
const (
	toGroup4   = "01005e000012" + "020000000001" + "0800"
	ipToGroup  = "45c0002000000000ff70d037" + "0a630001" + "e0000012" // 32 bytes, 10.99.0.1 to 224.0.0.18
	v3Pseudo   = "31339601006442ad0a630064"
	v3RFC9568  = "3133960100642da00a630064"
	v3Broken   = "3133960100641234" + "0a630064"
	toGroup6   = "333300000012" + "020000000001" + "86dd"
	ip6ToGroup = "6c000000002870ff" + "fe80000000000000000000fffe000001" + "ff020000000000000000000000000012"
	v3IPv6     = "3133960200640bcb" + "fe800000000000000000000000990100" + "20010db8009900000000000000000100"
	garp       = "ffffffffffff" + "020000000001" + "0806" + "0001080006040001" + "020000000001" + "0a630064" + "ffffffffffff" + "0a630064"
)

func vrid(v uint8) func(Frame) bool {
	return func(f Frame) bool { got, _, ok := f.VRRP(); return ok && got == v }
}

func TestTsharkJudgesWhatWasCaptured(t *testing.T) {
	t.Parallel()
	Require(t, "tshark", "tcpdump")
	lab, a, _ := pair(t)
	c, err := lab.Capture("wire", "proto 112 or ip6 proto 112 or arp")
	must(t, err)
	before := time.Now()
	inject(t, a,
		frameOf(t, toGroup4, ipToGroup, v3Pseudo),
		frameOf(t, toGroup4, ipToGroup, v3RFC9568),
		frameOf(t, toGroup4, ipToGroup, v3Broken),
		frameOf(t, toGroup6, ip6ToGroup, v3IPv6),
		frameOf(t, garp))
	path, err := c.Stop()
	must(t, err)
	after := time.Now()

	got, err := Adverts(t.Context(), path)
	must(t, err)
	for i := range got {
		if at := got[i].Time; at.Before(before) || at.After(after) {
			t.Errorf("time %v is not between %v and %v", at, before, after)
		}
		got[i].Time = time.Time{}
	}
	v4 := Advert{
		SourceMAC: "02:00:00:00:00:01", Source: netip.MustParseAddr("10.99.0.1"),
		Destination: netip.MustParseAddr("224.0.0.18"), TTL: 255, Version: 3, VRID: 51, Priority: 150,
		Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("10.99.0.100")}, Checksum: ChecksumGood,
	}
	plain, broken, v6 := v4, v4, v4
	plain.Checksum, broken.Checksum = ChecksumRFC9568, ChecksumBad
	v6.Source, v6.Destination = netip.MustParseAddr("fe80::ff:fe00:1"), netip.MustParseAddr("ff02::12")
	v6.Addresses = []netip.Addr{netip.MustParseAddr("fe80::99:100"), netip.MustParseAddr("2001:db8:99::100")}
	if diff := cmp.Diff([]Advert{v4, plain, broken, v6}, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("advertisements (-want +got):\n%s", diff)
	}

	announced, err := Announcements(t.Context(), path)
	must(t, err)
	if len(announced) != 1 || announced[0].Address != netip.MustParseAddr("10.99.0.100") ||
		announced[0].Target != "02:00:00:00:00:01" || announced[0].Reply {
		t.Errorf("announcements %+v", announced)
	}
}

func TestCaptureSeesEachFrameOnceWithItsTime(t *testing.T) {
	t.Parallel()
	lab, a, b := pair(t)
	greet(t, b, ":80")
	start := time.Now()
	c, err := lab.Capture("once", "")
	must(t, err)
	read(t, a, "10.99.0.2:80")
	read(t, a, "[fd99::2]:80")
	const burst = 2000
	advert := frameOf(t, toGroup4, ipToGroup, v3Pseudo)
	inject(t, a, slices.Repeat([][]byte{advert}, burst)...)
	_, err = c.Stop()
	must(t, err)
	end := time.Now()
	adverts, tcp := 0, map[string]int{}
	for _, f := range c.Frames() {
		if f.Time.Before(start) || f.Time.After(end) {
			t.Errorf("time %v is not between %v and %v", f.Time, start, end)
		}
		if vrid(51)(f) {
			adverts++
		}
		if _, _, proto, payload, ok := f.IP(); ok && proto == 6 && len(payload) >= 20 {
			tcp[string(f.SourceMAC())+string(payload[:16])]++ // ports, sequence, flags
		}
	}
	if adverts != burst {
		t.Errorf("%d of %d adverts recorded", adverts, burst)
	}
	if len(tcp) < 12 {
		t.Errorf("only %d TCP segments recorded for two connections", len(tcp))
	}
	for segment, n := range tcp {
		if n != 1 {
			t.Errorf("segment %x recorded %d times", segment, n)
		}
	}
}

func TestWaitFindsAFrameThatCameOrComes(t *testing.T) {
	t.Parallel()
	lab, a, _ := pair(t)
	c, err := lab.Capture("wait", "")
	must(t, err)
	start := time.Now()
	inject(t, a, frameOf(t, toGroup4, ipToGroup, v3Pseudo))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	first, err := c.Wait(ctx, start, vrid(51))
	must(t, err)
	if again, err := c.Wait(ctx, start, vrid(51)); err != nil || !again.Time.Equal(first.Time) {
		t.Errorf("second look finds %v, %v", again.Time, err)
	}
	found := make(chan error, 1)
	go func() {
		_, err := c.Wait(ctx, time.Time{}, func(f Frame) bool { return f.Announces(netip.MustParseAddr("10.99.0.100")) })
		found <- err
	}()
	inject(t, a, frameOf(t, garp))
	must(t, <-found)
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Wait(gone, start, vrid(99)); err == nil {
		t.Error("a frame was found that never came")
	}
	_, err = c.Stop()
	must(t, err)
	if _, err := c.Wait(ctx, start, vrid(99)); err == nil {
		t.Error("a frame was found after the end")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	Require(t, "nft")
	lab, a, b := pair(t)
	advert4, advert6 := frameOf(t, toGroup4, ipToGroup, v3Pseudo), frameOf(t, toGroup6, ip6ToGroup, v3IPv6)
	drop := func(l Loss) func() (func() error, error) {
		return func() (func() error, error) {
			f, err := lab.LAN().Drop(l)
			if err != nil {
				return nil, err
			}
			return f.Stop, nil
		}
	}
	twice := func() (func() error, error) {
		f, err := lab.LAN().Duplicate(Loss{From: a, To: b, Match: "ip protocol 112"})
		if err != nil {
			return nil, err
		}
		return f.Stop, nil
	}
	const sent = 200
	for _, row := range []struct {
		name               string
		fault              func() (func() error, error)
		b4, b6, b4max, bus int // what b gets of each family (b4max: at most), what the bridge sees of IPv4
	}{
		{"none", func() (func() error, error) { return func() error { return nil }, nil }, sent, sent, sent, sent},
		{"sender cut", func() (func() error, error) { return a.Heal, a.Cut() }, 0, 0, 0, 0},
		{"receiver cut", func() (func() error, error) { return b.Heal, b.Cut() }, 0, 0, 0, sent},
		{"sender's IPv4 adverts", drop(Loss{From: a, Match: "ip protocol 112"}), 0, sent, 0, 0},
		{"IPv6 adverts to b", drop(Loss{To: b, Match: "ip6 nexthdr 112"}), sent, 0, sent, sent},
		{"from b, one way", drop(Loss{From: b}), sent, sent, sent, sent},
		{"a to b", drop(Loss{From: a, To: b}), 0, 0, 0, sent},
		{"half", drop(Loss{Match: "ip protocol 112", Percent: 50}), 50, sent, 150, 150},
		{"twice", twice, 2 * sent, sent, 2 * sent, sent},
	} {
		undo, err := row.fault()
		must(t, err)
		onWire, err := lab.Capture("wire", "")
		must(t, err)
		atB, err := b.Capture("eth0", "b", "")
		must(t, err)
		inject(t, a, slices.Repeat([][]byte{advert4, advert6}, sent)...)
		for _, c := range []*Capture{onWire, atB} {
			_, err := c.Stop()
			must(t, err)
		}
		must(t, undo())
		four, six := count(atB, 0x0800), count(atB, 0x86dd)
		if four < row.b4 || four > row.b4max || six != row.b6 {
			t.Errorf("%s: b got %d and %d, want %d to %d and %d", row.name, four, six, row.b4, row.b4max, row.b6)
		}
		if bus := count(onWire, 0x0800); bus > row.bus || (row.b4 == row.b4max && bus != row.bus) {
			t.Errorf("%s: the bridge saw %d, want %d", row.name, bus, row.bus)
		}
	}
}

// count adverts of a family.
func count(c *Capture, etherType uint16) (n int) {
	for _, f := range c.Frames() {
		if f.EtherType() == etherType && vrid(51)(f) {
			n++
		}
	}
	return n
}

func TestTheBridgeCarriesMalformedPackets(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	c, err := b.Capture("eth0", "b", "")
	must(t, err)
	badHeader := frameOf(t, toGroup4, ipToGroup, v3Pseudo)
	badHeader[24]++                                      // IPv4 header checksum
	tooLong := frameOf(t, toGroup4, ipToGroup, v3Pseudo) // than the frame is
	tooLong[17] = 0xff                                   // total length
	inject(t, a, badHeader, tooLong)
	_, err = c.Stop()
	must(t, err)
	if got := count(c, 0x0800); got != 2 {
		t.Errorf("%d of 2 malformed packets arrived", got)
	}
}

func TestFaultCountsItsFrames(t *testing.T) {
	t.Parallel()
	Require(t, "nft")
	lab, a, _ := pair(t)
	f, err := lab.LAN().Drop(Loss{From: a, Match: "ip protocol 112"})
	must(t, err)
	advert := frameOf(t, toGroup4, ipToGroup, v3Pseudo)
	inject(t, a, advert, advert, advert)
	eventually(t, "three frames are counted", func() bool {
		n, err := f.Count()
		must(t, err)
		return n == 3
	})
	must(t, f.Stop())
}

func TestCutKeepsTheCarrierAndLinkDownTakesIt(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	greet(t, b, ":80")
	carrier := func() string {
		link, err := a.Netlink().LinkByName("eth0")
		must(t, err)
		return link.Attrs().OperState.String()
	}
	must(t, a.Cut())
	if got := carrier(); got != "up" {
		t.Errorf("cut: interface is %s", got)
	}
	must(t, a.Heal())
	must(t, a.LinkDown())
	eventually(t, "the carrier is gone", func() bool { return carrier() != "up" })
	must(t, a.LinkUp())
	eventually(t, "the carrier is back", func() bool { return carrier() == "up" })
	if got := read(t, a, "10.99.0.2:80"); got != "b" {
		t.Errorf("after all this b answers %q", got)
	}
}
