// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"
)

var (
	indices = map[string]int{"eth0": 2, "eth1": 3, "a": 4}
	named   = map[int]string{2: "eth0", 3: "eth1", 4: "a"}
)

func TestRoutesAreReadBack(t *testing.T) {
	for _, text := range []string{
		"default via 10.0.0.1 dev eth0 table 100 metric 5 protocol 77",
		"::/0 via fe80::1 dev eth0 metric 1024 protocol static pref low expires 300",
		"local 10.2.0.1/32 dev eth0 scope link tos 0x10 protocol 77",
		"unreachable fd00::/8 table 300 metric 7 protocol 77",
		"10.0.0.0/8 via inet6 fe80::1 dev eth0 src 10.1.1.1 protocol 77 realms 1/2 ttl-propagate enabled as to 10.9.0.0 onlink",
		"10.0.0.0/8 dev eth0 protocol 77 mtu lock 1400 window 256 rtt 100ms rttvar 80ms ssthresh 5 cwnd 4 advmss 7 reordering 3 " +
			"hoplimit 9 initcwnd 1 features ecn features tcp_usec_ts rto_min 300ms initrwnd 2 quickack 1 congctl lock reno fastopen_no_cookie 1",
		"10.0.0.0/8 protocol 77 nexthop via 10.0.0.1 dev eth0 weight 256 realms 7 onlink nexthop via inet6 fe80::1 dev eth1 encap mpls 5/6 ttl 9",
		"10.0.0.0/8 dev eth0 protocol 77 encap ip id 7 dst 1.1.1.1 src 2.2.2.2 tos 0x04 ttl 9 flags 5",
		"fd00::/8 dev eth0 metric 1024 protocol 77 encap ip6 id 0 dst fd01::1 src fd01::2 tc 0x04 hoplimit 9",
		"fd00::/8 dev eth0 metric 1024 protocol 77 encap ila 2001:db8:0:1",
	} {
		r, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		data, err := r.message(indices)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got, ok, err := parseRoute(data, named)
		if err != nil || !ok || got.String() != text {
			t.Errorf("%q was read back as %q, ok %v, error %v", text, got, ok, err)
		}
	}
}

func TestRulesAreReadBack(t *testing.T) {
	for _, text := range []string{
		"not from 10.4.0.0/16 to 10.5.0.0/16 tos 0x10 fwmark 0x5/0xff iif eth0 oif eth1 uidrange 5-10 ipproto tcp sport 10-20 dport 80 " +
			"tunnel-id 9 protocol 77 suppress_prefixlength 0 suppress_ifgroup 3 realms 1/2 table 300 priority 7",
		"from ::/0 l3mdev priority 5 protocol 77", "from all fwmark 0x0/0xf goto 9 priority 5", "to fd00::/8 prohibit priority 5",
		"from all uidrange 0-0 nop priority 0", "from all fwmark 0x7 table main priority 3",
	} {
		r, err := ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		data, err := r.message()
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, ok, err := parseRule(data); err != nil || !ok || !r.like(got) {
			t.Errorf("%q was read back as %q, ok %v, error %v", text, got, ok, err)
		}
	}
}

// The wire form of a stack of labels is not the kernel's invention: RFC 3032 section 2.1.
func TestLabelsAreAStack(t *testing.T) {
	e := Encap{Labels: []uint32{100, 200}}
	if got, want := hex.EncodeToString(e.labels()), "00064000"+"000c8100"; got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
}

func TestARouteIsTakenForItselfAlone(t *testing.T) {
	line := func(text string) Route {
		r, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	there := shown{}
	for _, text := range []string{"10.0.0.0/8 via 10.0.0.1 dev eth0 protocol 112", "fd00::/8 dev eth0 metric 1024 protocol 112"} {
		r := line(text)
		there[r.identity()] = append(there[r.identity()], r)
	}
	for text, want := range map[string]bool{
		"10.0.0.0/8 via 10.0.0.1":             true,
		"10.0.0.0/8 via 10.0.0.1 mtu 1400":    true,
		"10.0.0.0/8 dev eth0":                 true, // the kernel knows no two of these
		"10.0.0.0/8 via 10.0.0.2":             false,
		"10.0.0.0/8 via 10.0.0.1 dev eth1":    false,
		"10.0.0.0/8 via 10.0.0.1 metric 5":    false,
		"10.0.0.0/8 via 10.0.0.1 table 5":     false,
		"10.0.0.0/8 via 10.0.0.1 tos 4":       false,
		"10.0.0.0/8 via 10.0.0.1 protocol 18": false,
		"throw 10.0.0.0/8":                    false,
		"10.0.0.0/9 via 10.0.0.1":             false,
		"fd00::/8 dev eth0 tos 4":             true,
	} {
		r := line(text)
		if got := there.has(&r); got != want {
			t.Errorf("%q is there: %v, want %v", text, got, want)
		}
	}
}

// Whatever the kernel sends, nothing panics, and what is taken for a route or a rule has text.
func FuzzNotifications(f *testing.F) {
	for _, text := range []string{"10.0.0.0/8 mtu lock 9 congctl reno nexthop via 10.0.0.1 dev eth0 nexthop dev a encap mpls 5/6",
		"fd00::/8 dev eth0 encap ip6 dst fd01::1 expires 5"} {
		r, err := Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		data, err := r.message(indices)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	r, err := ParseRule("not from 10.4.0.0/16 fwmark 5/0xff uidrange 5-10 sport 10-20 tunnel-id 9 table 300 priority 7")
	if err != nil {
		f.Fatal(err)
	}
	data, err := r.message()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	// An interface "blue" that is a VRF device of table 10.
	vrf := []byte{8, 0, vrfTable, 0, 10, 0, 0, 0}
	vrf = slices.Concat([]byte{8, 0, infoKind, 0, 'v', 'r', 'f', 0}, []byte{12, 0, infoData, 0}, vrf)
	vrf = slices.Concat(make([]byte, 4), []byte{7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, []byte{9, 0, iflaName, 0, 'b', 'l', 'u', 'e', 0, 0, 0, 0},
		binary.NativeEndian.AppendUint16(nil, uint16(4+len(vrf))), []byte{iflaInfo, 0}, vrf)
	if index, name, up, table, err := parseLink(vrf); index != 7 || name != "blue" || !up || table != 10 || err != nil {
		f.Fatalf("a VRF device is read as %d, %q, %v, %d, %v", index, name, up, table, err)
	}
	f.Add(vrf)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok, err := parseRoute(b, named); ok && err == nil && (r.String() == "" || !r.To.IsValid()) {
			t.Errorf("route %+v", r)
		}
		if r, ok, err := parseRule(b); ok && err == nil && r.String() == "" {
			t.Errorf("rule %+v", r)
		}
		_, _, _, _, _ = parseLink(b)
	})
}
