// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func addrs(text ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range text {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// Bytes that others computed, most of them as another implementation put them on the wire; of some only the checksum is known.
var golden = []struct {
	name     string
	config   Config
	priority Priority
	src, dst string
	message  string
	checksum uint16
}{
	{"v3 over IPv4, pseudo-header", Config{Family: IPv4, VRID: 51, Version: 3, Interval: time.Second, Addresses: addrs("10.99.0.100")},
		150, "10.99.0.1", "224.0.0.18", "31339601006442ad0a630064", 0x42ad},
	{"v3 over IPv4, RFC 9568", Config{Family: IPv4, VRID: 51, Version: 3, Interval: time.Second, Addresses: addrs("10.99.0.100"), Checksum: MessageOnly},
		150, "10.99.0.1", "224.0.0.18", "3133960100642da00a630064", 0x2da0},
	{"v3 over IPv6", Config{Family: IPv6, VRID: 51, Version: 3, Interval: time.Second, Addresses: addrs("fe80::99:100", "2001:db8:99::100")},
		150, "fe80::ff:fe00:1", "ff02::12", "3133960200640bcbfe80000000000000000000000099010020010db8009900000000000000000100", 0x0bcb},
	{"v2 with a password", Config{Family: IPv4, VRID: 52, Version: 2, Interval: time.Second, Addresses: addrs("10.99.0.110"),
		Auth: Auth{Type: AuthPass, Data: [8]byte([]byte("secret12"))}},
		150, "10.99.0.1", "224.0.0.18", "213496010101cf790a63006e7365637265743132", 0xcf79},
	{"v2 without authentication", Config{Family: IPv4, VRID: 51, Version: 2, Interval: time.Second, Addresses: addrs("10.99.0.100")},
		100, "10.99.0.1", "224.0.0.18", "21336401000170030a6300640000000000000000", 0x7003},
	{"v3 over IPv4, two addresses", Config{Family: IPv4, VRID: 2, Version: 3, Interval: centi, Addresses: addrs("20.0.1.2", "20.0.1.3")},
		254, "20.0.0.3", "224.0.0.18", "", 0xb25e},
	{"v3 over IPv6, two addresses", Config{Family: IPv6, VRID: 2, Version: 3, Interval: centi, Addresses: addrs("2001:db8::2", "2001:db8::3")},
		254, "2001:db8::1", "ff02::12", "", 0x481b},
	{"v2, priority 30", Config{Family: IPv4, VRID: 51, Version: 2, Interval: time.Second, Addresses: addrs("10.0.1.5")},
		30, "10.0.1.1", "224.0.0.18", "", 0xb5c5},
}

func TestGoldenMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src, dst := netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst)
			got := AppendMessage(nil, &tt.config, tt.priority, src, dst)
			if sum := binary.BigEndian.Uint16(got[6:]); sum != tt.checksum {
				t.Errorf("checksum %#04x, want %#04x", sum, tt.checksum)
			}
			if want := tt.message; want != "" && hex.EncodeToString(got) != want {
				t.Errorf("message\n got %x\nwant %s", got, want)
			}
			if !GoodChecksum(got, tt.config.Version, Either, src, dst) {
				t.Error("its own checksum is not good")
			}
			var a Advert
			if d := a.Parse(tt.config.Family, got); d != DiscardNone {
				t.Fatalf("not accepted: %s", d)
			}
			want := Advert{Version: tt.config.Version, Type: 1, VRID: tt.config.VRID, Priority: tt.priority, Interval: tt.config.Interval,
				Auth: tt.config.Auth, Addresses: tt.config.Addresses}
			if diff := cmp.Diff(want, a, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
		})
	}
}

// Which coverage is accepted of which version and family.
func TestChecksumCoverage(t *testing.T) {
	t.Parallel()
	src, dst := netip.MustParseAddr("10.99.0.1"), IPv4.Group()
	pseudo, plain := golden[0], golden[1]
	for _, tt := range []struct {
		name            string
		accept          Checksum
		pseudo, message bool
	}{
		{"either", Either, true, true},
		{"pseudo-header", PseudoHeader, true, false},
		{"message alone", MessageOnly, false, true},
	} {
		if got := GoodChecksum(AppendMessage(nil, &pseudo.config, 150, src, dst), 3, tt.accept, src, dst); got != tt.pseudo {
			t.Errorf("accepting %s: checksum over the pseudo-header is good: %t, want %t", tt.name, got, tt.pseudo)
		}
		if got := GoodChecksum(AppendMessage(nil, &plain.config, 150, src, dst), 3, tt.accept, src, dst); got != tt.message {
			t.Errorf("accepting %s: checksum over the message is good: %t, want %t", tt.name, got, tt.message)
		}
		v2 := golden[4].config
		v2.Checksum = PseudoHeader // means nothing in version 2
		if !GoodChecksum(AppendMessage(nil, &v2, 100, src, dst), 2, tt.accept, src, dst) {
			t.Errorf("accepting %s: version 2 is not accepted", tt.name)
		}
		v6 := golden[2].config
		v6.Checksum = MessageOnly // means nothing over IPv6
		s6, d6 := netip.MustParseAddr("fe80::1"), IPv6.Group()
		msg := AppendMessage(nil, &v6, 150, s6, d6)
		if !GoodChecksum(msg, 3, tt.accept, s6, d6) {
			t.Errorf("accepting %s: IPv6 is not accepted", tt.name)
		}
		if GoodChecksum(msg, 3, tt.accept, netip.MustParseAddr("fe80::2"), d6) {
			t.Errorf("accepting %s: an IPv6 checksum does not cover the source", tt.name)
		}
	}
}

func TestNoChangedBitPassesTheChecksum(t *testing.T) {
	t.Parallel()
	for _, tt := range golden {
		src, dst := netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst)
		msg := AppendMessage(nil, &tt.config, tt.priority, src, dst)
		for bit := range 8 * len(msg) {
			msg[bit/8] ^= 1 << (bit % 8)
			if GoodChecksum(msg, tt.config.Version, tt.config.Checksum, src, dst) {
				t.Errorf("%s: bit %d changed unnoticed", tt.name, bit)
			}
			msg[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// A message that ends early, at whatever octet, is not complete; one that is longer is not one either.
func TestParseAtEveryLength(t *testing.T) {
	t.Parallel()
	for _, tt := range golden {
		src, dst := netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst)
		msg := AppendMessage(nil, &tt.config, tt.priority, src, dst)
		var a Advert
		for n := range len(msg) {
			if d := a.Parse(tt.config.Family, msg[:n]); d != DiscardLength {
				t.Errorf("%s: the first %d octets: %s", tt.name, n, d)
			}
		}
		for n := 1; n < 40; n++ {
			if d := a.Parse(tt.config.Family, append(msg[:len(msg):len(msg)], make([]byte, n)...)); d != DiscardLength {
				t.Errorf("%s: %d octets more: %s", tt.name, n, d)
			}
		}
	}
}

func TestAppendMessageAppends(t *testing.T) {
	t.Parallel()
	src, dst := netip.MustParseAddr("10.99.0.1"), IPv4.Group()
	alone := AppendMessage(nil, &golden[0].config, 150, src, dst)
	got := AppendMessage([]byte("before"), &golden[0].config, 150, src, dst)
	if want := append([]byte("before"), alone...); !bytes.Equal(got, want) {
		t.Errorf("appended\n got %x\nwant %x", got, want)
	}
}

// The largest lists that a message can carry come back as they were, and a shorter one after a longer one leaves nothing.
func TestParseReusesItsAddresses(t *testing.T) {
	t.Parallel()
	var a Advert
	for _, count := range []int{255, 1, 90, 2} {
		for _, f := range []Family{IPv4, IPv6} {
			c := Config{Family: f, VRID: 1, Version: 3, Interval: 40950 * time.Millisecond}
			next := netip.MustParseAddr("10.0.0.1")
			if f == IPv6 {
				next = netip.MustParseAddr("fe80::1")
			}
			for range count {
				c.Addresses = append(c.Addresses, next)
				next = next.Next()
			}
			if d := a.Parse(f, AppendMessage(nil, &c, 1, source4and6(f), f.Group())); d != DiscardNone {
				t.Fatalf("%d addresses over %s: %s", count, f, d)
			}
			if diff := cmp.Diff(c.Addresses, a.Addresses, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("%d addresses over %s (-want +got):\n%s", count, f, diff)
			}
			if a.Interval != c.Interval {
				t.Errorf("interval %s, want %s", a.Interval, c.Interval)
			}
		}
	}
}

// Wrong addresses make a bad checksum, not a panic.
func TestChecksumOfAddressesOfNoFamily(t *testing.T) {
	t.Parallel()
	msg := AppendMessage(nil, &golden[0].config, 150, netip.MustParseAddr("10.99.0.1"), IPv4.Group())
	for _, src := range []netip.Addr{{}, netip.MustParseAddr("::1"), netip.MustParseAddr("::ffff:10.99.0.1")} {
		for _, dst := range []netip.Addr{{}, IPv6.Group()} {
			if GoodChecksum(msg, 3, PseudoHeader, src, dst) {
				t.Errorf("good from %s to %s", src, dst)
			}
			AppendMessage(nil, &golden[0].config, 150, src, dst)
		}
	}
}

func TestSecretsAreComparedWhole(t *testing.T) {
	t.Parallel()
	secret := [8]byte([]byte("secret12"))
	if !sameSecret(secret, secret) {
		t.Error("a secret is not itself")
	}
	for i := range secret {
		other := secret
		other[i] ^= 1
		if sameSecret(secret, other) {
			t.Errorf("octet %d is not compared", i)
		}
	}
}
