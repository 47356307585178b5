// SPDX-License-Identifier: Apache-2.0

package route

import (
	"strings"
	"testing"
	"testing/fstest"
)

// system holds what /etc/iproute2 and /usr/share/iproute2 do.
func system() Options {
	return Options{Files: fstest.MapFS{
		"etc/iproute2/rt_tables":              {Data: []byte("# comment\n255\tlocal\n0x64\tcustomers # behind\nodd\n")},
		"etc/iproute2/rt_tables.d/extra.conf": {Data: []byte("101 extra")},
		"usr/share/iproute2/rt_tables":        {Data: []byte("102 shared\n103 customers\n")},
		"etc/iproute2/rt_dsfield":             {Data: []byte("0xe8 EE\n")},
		"etc/protocols":                       {Data: []byte("ospf\t89\tOSPFIGP\nwesp 141 WESP\n")},
	}}
}

func TestRoutesAreReadAndWrittenCanonically(t *testing.T) {
	for line, want := range map[string]string{
		"default via 10.0.0.1 dev eth0 table 100 metric 5":                                  "",
		"10.2.0.0/16 via 10.0.0.1":                                                          "",
		"10.2.0.1 dev eth0":                                                                 "10.2.0.1/32 dev eth0",
		"10.2.0.1/16 dev eth0":                                                              "10.2.0.0/16 dev eth0",
		"inet6 default via fe80::1 dev eth0":                                                "::/0 via fe80::1 dev eth0",
		"default via fe80::1 dev eth0":                                                      "::/0 via fe80::1 dev eth0",
		"default dev eth0":                                                                  "",
		"::/0 dev eth0":                                                                     "",
		"0.0.0.0/0 gw 192.168.0.1 table 100":                                                "default via 192.168.0.1 table 100",
		"src 192.168.100.1 192.168.109.0/24 via 192.168.200.254":                            "192.168.109.0/24 via 192.168.200.254 src 192.168.100.1",
		"192.168.113.0/24 via 10.0.0.252 or 10.0.0.253":                                     "192.168.113.0/24 nexthop via 10.0.0.252 nexthop via 10.0.0.253",
		"blackhole 192.168.113.1/32":                                                        "",
		"unreachable default metric 4294967295":                                             "",
		"10.0.0.0/8 table main dev eth0":                                                    "10.0.0.0/8 dev eth0",
		"local 10.0.0.1 dev eth0 table 255":                                                 "local 10.0.0.1/32 dev eth0",
		"local 10.0.0.1 dev eth0 table main":                                                "local 10.0.0.1/32 dev eth0 table main",
		"to 10.0.0.0/8 oif eth0 scope site tos AF11":                                        "10.0.0.0/8 dev eth0 scope site tos 0x28",
		"10.0.0.0/8 dev eth0 dsfield 10 proto static":                                       "10.0.0.0/8 dev eth0 tos 0x10 protocol static",
		"10.0.0.0/8 dev eth0 tos EE":                                                        "10.0.0.0/8 dev eth0 tos 0xe8",
		"10.0.0.0/8 dev eth0 tos EF":                                                        "10.0.0.0/8 dev eth0 tos 0xb8",
		"10.0.0.0/8 dev eth0 table customers":                                               "10.0.0.0/8 dev eth0 table 100",
		"10.0.0.0/8 dev eth0 table extra":                                                   "10.0.0.0/8 dev eth0 table 101",
		"10.0.0.0/8 dev eth0 table shared":                                                  "10.0.0.0/8 dev eth0 table 102",
		"10.0.0.0/8 dev eth0 quickack 1 mtu lock 1400 features ecn":                         "10.0.0.0/8 dev eth0 mtu lock 1400 features ecn quickack 1",
		"10.0.0.0/8 dev eth0 rtt 100ms rttvar 80 rto_min 1s":                                "10.0.0.0/8 dev eth0 rtt 100ms rttvar 20ms rto_min 1000ms",
		"10.0.0.0/8 dev eth0 rtt 101 rto_min lock 5":                                        "10.0.0.0/8 dev eth0 rtt 101 rto_min 5ms",
		"10.0.0.0/8 dev eth0 hoplimit 9 advmss 1300 window 0x100":                           "10.0.0.0/8 dev eth0 window 256 advmss 1300 hoplimit 9",
		"10.0.0.0/8 dev eth0 reordering 3 cwnd 4 ssthresh 5":                                "10.0.0.0/8 dev eth0 ssthresh 5 cwnd 4 reordering 3",
		"10.0.0.0/8 dev eth0 initrwnd 1 initcwnd 2":                                         "10.0.0.0/8 dev eth0 initcwnd 2 initrwnd 1",
		"10.0.0.0/8 dev eth0 congctl lock reno fastopen_no_cookie 0":                        "",
		"10.0.0.0/8 dev eth0 features tcp_usec_ts features ecn":                             "10.0.0.0/8 dev eth0 features ecn features tcp_usec_ts",
		"10.0.0.0/8 via 10.0.0.1 realms 3/4":                                                "",
		"10.0.0.0/8 via 10.0.0.1 realms 4":                                                  "",
		"fd00::/8 dev eth0 pref high expires 300":                                           "",
		"10.0.0.0/8 via inet6 fe80::1 dev eth0 onlink":                                      "",
		"10.0.0.0/8 via inet 10.0.0.1":                                                      "10.0.0.0/8 via 10.0.0.1",
		"10.0.0.0/8 dev eth0 vrf blue":                                                      "10.0.0.0/8 dev eth0 vrf blue",
		"10.0.0.0/8 dev eth0 ttl-propagate enabled as to 10.1.0.0":                          "",
		"10.0.0.0/8 encap mpls 100/200 ttl 9 via 10.0.0.1":                                  "10.0.0.0/8 via 10.0.0.1 encap mpls 100/200 ttl 9",
		"10.0.0.0/8 encap ip id 7 dst 1.1.1.1 src 2.2.2.2 tos 4 ttl 9 key csum dev eth0":    "10.0.0.0/8 dev eth0 encap ip id 7 dst 1.1.1.1 src 2.2.2.2 tos 0x04 ttl 9 flags 5",
		"fd00::/8 encap ip6 dst fd01::1 tc 4 hoplimit 9 dev eth0":                           "fd00::/8 dev eth0 encap ip6 dst fd01::1 tc 0x04 hoplimit 9",
		"fd00::/8 encap ila 2001:db8:0:1 dev eth0":                                          "fd00::/8 dev eth0 encap ila 2001:db8:0:1",
		"append 10.0.0.0/8 via 10.0.0.1 no_track":                                           "",
		"prepend throw 10.0.0.0/8 table 7":                                                  "throw 10.0.0.0/8 table 7",
		"replace 10.0.0.0/8 via 10.0.0.1":                                                   "",
		"10.0.0.0/8 nexthop via 10.0.0.1 weight 3 realms 7 nexthop dev eth1 onlink table 9": "10.0.0.0/8 table 9 nexthop via 10.0.0.1 weight 3 realms 7 nexthop dev eth1 onlink",
		"10.0.0.0/8 dev eth0 onlink nexthop via 10.0.0.1 nexthop via 10.0.0.2 weight 1":     "10.0.0.0/8 nexthop via 10.0.0.1 dev eth0 onlink nexthop via 10.0.0.2 dev eth0 onlink",
	} {
		r, err := system().Parse(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if want == "" {
			want = line
		}
		if got := r.String(); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
	if r, err := (Options{Dev: "eth7"}).Parse("10.0.0.0/8"); err != nil || r.Dev != "eth7" {
		t.Errorf("default device: %v, %v", r, err)
	}
}

func TestRulesAreReadAndWrittenCanonically(t *testing.T) {
	for line, want := range map[string]string{
		"from 10.0.0.1 table 100":                                       "from 10.0.0.1/32 table 100",
		"from 192.168.100.5/24 lookup customers":                        "from 192.168.100.0/24 table 100",
		"to 10.3.0.0/16 fwmark 5/255 iif eth0 tos 10 blackhole pref 98": "to 10.3.0.0/16 tos 0x10 fwmark 0x5/0xff iif eth0 blackhole priority 98",
		"fwmark 7 table 5 order 1":                                      "from all fwmark 0x7 table 5 priority 1",
		"fwmark 0/0xf table main":                                       "from all fwmark 0x0/0xf table main",
		"fwmark 0/0xffffffff table main":                                "from all fwmark 0x0/0xffffffff table main",
		"from all goto 200 priority 97":                                 "",
		"from all nop priority 200 no_track":                            "",
		"type prohibit from any":                                        "from all prohibit",
		"inet6 unreachable":                                             "from ::/0 unreachable",
		"from ::/0 to fd00::/8 table 4":                                 "to fd00::/8 table 4",
		"not from 10.9.0.0/16 tun_id 9 table 4 protocol static":         "not from 10.9.0.0/16 tunnel-id 9 protocol static table 4",
		"l3mdev preference 202":                                         "from all l3mdev priority 202",
		"from 10.4.0.0/16 uidrange 5-10 ip_proto tcp sport 10-20 dport 80 oif eth1 table 9 sup_pl 0 sup_group 3": "from 10.4.0.0/16 oif eth1 uidrange 5-10 ipproto tcp sport 10-20 dport 80 suppress_prefixlength 0 suppress_ifgroup 3 table 9",
		"ipproto wesp table 9 realms 3/4": "from all ipproto 141 realms 3/4 table 9",
		"from all uidrange 0-0 table 9":   "",
	} {
		r, err := system().ParseRule(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if want == "" {
			want = line
		}
		if got := r.String(); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

func TestErrorsNameTheWord(t *testing.T) {
	routes := map[string]string{
		"":                                       "the line is empty",
		"via 10.0.0.1":                           "the route has no destination",
		"10.0.0.0/8":                             "the route leads nowhere: want via, dev or nexthop",
		"10.0.0.0/33 dev eth0":                   `"10.0.0.0/33": want a length from 0 to 32`,
		"10.0.0/8 dev eth0":                      `"10.0.0" is no address`,
		"10.0.0.0/8 10.1.0.0/16 dev eth0":        `"10.1.0.0/16" is a second destination`,
		"10.0.0.0/8 metrik 5":                    `unknown word "metrik": did you mean "metric"?`,
		"10.0.0.0/8 frobnicate 5":                `unknown word "frobnicate": want one of add, advmss`,
		"10.0.0.0/8 dev":                         "dev: its value is missing",
		"10.0.0.0/8 dev eth0 dev eth1":           "dev is given twice",
		"10.0.0.0/8 dev eth0 oif eth1":           "dev is given twice",
		"10.0.0.0/8 dev thisnameistoolong":       "no interface has such a name",
		"10.0.0.0/8 via x":                       `via "x" is no address`,
		"10.0.0.0/8 via fe80::1":                 "fe80::1 is not of the family of what precedes it, IPv4",
		"10.0.0.0/8 via inet6 10.0.0.1":          "via 10.0.0.1 is no IPv6 address",
		"fd00::/8 via inet 10.0.0.1":             "an IPv6 route cannot go by an IPv4 gateway",
		"fe80::1%eth0 dev eth0":                  "write dev eth0 instead of %eth0",
		"::ffff:10.0.0.1 dev eth0":               "write 10.0.0.1, the IPv4 address",
		"10.0.0.0/8 dev eth0 table mian":         `table "mian": did you mean "main"?`,
		"10.0.0.0/8 dev eth0 table 0":            "table 0: want a table from 1",
		"10.0.0.0/8 dev eth0 table nobody":       "or a name from /etc/iproute2/rt_tables",
		"10.0.0.0/8 dev eth0 table 1_0":          `table "1_0"`,
		"10.0.0.0/8 dev eth0 metric -1":          `metric "-1": want a number up to 4294967295`,
		"10.0.0.0/8 dev eth0 mtu lock":           "mtu: its value is missing",
		"10.0.0.0/8 dev eth0 hoplimit 256":       `hoplimit "256": want a number up to 255`,
		"10.0.0.0/8 dev eth0 rtt 5min":           `rtt "5min": want a number up to 536870911 with ms or s behind it`,
		"10.0.0.0/8 dev eth0 features ecm":       `features "ecm": want ecn`,
		"10.0.0.0/8 dev eth0 pref middle":        `pref "middle"`,
		"10.0.0.0/8 dev eth0 ttl-propagate on":   `ttl-propagate "on"`,
		"10.0.0.0/8 dev eth0 vrf b table 5":      "vrf b says the table",
		"10.0.0.0/8 nexthop weight 1":            "nexthop: want via or dev",
		"10.0.0.0/8 nexthop dev a weight 0":      "weight 0: want 1 to 256",
		"10.0.0.0/8 via 10.0.0.1 nexthop dev a":  "via 10.0.0.1 beside nexthop",
		"10.0.0.0/8 dev eth0 encap gre":          `encap "gre": want one of ila, ip, ip6, mpls`,
		"10.0.0.0/8 dev eth0 encap mpls 1/x":     `not "x"`,
		"10.0.0.0/8 dev eth0 encap ip dst fd::1": "encap dst fd::1 is no IPv4 address",
		"10.0.0.0/8 dev eth0 encap ila 1:2:3":    "want a locator",
		"unreachable blackhole 10.0.0.0/8":       "the type is given twice",
	}
	for line, want := range routes {
		if _, err := system().Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("route %q: error %v, want one with %q", line, err, want)
		}
	}
	rules := map[string]string{
		"":                                       "the line is empty",
		"from 10.0.0.1":                          "the rule does nothing",
		"to 192.168.100./24 table 1":             `to "192.168.100." is no address`,
		"from 10.0.0.1 to fd00::1 table 5":       "fd00::1 is not of the family",
		"form 10.0.0.1 table 5":                  `unknown word "form": did you mean "from"?`,
		"from all table 5 blackhole":             "blackhole beside table",
		"from all type loop":                     `type "loop"`,
		"from all goto 5":                        "goto 5 needs a priority",
		"from all goto 5 priority 5":             "goto 5 leads back",
		"from all goto 0 priority 5":             "goto 0",
		"from all fwmark 0 table 5":              "write 0/0xffffffff",
		"from all fwmark 1/0 table 5":            "the mask lets every packet through",
		"from all fwmark one table 5":            `fwmark "one"`,
		"from all l3mdev table 5":                "l3mdev says the table",
		"from all sport 20-10 table 5":           `sport "20-10"`,
		"from all dport 0 table 5":               `dport "0"`,
		"from all uidrange 5-x table 5":          `uidrange "5-x"`,
		"from all suppress_prefixlength 129 nop": "suppress_prefixlength",
		"from all tunnel-id 0 nop":               "tunnel-id",
		"from fd00::1 realms 5 nop":              "realms are for IPv4",
		"from all ipproto quick nop":             "ipproto",
		"from all table 5 table 6":               "table is given twice",
	}
	for line, want := range rules {
		if _, err := system().ParseRule(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rule %q: error %v, want one with %q", line, err, want)
		}
	}
}

// Canonical text is canonical: it stays the same.
func FuzzParse(f *testing.F) {
	f.Add("append local 10.0.0.0/8 via inet6 fe80::1 dev eth0 src 10.0.0.1 table 7 metric 5 scope site tos EF protocol 9 mtu lock 9 rtt 9s")
	f.Add("fd00::/8 encap ip6 id 9 dst fd01::1 tc 4 hoplimit 9 flags 5 dev eth0 pref low expires 5 features ecn congctl lock reno")
	f.Add("10.0.0.0/8 dev eth0 onlink nexthop via 10.0.0.1 weight 3 realms 1/2 nexthop encap mpls 5/6 ttl 9 dev a or 10.0.0.9")
	f.Add("not from 10.9.0.0/16 to 10.0.0.0/8 fwmark 5/0xff iif a oif b tunnel-id 9 goto 4 protocol 77 uidrange 5-10 pref 3")
	f.Add("l3mdev inet6 ipproto tcp sport 5-6 dport 7 suppress_prefixlength 0 suppress_ifgroup 3")
	f.Fuzz(func(t *testing.T, line string) {
		if r, err := Parse(line); err == nil {
			again, err := Parse(r.String())
			if err != nil || again.String() != r.String() {
				t.Errorf("route %q became %q became %q, %v", line, r, again, err)
			}
		}
		if r, err := ParseRule(line); err == nil {
			again, err := ParseRule(r.String())
			if err != nil || again != r {
				t.Errorf("rule %q became %q became %q, %v", line, r, again, err)
			}
		}
	})
}
