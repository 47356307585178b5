// SPDX-License-Identifier: Apache-2.0

package vrrp

// The tests below are the MUST and MUST NOT of RFC 9568 that are decided in this package, with the section in the name;
// rfc3768_test.go has those that only version 2 knows. Who holds the others:
//
//	5.1.1.2, 5.1.2.2    adverts are never forwarded            the kernel: both groups are of link scope
//	5.1.1.3, 5.1.2.3    sent with TTL, hop limit 255           transport: TestTwoNodesElectOneAndHandOverOnTheWire
//	5.1.1.3, 5.1.2.3    the received one is the true one       transport: TestIPv4DatagramIsTakenApart, TestBadInputFromTheWire
//	6.1                 Accept_Mode False                      not offered: as if it were True
//	6.4.2               Backup does not answer for addresses,  the kernel, since the addresses are not on the host;
//	                    nor accept packets to them             takeover: TestAddressesComeAndGoInOneBatch
//	6.4.2               GARP and neighbour advertisements      takeover: TestFramesAreByteForByte, TestAnnouncerKeepsTheSchedule,
//	                                                           TestTsharkReadsTheAnnouncements
//	6.4.3               Active answers ARP and NS, accepts     the kernel; takeover: TestNeighboursLearnTheNewPlace,
//	                    packets to the addresses               TestIPv6AddressesAnswerWhenAddReturns
//	6.4.3, 8.2.2        R flag                                 set where the host forwards; takeover: TestForwardingIsRead,
//	                                                           TestAdvertisementsAreUnderstood
//	6.4.3, 8.2.3        router advertisements                  none are sent
//	7.1                 VRID on the interface of the packet    transport: TestPortHearsItsOwnInterfaceAndGroupsOnly
//	7.2                 protocol 112, source, destination      transport: TestTwoNodesElectOneAndHandOverOnTheWire
//	7.2, 8.1.2, 8.1.3,  the virtual MAC in adverts, ARP, ND    not offered: the addresses are at the interface's own MAC
//	8.2.2
//	7.4                 the virtual MAC is in no identifier    conf: TestDerivedLinkLocalIsThatOfTheVirtualMAC
//	8.1.2, 8.2.2        announced when configured, not before  takeover: TestOrderOfSteps
//	8.4.2               version 2 and 3 at once (optional)     not offered

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// inDialects runs a test in the versions and families it is about.
func inDialects(t *testing.T, list []dialect, test func(t *testing.T, d dialect)) {
	t.Helper()
	t.Parallel()
	for _, d := range list {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

var version3 = []dialect{ipv4v3, ipv6v3}

// everywhere runs a test in Backup and in Active.
func everywhere(t *testing.T, d dialect, test func(g *rig), edits ...func(*Config)) {
	t.Helper()
	test(newRig(t, d, 100, edits...).backup())
	test(newRig(t, d, 100, edits...).active())
}

func TestRFC9568_5_1_1_3_DiscardsOtherTTLThan255(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for ttl := range 255 {
			everywhere(t, d, func(g *rig) {
				p := d.advert(200, d.higher)
				p.TTL = uint8(ttl)
				g.refuses(p, DiscardTTL)
			})
		}
	})
}

func TestRFC9568_5_2_2_DiscardsUnknownTypes(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for kind := range byte(16) {
			if kind == 1 {
				continue
			}
			everywhere(t, d, func(g *rig) {
				g.refuses(d.advert(200, d.higher).sealed(d.version, func(m []byte) { m[0] = d.version<<4 | kind }), DiscardType)
			})
		}
	})
}

func TestRFC9568_5_2_4_PriorityZeroIsForReleasesOnly(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		c := d.config(Release)
		if err := NewRouter().Add(1, c); err == nil {
			t.Error("a virtual router with priority 0 can be configured")
		}
		g := newRig(t, d, 100).active()
		g.r.SetPriority(g.now, 1, Release, nil)
		if got := g.status().Priority; got != 100 {
			t.Errorf("its priority can become %d", got)
		}
		for _, p := range []Priority{Release, 1, 100, 254, Owner} {
			if got := Priority(g.r.Message(1, p, d.family.Group())[2]); got != p {
				t.Errorf("message with priority %d, want %d", got, p)
			}
		}
	})
}

// Erratum 8299.
func TestRFC9568_5_2_5_IgnoresAdvertsWithoutAddresses(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		everywhere(t, d, func(g *rig) {
			g.refuses(d.advert(200, d.higher, func(c *Config) { c.Addresses = nil }), DiscardCount)
		})
	})
}

func TestRFC9568_5_2_6_ReservedBitsAreSentAsZeroAndIgnored(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		c := d.config(100)
		c.Interval = 4095 * centi
		if m := AppendMessage(nil, &c, 100, d.self, d.family.Group()); m[4] != 0x0f || m[5] != 0xff {
			t.Errorf("the longest interval is sent as %#02x %#02x", m[4], m[5])
		}
		g := newRig(t, d, 100).backup()
		g.accepts(d.advert(200, d.higher).sealed(3, func(m []byte) { m[4] |= 0xf0 }), NoteInterval)
		if got := g.status().ActiveInterval; got != d.peers {
			t.Errorf("with the reserved bits set the interval is %s, want %s", got, d.peers)
		}
	})
}

func TestRFC9568_5_2_7_IntervalIsInCentiseconds(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		for _, n := range []int{1, 100, 255, 256, 4095} {
			c := d.config(100)
			c.Interval = time.Duration(n) * 10 * time.Millisecond
			if got := binary.BigEndian.Uint16(AppendMessage(nil, &c, 100, d.self, d.family.Group())[4:]); int(got) != n {
				t.Errorf("%s is sent as %d, want %d", c.Interval, got, n)
			}
			g := newRig(t, d, 100, func(c *Config) { c.Interval = 7 * time.Second }).backup()
			g.accepts(d.advert(200, d.higher, func(c *Config) { c.Interval = time.Duration(n) * 10 * time.Millisecond }), NoteInterval)
			g.waits(d.down(100, c.Interval))
		}
		for _, bad := range []time.Duration{0, time.Millisecond, 15 * time.Millisecond, 40960 * time.Millisecond} {
			c := d.config(100)
			c.Interval = bad
			if NewRouter().Add(1, c) == nil {
				t.Errorf("an interval of %s can be configured", bad)
			}
		}
	})
}

// sum is the one's complement sum of RFC 1071, over what is given.
func sum(parts ...[]byte) uint16 {
	var n uint64
	for _, b := range parts {
		for i, octet := range b {
			n += uint64(octet) << (8 * (1 - i%2))
		}
	}
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}

func TestRFC9568_5_2_8_ChecksumOverIPv4CoversTheMessageAlone(t *testing.T) {
	t.Parallel()
	d := ipv4v3
	strict := func(c *Config) { c.Checksum, c.AcceptChecksum = MessageOnly, MessageOnly }
	g := newRig(t, d, 100, strict).active()
	if got := sum(g.r.Message(1, 100, IPv4.Group())); got != 0xffff {
		t.Errorf("the sum over a message is %#04x, want 0xffff", got)
	}
	newRig(t, d, 100, strict).backup().accepts(d.advert(200, d.higher, strict), NoteInterval)
	everywhere(t, d, func(g *rig) {
		g.refuses(d.advert(200, d.higher, func(c *Config) { c.Checksum = PseudoHeader }), DiscardChecksum)
	}, strict)
}

func TestRFC9568_5_2_8_ChecksumOverIPv6CoversThePseudoHeader(t *testing.T) {
	t.Parallel()
	d := ipv6v3
	m := newRig(t, d, 100).active().r.Message(1, 100, IPv6.Group())
	pseudo := append(d.self.AsSlice(), IPv6.Group().AsSlice()...)
	pseudo = append(pseudo, 0, 0, 0, byte(len(m)), 0, 0, 0, 112) // RFC 8200 §8.1
	if got := sum(pseudo, m); got != 0xffff {
		t.Errorf("the sum over a message and its pseudo-header is %#04x, want 0xffff", got)
	}
	everywhere(t, d, func(g *rig) {
		p := d.advert(200, d.higher)
		p.Source = d.lower // under the checksum
		g.refuses(p, DiscardChecksum)
	})
}

func TestRFC9568_5_2_9_AddressesAreOfTheFamilyOfThePacket(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		other := ipv4v3
		if d.family == IPv4 {
			other = ipv6v3
		}
		for _, list := range [][]netip.Addr{other.vips, {d.vips[0], other.vips[0]}, {ip("::ffff:10.0.1.51")}, {{}}} {
			c := d.config(100)
			c.Addresses = list
			if NewRouter().Add(1, c) == nil {
				t.Errorf("addresses %v can be configured for %s", list, d.family)
			}
		}
		c := d.config(100)
		var want []byte
		for _, a := range d.vips {
			want = append(want, a.AsSlice()...)
		}
		if m := AppendMessage(nil, &c, 100, d.self, d.family.Group()); !bytes.Equal(m[8:], want) || int(m[3]) != len(d.vips) {
			t.Errorf("%d addresses are sent: %x, want %x", m[3], m[8:], want)
		}
	})
}

// Erratum 8300. Peers that do not know it are let pass where that is configured.
func TestRFC9568_5_2_9_FirstIPv6AddressIsLinkLocal(t *testing.T) {
	t.Parallel()
	d := ipv6v3
	swapped := func(c *Config) { c.Addresses = []netip.Addr{d.vips[1], d.vips[0]} }
	strict := func(c *Config) { c.RequireLinkLocal = true }
	everywhere(t, d, func(g *rig) { g.refuses(d.advert(200, d.higher, swapped), DiscardLinkLocal) }, strict)
	newRig(t, d, 100, strict).backup().accepts(d.advert(200, d.higher), NoteInterval)
	newRig(t, d, 100).backup().accepts(d.advert(200, d.higher, swapped), NoteInterval, NoteLinkLocal)
}

// Never rounded: in whole centiseconds high priorities would expire together.
func TestRFC9568_6_1_SkewTimeAndActiveDownInterval(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		for _, interval := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 40950 * time.Millisecond} {
			last := time.Duration(1 << 62)
			for p := Priority(1); p != 0; p++ {
				g := newRig(t, d, p, func(c *Config) { c.Interval = interval }).backup()
				s := g.status()
				if want := d.skew(p, interval); s.SkewTime != want || s.ActiveDownInterval != 3*interval+want {
					t.Errorf("priority %d every %s: skew %s, down %s; want %s, %s", p, interval, s.SkewTime, s.ActiveDownInterval, want, 3*interval+want)
				}
				if s.SkewTime >= last {
					t.Errorf("priority %d every %s expires no earlier than %d", p, interval, p-1)
				}
				last = s.SkewTime
				g.waits(s.ActiveDownInterval)
			}
		}
	})
}

func TestRFC9568_6_1_OwnerPreemptsWhateverPreemptModeSays(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, Owner, func(c *Config) { c.PreemptBelow = 0 }).backup()
		due := g.r.Deadline()
		g.after(d.own)
		g.does(g.hear(d.advert(254, d.higher)), "")
		if got := g.r.Deadline(); got != due {
			t.Errorf("an advert with priority 254 moves the timer of the owner by %s", got.Sub(due))
		}
	})
}

func TestRFC9568_6_4_1_StartupOfTheOwnerIsActive(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, Owner)
		g.does(g.up(), "advert 255; initialize→active: owns the address")
		g.is(Active).waits(d.own)
	})
}

func TestRFC9568_6_4_1_StartupOfOthersIsBackup(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for _, p := range []Priority{1, 100, 254} {
			g := newRig(t, d, p)
			g.does(g.up(), "initialize→backup: started")
			g.is(Backup).waits(d.down(p, d.own))
		}
	})
}

func TestRFC9568_6_4_2_ShutdownCancelsTheTimer(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).backup()
		g.does(g.r.Down(g.now, 1, ReasonShutdown, nil), "backup→initialize: stopped")
		g.is(Initialize)
		if got := g.r.Deadline(); got != Never {
			t.Errorf("a timer runs until %d", got)
		}
		g.does(g.r.Expire(g.after(time.Minute).now, nil), "")
	})
}

func TestRFC9568_6_4_2_TimerSendsAnAdvertAndIsActive(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).backup()
		early := g.r.Deadline() - 1
		g.does(g.r.Expire(early, nil), "")
		g.does(g.fire(), "advert 100; backup→active: no advert from the active node")
		g.is(Active).waits(d.own)
	})
}

func TestRFC9568_6_4_2_PriorityZeroSetsSkewTime(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).backup()
		g.does(g.hear(d.advert(Release, d.higher)), "")
		g.waits(d.skew(100, d.own))

		g = newRig(t, d, 100).backup()
		g.hear(d.advert(200, d.higher)) // by its interval from now on
		g.does(g.hear(d.advert(Release, d.higher)), "")
		g.waits(d.skew(100, d.peers))
		g.does(g.fire(), "advert 100; backup→active: the active node released the address")
	})
}

func TestRFC9568_6_4_2_AdvertOfTheActiveSetsIntervalAndTimer(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		for _, c := range []struct {
			p       Priority
			preempt Priority
		}{{100, 255}, {101, 255}, {Owner, 255}, {1, 0}, {99, 0}, {100, 0}} {
			g := newRig(t, d, 100, func(cfg *Config) { cfg.PreemptBelow = c.preempt }).backup().after(time.Second)
			g.does(g.hear(d.advert(c.p, d.lower)), "")
			s := g.status()
			if s.ActiveInterval != d.peers || s.SkewTime != d.skew(100, d.peers) || s.ActiveDownInterval != d.down(100, d.peers) {
				t.Errorf("advert with priority %d: interval %s, skew %s, down %s", c.p, s.ActiveInterval, s.SkewTime, s.ActiveDownInterval)
			}
			g.is(Backup).waits(d.down(100, d.peers))
		}
	})
}

func TestRFC9568_6_4_2_PreemptingBackupDiscardsLowerPriority(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).backup()
		due := g.r.Deadline()
		for range 2 {
			g.after(d.own)
			g.does(g.hear(d.advert(99, d.higher)), "")
			if got, interval := g.r.Deadline(), g.status().ActiveInterval; got != due || interval != d.own {
				t.Errorf("the timer ends at %d by %s, want %d by %s", got, interval, due, d.own)
			}
		}
		g.does(g.fire(), "advert 100; backup→active: its priority is above that of the active node")
	})
}

func TestRFC9568_6_4_3_ShutdownSendsPriorityZero(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for _, p := range []Priority{1, 100, Owner} {
			g := newRig(t, d, p).active()
			g.does(g.r.Down(g.now, 1, ReasonShutdown, nil), "advert 0; active→initialize: stopped")
			g.is(Initialize)
			if got := g.r.Deadline(); got != Never {
				t.Errorf("a timer runs until %d", got)
			}
		}
	})
}

func TestRFC9568_6_4_3_TimerSendsAnAdvertEachInterval(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).active()
		for range 100 {
			g.waits(d.own)
			g.does(g.fire(), "advert 100")
		}
	})
}

func TestRFC9568_6_4_3_PriorityZeroIsAnsweredAndRestartsTheTimer(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).active().after(d.own / 2)
		g.does(g.hear(d.advert(Release, d.higher)), "advert 100")
		g.is(Active).waits(d.own)
	})
}

func TestRFC9568_6_4_3_HigherPriorityIsFollowed(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for _, preempt := range []Priority{0, 255} { // which is not looked at
			g := newRig(t, d, 100, func(c *Config) { c.PreemptBelow = preempt }).active().after(d.own / 2)
			g.hear(d.advert(101, d.lower))
			g.is(Backup).waits(d.down(100, d.peers))
			if s := g.status(); s.ActiveInterval != d.peers || s.ActiveAddress != d.lower || s.ActivePriority != 101 {
				t.Errorf("it follows %s with priority %d every %s", s.ActiveAddress, s.ActivePriority, s.ActiveInterval)
			}
		}
	})
}

// An unsigned comparison in network byte order.
func TestRFC9568_6_4_3_EqualPriorityIsDecidedByAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ lower, higher string }{
		{"10.0.0.9", "10.0.0.100"}, {"10.0.0.127", "10.0.0.128"}, {"10.0.0.255", "10.0.1.0"},
		{"126.255.255.254", "128.0.0.1"}, {"9.255.255.255", "192.0.2.1"},
		{"fe80::9", "fe80::10"}, {"fe80::7fff:ffff:ffff:ffff", "fe80::8000:0:0:0"}, {"fe80::ff", "fe80::100"}, {"fe80::1:0:0:0", "fe80::ffff:0:0:1"},
	} {
		t.Run(tt.lower+" and "+tt.higher, func(t *testing.T) {
			t.Parallel()
			d := ipv4v3
			if ip(tt.lower).Is6() {
				d = ipv6v3
			}
			d.self = ip(tt.lower)
			g := newRig(t, d, 100).active()
			g.hear(d.advert(100, ip(tt.higher)))
			g.is(Backup).waits(d.down(100, d.peers))
			d.self = ip(tt.higher)
			g = newRig(t, d, 100).active()
			g.hear(d.advert(100, ip(tt.lower)))
			g.is(Active)
		})
	}
}

func TestRFC9568_6_4_3_LosingAdvertIsAnsweredAtOnce(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for _, tt := range []struct {
			p   Priority
			src netip.Addr
		}{{1, d.higher}, {99, d.higher}, {99, d.lower}, {100, d.lower}} {
			g := newRig(t, d, 100).active()
			for range 5 { // each, as often as a rival with this interval sends
				due := g.r.Deadline()
				g.after(d.own / 2)
				got := g.hear(d.advert(tt.p, tt.src))
				if len(got) == 0 || !bytes.HasPrefix([]byte(deeds(got)), []byte("advert 100")) {
					t.Errorf("priority %d from %s: does %q, want an advert first", tt.p, tt.src, deeds(got))
				}
				if g.is(Active).r.Deadline() != due {
					t.Errorf("priority %d from %s: the timer moved", tt.p, tt.src)
				}
				if s := g.status(); s.ActiveInterval != d.own || s.ActiveAddress != d.self {
					t.Errorf("priority %d from %s: it is not discarded", tt.p, tt.src)
				}
				g.fire()
			}
		}
	})
}

// One answer is for all rivals that are heard within a quarter of an interval, so that a flood does not make another.
func TestRFC9568_6_4_3_AnswersToAFloodAreLimited(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).active()
		sent := g.status().Counters.AdvertisementSent
		end := g.now.Add(d.own / 2)
		for ; g.now < end; g.after(d.own / 1000) {
			g.hear(d.advert(1, d.lower))
		}
		if got := g.status().Counters.AdvertisementSent - sent; got != 2 {
			t.Errorf("%d answers in half an interval, want 2", got)
		}
	})
}

func TestRFC9568_7_1_DiscardsOtherVersions(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for version := range byte(16) {
			if version == d.version {
				continue
			}
			everywhere(t, d, func(g *rig) {
				p := d.advert(200, d.higher)
				if d.family == IPv4 && (version == 2 || version == 3) { // the other one that there is, whole
					other := map[byte]dialect{2: ipv4v2, 3: ipv4v3}[version]
					p = other.advert(200, d.higher)
				} else {
					p = p.sealed(d.version, func(m []byte) { m[0] = version<<4 | 1 })
				}
				g.refuses(p, DiscardVersion)
			})
		}
	})
}

func TestRFC9568_7_1_DiscardsIncompletePackets(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		whole := d.advert(200, d.higher)
		for n := 2; n < len(whole.Message); n++ { // shorter ones name no virtual router
			everywhere(t, d, func(g *rig) {
				p := whole
				p.Message = bytes.Clone(whole.Message[:n])
				if n >= 8 {
					p = p.sealed(d.version, func([]byte) {})
				}
				g.refuses(p, DiscardLength)
			})
		}
	})
}

func TestRFC9568_7_1_DiscardsWrongChecksums(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		for bit := range 16 {
			everywhere(t, d, func(g *rig) {
				p := d.advert(200, d.higher)
				p.Message[6+bit/8] ^= 1 << (bit % 8)
				g.refuses(p, DiscardChecksum)
			})
		}
	})
}

func TestRFC9568_7_1_DiscardsUnknownVRIDsAndInterfaces(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		everywhere(t, d, func(g *rig) { g.refuses(d.advert(200, d.higher, func(c *Config) { c.VRID = 52 }), DiscardVRID) })
		everywhere(t, d, func(g *rig) {
			p := d.advert(200, d.higher)
			p.Interface = 2
			g.refuses(p, DiscardVRID)
		})
	})
}

// Erratum 8301.
func TestRFC9568_7_1_DiscardsIntervalZero(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		everywhere(t, d, func(g *rig) { g.refuses(d.advert(200, d.higher, func(c *Config) { c.Interval = 0 }), DiscardInterval) })
		everywhere(t, d, func(g *rig) {
			g.refuses(d.advert(Release, d.higher, func(c *Config) { c.Interval = 0 }), DiscardInterval)
		})
	})
}

// Erratum 8298: two owners are reported and decide like others.
func TestRFC9568_7_1_OwnerReportsAnotherOwner(t *testing.T) {
	inDialects(t, dialects, func(t *testing.T, d dialect) {
		same := func(c *Config) { c.Interval = d.own }
		g := newRig(t, d, Owner).active()
		got := g.hear(d.advert(Owner, d.lower, same))
		g.notes(got, NoteOwner)
		g.is(Active).does(got, "advert 255; announce: a second active node lost the election")
		g = newRig(t, d, Owner).active()
		g.notes(g.hear(d.advert(Owner, d.higher, same)), NoteOwner)
		g.is(Backup)
	})
}

// SHOULD log, and not drop.
func TestRFC9568_7_1_OtherIntervalAndAddressesAreReportedAndAccepted(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		shorter := func(c *Config) { c.Addresses = c.Addresses[:1] }
		longer := func(c *Config) { c.Addresses = append(c.Addresses[:1:1], d.lower, d.higher) }
		same := func(c *Config) { c.Interval = d.own }
		newRig(t, d, 100).backup().accepts(d.advert(200, d.higher, same))
		newRig(t, d, 100).backup().accepts(d.advert(200, d.higher), NoteInterval)
		newRig(t, d, 100).backup().accepts(d.advert(200, d.higher, same, longer), NoteAddressList)
		newRig(t, d, 100, longer).backup().accepts(d.advert(200, d.higher, same, shorter), NoteAddressList)
	})
}

func TestRFC9568_7_2_MessageIsFilledInByPriorityInForce(t *testing.T) {
	inDialects(t, version3, func(t *testing.T, d dialect) {
		g := newRig(t, d, 100).active()
		g.r.SetPriority(g.now, 1, 77, nil)
		got := g.fire()
		g.does(got, "advert 77")
		want := append([]byte{0x31, 51, 77, byte(len(d.vips)), 0, 200}, make([]byte, 2)...)
		for _, a := range d.vips {
			want = append(want, a.AsSlice()...)
		}
		m := bytes.Clone(g.r.Message(1, got[0].Priority, d.family.Group()))
		m[6], m[7] = 0, 0
		if !bytes.Equal(m, want) {
			t.Errorf("message (without checksum)\n got %x\nwant %x", m, want)
		}
	})
}
