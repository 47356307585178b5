// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"net/netip"
	"strings"
	"testing"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// newWatch is a session for the table.
func newWatch(t *testing.T, name string, discriminator uint32, scope int, c Config) *watch {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return &watch{name: name, cfg: c.complete(), session: NewSession(0, c, discriminator), scope: scope}
}

func TestThePacketFindsItsSession(t *testing.T) {
	t.Parallel()
	table := newTable()
	for _, w := range []*watch{
		newWatch(t, "four", 4, 0, Config{Neighbor: addr("10.0.0.2")}),
		newWatch(t, "far", 5, 0, Config{Neighbor: addr("10.0.0.2"), Multihop: true}),
		newWatch(t, "far from here", 51, 0, Config{Neighbor: addr("10.0.0.3"), Source: addr("10.0.0.1"), Multihop: true}),
		newWatch(t, "from a", 7, 0, Config{Neighbor: addr("10.0.0.4"), Source: addr("10.0.0.1")}),
		newWatch(t, "from b", 8, 0, Config{Neighbor: addr("10.0.0.4"), Source: addr("10.0.0.9")}),
		newWatch(t, "six", 6, 0, Config{Neighbor: addr("2001:db8::2")}),
		newWatch(t, "link 2", 62, 2, Config{Neighbor: addr("fe80::2%eth0")}),
		newWatch(t, "link 3", 63, 3, Config{Neighbor: addr("fe80::2%eth1")}),
	} {
		if err := table.add(w); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what   string
		yours  uint32
		origin origin
		name   string
		want   Discard
	}{
		{"by discriminator", 4, origin{source: addr("10.0.0.2")}, "four", Taken},
		{"by discriminator, another source", 4, origin{source: addr("192.0.2.1")}, "four", Taken},
		{"unknown discriminator", 99, origin{source: addr("10.0.0.2")}, "", UnknownSession},
		{"discriminator on the other port", 4, origin{source: addr("10.0.0.2"), multihop: true}, "", UnknownSession},
		{"discriminator in the other family", 6, origin{source: addr("10.0.0.2")}, "", UnknownSession},
		{"by address", 0, origin{source: addr("10.0.0.2")}, "four", Taken},
		{"by address, several hops", 0, origin{source: addr("10.0.0.2"), multihop: true}, "far", Taken},
		{"unknown address", 0, origin{source: addr("10.0.0.77")}, "", UnknownNeighbor},
		{"several hops, another destination", 0, origin{source: addr("10.0.0.3"), local: addr("10.0.0.7"), multihop: true}, "", UnknownNeighbor},
		{"several hops, its destination", 0, origin{source: addr("10.0.0.3"), local: addr("10.0.0.1"), multihop: true}, "far from here", Taken},
		{"of two by destination", 0, origin{source: addr("10.0.0.4"), local: addr("10.0.0.1")}, "from a", Taken},
		{"of two by the other destination", 0, origin{source: addr("10.0.0.4"), local: addr("10.0.0.9")}, "from b", Taken},
		{"IPv6", 0, origin{source: addr("2001:db8::2"), scope: 2}, "six", Taken},
		{"link-local", 0, origin{source: addr("fe80::2"), scope: 2}, "link 2", Taken},
		{"link-local, the other link", 0, origin{source: addr("fe80::2"), scope: 3}, "link 3", Taken},
		{"link-local, a third link", 0, origin{source: addr("fe80::2"), scope: 4}, "", UnknownNeighbor},
	} {
		w, got := table.find(Packet{YourDiscriminator: c.yours}, c.origin)
		name := ""
		if w != nil {
			name = w.name
		}
		if name != c.name || got != c.want {
			t.Errorf("%s: %q, %s; want %q, %s", c.what, name, got, c.name, c.want)
		}
	}
	for _, c := range []struct {
		config Config
		ok     bool
	}{
		{Config{Neighbor: addr("10.0.0.2")}, false},
		{Config{Neighbor: addr("10.0.0.2"), Source: addr("10.0.0.1")}, false},
		{Config{Neighbor: addr("10.0.0.4"), Source: addr("10.0.0.5")}, true},
		{Config{Neighbor: addr("10.0.0.4")}, false},
		{Config{Neighbor: addr("10.0.0.4"), Multihop: true}, true},
		{Config{Neighbor: addr("fe80::2%eth0")}, false},
		{Config{Neighbor: addr("fe80::2%eth7")}, true},
	} {
		w := newWatch(t, "one more", 100, 0, c.config)
		err := table.add(w)
		if err == nil {
			table.remove(w)
		}
		if (err == nil) != c.ok {
			t.Errorf("%+v beside the others: %v", c.config, err)
		}
	}
	for _, w := range []uint32{4, 5, 51, 7, 8, 6, 62, 63} {
		table.remove(table.watches[w])
	}
	if len(table.watches)+len(table.from) > 0 {
		t.Errorf("left over: %v, %v", table.watches, table.from)
	}
}

func TestWrongConfigsAreToldWhole(t *testing.T) {
	t.Parallel()
	if err := (Config{Neighbor: addr("::ffff:10.0.0.2"), Source: addr("10.0.0.1")}).Validate(); err != nil {
		t.Error(err)
	}
	for want, c := range map[string]Config{
		"neighbor: none given":                                                {},
		"neighbor 0.0.0.0: want the address of a host":                        {Neighbor: addr("0.0.0.0")},
		"neighbor 255.255.255.255: want the address of a host":                {Neighbor: addr("255.255.255.255")},
		"neighbor ff02::1: want the address of a host":                        {Neighbor: addr("ff02::1")},
		"neighbor fe80::1: a link-local address needs its interface":          {Neighbor: addr("fe80::1")},
		"neighbor fe80::1%eth0: a link-local address is one hop away":         {Neighbor: addr("fe80::1%eth0"), Multihop: true},
		"source 10.0.0.1 and neighbor 2001:db8::1: want one family":           {Neighbor: addr("2001:db8::1"), Source: addr("10.0.0.1")},
		"source ::: want an address of this host":                             {Neighbor: addr("2001:db8::1"), Source: addr("::")},
		"min_rx 500µs: want 1ms to 1h0m0s\nmin_tx -1ms: want 1ms to 1h0m0s":   {Neighbor: neighbor4, MinRX: ms / 2, MinTX: -ms},
		"idle_tx 100ms: want 1s to 1h0m0s":                                    {Neighbor: neighbor4, IdleTX: 100 * ms},
		"min_tx 1.0000001s: want whole microseconds":                          {Neighbor: neighbor4, MinTX: 1e9 + 100},
		"multiplier 256: want 1 to 255\nttl -1: want 1 to 255\nmax_hops 256:": {Neighbor: neighbor4, Multiplier: 256, TTL: -1, MaxHops: 256},
	} {
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v\ngot  %v\nwant %s", c, err, want)
		}
	}
}
