// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// badInput is one packet that is bad, odd or merely suspicious, as another host puts it on the wire, and what has to come of it.
type badInput struct {
	name    string
	frame   frame
	config  func(*vrrp.Config) // of the virtual router that hears it; absent: VRID 51, priority 100, version 3
	kernel  bool               // the kernel drops it: no socket ever has it
	strict  bool               // with rp_filter 1, else 0
	accept  bool               // it counts as an advert of an Active
	counter func(*vrrp.Counters, *vrrp.GlobalCounters)
	event   vrrp.Discard
	state   vrrp.State // absent: Backup, as before
	learned time.Duration
}

// Counters, by the reason that feeds them.
func ttlError(_ *vrrp.Counters, g *vrrp.GlobalCounters)          { g.TTLErrors++ }
func versionError(_ *vrrp.Counters, g *vrrp.GlobalCounters)      { g.VersionErrors++ }
func checksumError(_ *vrrp.Counters, g *vrrp.GlobalCounters)     { g.ChecksumErrors++ }
func vridError(_ *vrrp.Counters, g *vrrp.GlobalCounters)         { g.VRIDErrors++ }
func ownPacket(_ *vrrp.Counters, g *vrrp.GlobalCounters)         { g.OwnPackets++ }
func lengthErrorOfNone(_ *vrrp.Counters, g *vrrp.GlobalCounters) { g.PacketLengthErrors++ }
func typeError(c *vrrp.Counters, _ *vrrp.GlobalCounters)         { c.InvalidTypePktsRcvd++ }
func lengthError(c *vrrp.Counters, _ *vrrp.GlobalCounters)       { c.PacketLengthErrors++ }
func intervalError(c *vrrp.Counters, _ *vrrp.GlobalCounters)     { c.IntervalErrors++ }
func addressListError(c *vrrp.Counters, _ *vrrp.GlobalCounters)  { c.AddressListErrors++ }
func authError(c *vrrp.Counters, _ *vrrp.GlobalCounters)         { c.AuthErrors++ }
func sourceError(c *vrrp.Counters, _ *vrrp.GlobalCounters)       { c.SourceErrors++ }
func destinationError(c *vrrp.Counters, _ *vrrp.GlobalCounters)  { c.DestinationErrors++ }

// The other host, and what it advertises.
const (
	peer4 = "10.99.0.1"
	peer6 = "fe80::1"
	vip4  = "10.99.0.100"
	vip6  = "fe80::99:100"
	vip6b = "2001:db8:99::100"
)

// good4 and good6 are the adverts of a peer that does everything right.
func good4() []byte { return message3(51, 150, 100, peer4, "", vip4) }
func good6() []byte { return message3(51, 150, 100, peer6, "", vip6, vip6b) }

// message2 builds a version 2 message. Its checksum covers the message alone, the authentication data included.
func message2(priority, seconds, authType uint8, password string, addresses ...string) []byte {
	b := []byte{0x21, 51, priority, byte(len(addresses)), authType, seconds, 0, 0}
	for _, a := range addresses {
		b = append(b, addr(a).AsSlice()...)
	}
	b = append(b, append([]byte(password), make([]byte, 8)...)[:8]...)
	return sealPlain(b)
}

// sealPlain sets a checksum that covers the message alone.
func sealPlain(b []byte) []byte {
	b[6], b[7] = 0, 0
	binary.BigEndian.PutUint16(b[6:], onesComplement(b))
	return b
}

// edit changes a message and seals it again, as from the peer to the group.
func edit(b []byte, src string, f func(b []byte) []byte) []byte { return seal(f(b), src, "") }

// version2 makes the virtual router speak version 2.
func version2(c *vrrp.Config) { c.Version = 2 }

// password makes it ask for one.
func password(c *vrrp.Config) {
	c.Version, c.Auth.Type = 2, vrrp.AuthPass
	copy(c.Auth.Data[:], "secret12")
}

// v6 makes it an IPv6 one.
func v6(c *vrrp.Config) {
	n := config6(c.VRID, c.Priority, c.Interval)
	*c = n
}

// carp is a CARP advertisement (OpenBSD, protocol 112): version 2, type 1, VHID 51, advskew 0, authlen 7, advbase 1, then counter and digest.
func carp() []byte {
	b := append([]byte{0x21, 51, 0, 7, 0, 1, 0, 0}, make([]byte, 28)...)
	for i := 8; i < len(b); i++ {
		b[i] = byte(i * 37)
	}
	return sealPlain(b)
}

// badInputs are the lines of the table of bad input, in its order, each with its variants.
func badInputs(own4, own6 string, ownMAC [6]byte) []badInput {
	rows := []badInput{
		{name: "TTL 254", frame: frame{src: peer4, ttl: 254, message: good4()}, counter: ttlError, event: vrrp.DiscardTTL},
		{name: "TTL 1", frame: frame{src: peer4, ttl: 1, message: good4()}, counter: ttlError, event: vrrp.DiscardTTL},
		{name: "hop limit 254", config: v6, frame: frame{src: peer6, ttl: 254, message: good6()}, counter: ttlError, event: vrrp.DiscardTTL},
		{name: "hop limit 0", config: v6, frame: frame{src: peer6, zeroTTL: true, message: good6()}, counter: ttlError, event: vrrp.DiscardTTL},

		{name: "version 4", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { b[0] = 0x41; return b })},
			counter: versionError, event: vrrp.DiscardVersion},
		{name: "version 2 at a version 3 router", frame: frame{src: peer4, message: message2(150, 1, 0, "", vip4)},
			counter: versionError, event: vrrp.DiscardVersion},
		{name: "version 3 at a version 2 router", config: version2, frame: frame{src: peer4, message: good4()},
			counter: versionError, event: vrrp.DiscardVersion},
		{name: "version 2 over IPv6", config: v6, frame: frame{src: peer6, message: edit(good6(), peer6, func(b []byte) []byte { b[0] = 0x21; return b })},
			counter: versionError, event: vrrp.DiscardVersion},

		{name: "type 2", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { b[0] = 0x32; return b })},
			counter: typeError, event: vrrp.DiscardType},
		{name: "type 0 over IPv6", config: v6, frame: frame{src: peer6, message: edit(good6(), peer6, func(b []byte) []byte { b[0] = 0x30; return b })},
			counter: typeError, event: vrrp.DiscardType},

		{name: "bad checksum over IPv4", frame: frame{src: peer4, message: flip(good4())}, counter: checksumError, event: vrrp.DiscardChecksum},
		{name: "bad checksum, version 2", config: version2, frame: frame{src: peer4, message: flip(message2(150, 1, 0, "", vip4))},
			counter: checksumError, event: vrrp.DiscardChecksum},
		{name: "bad checksum over IPv6", config: v6, frame: frame{src: peer6, message: flip(good6())}, counter: checksumError, event: vrrp.DiscardChecksum},
		{name: "checksum without pseudo-header over IPv6", config: v6, frame: frame{src: peer6, message: sealPlain(good6())},
			counter: checksumError, event: vrrp.DiscardChecksum},
		{name: "checksum of RFC 9568", frame: frame{src: peer4, message: sealPlain(good4())}, accept: true},
		{name: "checksum of RFC 9568 where a pseudo-header is asked for", frame: frame{src: peer4, message: sealPlain(good4())},
			config:  func(c *vrrp.Config) { c.AcceptChecksum = vrrp.PseudoHeader },
			counter: checksumError, event: vrrp.DiscardChecksum},

		{name: "unknown VRID", frame: frame{src: peer4, message: message3(52, 150, 100, peer4, "", vip4)}, counter: vridError, event: vrrp.DiscardVRID},
		{name: "unknown VRID over IPv6", config: v6, frame: frame{src: peer6, message: message3(52, 150, 100, peer6, "", vip6, vip6b)},
			counter: vridError, event: vrrp.DiscardVRID},
		{name: "VRID of the other family", frame: frame{src: peer6, message: good6()}, counter: vridError, event: vrrp.DiscardVRID},

		{name: "no octet", frame: frame{src: peer4}, counter: lengthErrorOfNone, event: vrrp.DiscardLength},
		{name: "one octet", frame: frame{src: peer4, message: []byte{0x31}}, counter: lengthErrorOfNone, event: vrrp.DiscardLength},
		{name: "7 octets", frame: frame{src: peer4, message: good4()[:7]}, counter: lengthError, event: vrrp.DiscardLength},
		{name: "7 octets over IPv6", config: v6, frame: frame{src: peer6, message: good6()[:7]}, counter: lengthError, event: vrrp.DiscardLength},
		{name: "version 2, fixed part only", config: version2, frame: frame{src: peer4, message: message2(150, 1, 0, "", vip4)[:8]},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "count above the octets", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { b[3] = 2; return b })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "count 255", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { b[3] = 255; return b })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "count above the octets over IPv6", config: v6, frame: frame{src: peer6, message: edit(good6(), peer6, func(b []byte) []byte { b[3] = 3; return b })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "count below the octets", frame: frame{src: peer4, message: edit(message3(51, 150, 100, peer4, "", vip4, "10.99.0.101"), peer4,
			func(b []byte) []byte { b[3] = 1; return b })}, counter: lengthError, event: vrrp.DiscardLength},
		{name: "count below the octets over IPv6", config: v6, frame: frame{src: peer6, message: edit(good6(), peer6, func(b []byte) []byte { b[3] = 1; return b })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "4 trailing octets", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { return append(b, 0, 0, 0, 0) })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "1 trailing octet", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { return append(b, 0) })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "1,400 octets", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { return append(b, make([]byte, 1388)...) })},
			counter: lengthError, event: vrrp.DiscardLength},
		{name: "Ethernet padding is not part of it", frame: frame{src: peer4, message: good4(), padding: 14}, accept: true},
		{name: "padding with content over IPv6", config: v6, frame: frame{src: peer6, message: good6(), padding: 9}, accept: true},
		{name: "count 0", frame: frame{src: peer4, message: message3(51, 150, 100, peer4, "")}, counter: lengthError, event: vrrp.DiscardCount},
		{name: "count 0, version 2", config: version2, frame: frame{src: peer4, message: message2(150, 1, 0, "")}, counter: lengthError, event: vrrp.DiscardCount},
		{name: "count 0 over IPv6", config: v6, frame: frame{src: peer6, message: message3(51, 150, 100, peer6, "")}, counter: lengthError, event: vrrp.DiscardCount},

		{name: "interval 0", frame: frame{src: peer4, message: message3(51, 150, 0, peer4, "", vip4)}, counter: intervalError, event: vrrp.DiscardInterval},
		{name: "interval 0 over IPv6", config: v6, frame: frame{src: peer6, message: message3(51, 150, 0, peer6, "", vip6, vip6b)},
			counter: intervalError, event: vrrp.DiscardInterval},
		{name: "interval 0, version 2", config: version2, frame: frame{src: peer4, message: message2(150, 0, 0, "", vip4)},
			counter: intervalError, event: vrrp.DiscardInterval},
		{name: "another interval, version 3", frame: frame{src: peer4, message: message3(51, 150, 250, peer4, "", vip4)},
			accept: true, counter: intervalError, event: vrrp.NoteInterval, learned: 2500 * time.Millisecond},
		{name: "another interval, version 2", config: version2, frame: frame{src: peer4, message: message2(150, 2, 0, "", vip4)},
			counter: intervalError, event: vrrp.DiscardInterval},
		{name: "reserved bits set", frame: frame{src: peer4, message: edit(good4(), peer4, func(b []byte) []byte { b[4] |= 0xf0; return b })}, accept: true},
		{name: "reserved bits set over IPv6", config: v6, frame: frame{src: peer6, message: edit(good6(), peer6, func(b []byte) []byte { b[4] |= 0xf0; return b })},
			accept: true},

		{name: "another address", frame: frame{src: peer4, message: message3(51, 150, 100, peer4, "", "10.99.0.101")},
			accept: true, counter: addressListError, event: vrrp.NoteAddressList},
		{name: "one address more", frame: frame{src: peer4, message: message3(51, 150, 100, peer4, "", vip4, "10.99.0.101")},
			accept: true, counter: addressListError, event: vrrp.NoteAddressList},
		{name: "one address less over IPv6", config: v6, frame: frame{src: peer6, message: message3(51, 150, 100, peer6, "", vip6)},
			accept: true, counter: addressListError, event: vrrp.NoteAddressList},
		{name: "another address, version 2", config: version2, frame: frame{src: peer4, message: message2(150, 1, 0, "", "10.99.0.101")},
			counter: addressListError, event: vrrp.DiscardAddressList},
		{name: "another address from the owner, version 2", config: version2, frame: frame{src: peer4, message: message2(255, 1, 0, "", "10.99.0.101")},
			accept: true, counter: addressListError, event: vrrp.NoteAddressList},

		{name: "password where none is configured", config: version2, frame: frame{src: peer4, message: message2(150, 1, 1, "secret12", vip4)},
			counter: authError, event: vrrp.DiscardAuthType},
		{name: "no password where one is configured", config: password, frame: frame{src: peer4, message: message2(150, 1, 0, "", vip4)},
			counter: authError, event: vrrp.DiscardAuthType},
		{name: "authentication type 2 (AH) in the clear", config: password, frame: frame{src: peer4, message: message2(150, 1, 2, "secret12", vip4)},
			counter: authError, event: vrrp.DiscardAuthType},
		{name: "wrong password", config: password, frame: frame{src: peer4, message: message2(150, 1, 1, "secret13", vip4)},
			counter: authError, event: vrrp.DiscardAuthData},
		{name: "password with a tail", config: password, frame: frame{src: peer4, message: message2(150, 1, 1, "secret1", vip4)},
			counter: authError, event: vrrp.DiscardAuthData},
		{name: "authentication header around it (AH, protocol 51)", config: password, kernel: true,
			frame: frame{src: peer4, proto: 51, message: append(hexBytes("7004000000000000000000010102030405060708090a0b0c"), message2(150, 1, 2, "", vip4)...)}},
		{name: "right password", config: password, frame: frame{src: peer4, message: message2(150, 1, 1, "secret12", vip4)}, accept: true},

		{name: "first IPv6 address not link-local", config: v6, frame: frame{src: peer6, message: message3(51, 150, 100, peer6, "", vip6b, vip6)},
			counter: addressListError, event: vrrp.DiscardLinkLocal},
		{name: "first IPv6 address not link-local, not required", config: func(c *vrrp.Config) { v6(c); c.RequireLinkLocal = false },
			frame:  frame{src: peer6, message: message3(51, 150, 100, peer6, "", vip6b, vip6)},
			accept: true, counter: addressListError, event: vrrp.NoteLinkLocal},

		{name: "unicast to the interface's address", frame: frame{src: peer4, dst: own4, to: ownMAC, message: message3(51, 150, 100, peer4, own4, vip4)},
			counter: destinationError, event: vrrp.DiscardDestination},
		{name: "unicast to the interface's IPv6 address", config: v6, frame: frame{src: peer6, dst: own6, to: ownMAC, message: message3(51, 150, 100, peer6, own6, vip6, vip6b)},
			counter: destinationError, event: vrrp.DiscardDestination},
		{name: "multicast at a unicast router", config: func(c *vrrp.Config) { c.Peers = []netip.Addr{addr(peer4)} },
			frame: frame{src: peer4, message: good4()}, counter: destinationError, event: vrrp.DiscardDestination},
		{name: "to the group in a frame for us alone", frame: frame{src: peer4, to: ownMAC, message: good4()}, accept: true},
		{name: "broadcast", frame: frame{src: peer4, dst: "255.255.255.255", message: message3(51, 150, 100, peer4, "255.255.255.255", vip4)}, kernel: true},
		{name: "another group", frame: frame{src: peer4, dst: "224.0.0.1", message: message3(51, 150, 100, peer4, "224.0.0.1", vip4)}, kernel: true},

		{name: "IPv4 options", frame: frame{src: peer4, options: []byte{0x94, 4, 0, 0}, message: good4()}, accept: true},
		{name: "longest IPv4 options", frame: frame{src: peer4, options: bytes.Repeat([]byte{1}, 40), message: good4()}, accept: true},

		{name: "our own packet over IPv4", frame: frame{src: own4, message: message3(51, 150, 100, own4, "", vip4)}, kernel: true},
		{name: "our own packet over IPv6", config: v6, frame: frame{src: own6, message: message3(51, 150, 100, own6, "", vip6, vip6b)},
			counter: ownPacket, event: vrrp.DiscardOwn},

		{name: "source 0.0.0.0", frame: frame{src: "0.0.0.0", message: message3(51, 150, 100, "0.0.0.0", "", vip4)}, counter: sourceError, event: vrrp.DiscardSource},
		{name: "source ::", config: v6, frame: frame{src: "::", message: message3(51, 150, 100, "::", "", vip6, vip6b)}, counter: sourceError, event: vrrp.DiscardSource},
		{name: "multicast source", frame: frame{src: "224.0.0.18", message: message3(51, 150, 100, "224.0.0.18", "", vip4)}, kernel: true},
		{name: "multicast source over IPv6", config: v6, frame: frame{src: "ff02::12", message: message3(51, 150, 100, "ff02::12", "", vip6, vip6b)}, kernel: true},
		{name: "loopback source", frame: frame{src: "127.0.0.1", message: message3(51, 150, 100, "127.0.0.1", "", vip4)}, kernel: true},
		{name: "loopback source over IPv6", config: v6, frame: frame{src: "::1", message: message3(51, 150, 100, "::1", "", vip6, vip6b)}, kernel: true},
		{name: "broadcast source", frame: frame{src: "255.255.255.255", message: message3(51, 150, 100, "255.255.255.255", "", vip4)}, kernel: true},
		{name: "IPv6 source not link-local", config: v6, frame: frame{src: "fd99::1", message: message3(51, 150, 100, "fd99::1", "", vip6, vip6b)},
			counter: sourceError, event: vrrp.DiscardSource},

		// What is on the subnet only the kernel's routes know; peers without a common subnet are no error in themselves.
		{name: "IPv4 source off the subnet, rp_filter 1", strict: true, frame: frame{src: "192.0.2.1", message: message3(51, 150, 100, "192.0.2.1", "", vip4)}, kernel: true},
		{name: "IPv4 source off the subnet, rp_filter 0", frame: frame{src: "192.0.2.1", message: message3(51, 150, 100, "192.0.2.1", "", vip4)}, accept: true},

		// TTL 255 proves no more than that the sender is on the link; what it says is believed.
		{name: "spoofed higher priority", frame: frame{src: "10.99.0.66", message: message3(51, 254, 100, "10.99.0.66", "", vip4)}, accept: true},

		{name: "CARP", frame: frame{src: peer4, message: carp()}, counter: lengthError, event: vrrp.DiscardLength},
		{name: "CARP at a version 2 router", config: version2, frame: frame{src: peer4, message: carp()}, counter: lengthError, event: vrrp.DiscardLength},

		{name: "priority 255 beside our own, from a higher address", config: func(c *vrrp.Config) { c.Priority = vrrp.Owner },
			frame: frame{src: "10.99.0.66", message: message3(51, 255, 100, "10.99.0.66", "", vip4)}, accept: true, event: vrrp.NoteOwner},
		{name: "priority 255 beside our own, from a lower address", config: func(c *vrrp.Config) { c.Priority = vrrp.Owner },
			frame: frame{src: peer4, message: message3(51, 255, 100, peer4, "", vip4)}, accept: true, event: vrrp.NoteOwner, state: vrrp.Active},
	}
	return rows
}

// flip spoils a checksum.
func flip(b []byte) []byte { b[6] ^= 0x55; return b }

// hexBytes reads hexadecimal text that is known to be good.
func hexBytes(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic("transport test: " + err.Error())
	}
	return b
}

func TestBadInputFromTheWire(t *testing.T) {
	lab := netlab.Test(t)
	a := newNode(t, lab, "a", "10.99.0.1/24", "fe80::1/64")
	b := newNode(t, lab, "b", "10.99.0.2/24", "fe80::2/64")
	for _, row := range badInputs("10.99.0.2", "fe80::2", hardware(t, b, "eth0")) {
		t.Run(row.name, func(t *testing.T) { row.run(t, a, b) })
	}
}

// run puts the packet on the wire and compares everything that came of it.
func (row badInput) run(t *testing.T, from, to *netlab.Node) {
	const id, marker = 1, 2
	filter := "0"
	if row.strict {
		filter = "1"
	}
	must(t, to.SetSysctl("net.ipv4.conf.all.rp_filter", filter))
	s := speak(t, to)
	c := config4(51, 100, time.Second)
	if row.config != nil {
		row.config(&c)
	}
	s.add(id, c)
	// A second virtual router, of the packet's family, hears the advert that says that the one before it has been dealt with.
	last := frame{src: "10.99.0.250", message: message3(250, 250, 100, "10.99.0.250", "", vip4)}
	mc := config4(250, 1, time.Second)
	if addr(row.frame.src).Is6() {
		last = frame{src: "fe80::fa", message: message3(250, 250, 100, "fe80::fa", "", vip6, vip6b)}
		mc = config6(250, 1, time.Second)
	}
	s.add(marker, mc)
	own := map[vrrp.Family]netip.Addr{vrrp.IPv4: addr("10.99.0.2"), vrrp.IPv6: addr("fe80::2")}
	s.attach(s.bind(id, own[c.Family], c.Peers...), s.bind(marker, own[mc.Family]))

	before, global := s.counters(id)
	inject(t, from, "eth0", row.frame.bytes(), last.bytes())
	eventually(t, "the packet has been dealt with", func() bool { return s.status(marker).Counters.AdvertisementRcvd == 1 })
	after, globalAfter := s.counters(id)

	want, wantGlobal := before, global
	if row.counter != nil {
		row.counter(&want, &wantGlobal)
	}
	if row.accept {
		want.AdvertisementRcvd++
	}
	// Whether an Active answers is the machine's business.
	want.AdvertisementSent = after.AdvertisementSent
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("counters of the virtual router (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantGlobal, globalAfter); diff != "" {
		t.Errorf("counters of the node (-want +got):\n%s", diff)
	}
	received := uint64(2)
	if row.kernel {
		received = 1
	}
	if stats := s.loop.Stats(); stats.Received != received || stats.Malformed != 0 {
		t.Errorf("%d packets received and %d malformed, want %d and none", stats.Received, stats.Malformed, received)
	}
	row.judgeState(t, s.status(id), c)
	row.judgeEvents(t, s)
}

// judgeState checks what the virtual router believes now.
func (row badInput) judgeState(t *testing.T, status vrrp.Status, c vrrp.Config) {
	t.Helper()
	state := row.state
	if state == vrrp.Initialize {
		state = vrrp.Backup
	}
	if status.State != state {
		t.Errorf("state %s, want %s", status.State, state)
	}
	if state == vrrp.Active {
		return
	}
	active, priority, interval := netip.Addr{}, vrrp.Priority(0), c.Interval
	if row.accept {
		active, priority = addr(row.frame.src), vrrp.Priority(row.frame.message[2])
		if row.learned != 0 {
			interval = row.learned
		}
	}
	if status.ActiveAddress != active || status.ActivePriority != priority || status.ActiveInterval != interval {
		t.Errorf("believes in %s with priority %d every %v, want %s with %d every %v",
			status.ActiveAddress, status.ActivePriority, status.ActiveInterval, active, priority, interval)
	}
}

// judgeEvents checks that the reason is published, and no other.
func (row badInput) judgeEvents(t *testing.T, s *speaker) {
	t.Helper()
	discards := func() []vrrp.Discard {
		var list []vrrp.Discard
		events, _ := s.published()
		for _, e := range events {
			if e.Kind == vrrp.Discarded {
				list = append(list, e.Discard)
			}
		}
		return list
	}
	var want []vrrp.Discard
	if row.event != vrrp.DiscardNone {
		want = append(want, row.event)
		eventually(t, "the reason is published", func() bool { return len(discards()) > 0 })
	}
	if diff := cmp.Diff(want, discards()); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

// counters reads the counters of a virtual router and of the node.
func (s *speaker) counters(id vrrp.ID) (c vrrp.Counters, g vrrp.GlobalCounters) {
	s.t.Helper()
	must(s.t, s.loop.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		status, _ := r.Status(id)
		c, g = status.Counters, r.Global()
		return out
	}))
	return c, g
}
