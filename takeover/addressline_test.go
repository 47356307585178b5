// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var compareAddrs = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

func TestAddressLinesAreRead(t *testing.T) {
	ip := netip.MustParseAddr
	at := func(prefix string, a Attributes) AddressSpec {
		return AddressSpec{Prefix: netip.MustParsePrefix(prefix), Device: "eth0", Attributes: a}
	}
	on := func(dev string, s AddressSpec) AddressSpec { s.Device = dev; return s }
	for line, want := range map[string]AddressSpec{
		"10.0.0.1":    at("10.0.0.1/32", Attributes{}),
		"10.0.0.1/24": at("10.0.0.1/24", Attributes{}),
		"fd00::1":     at("fd00::1/128", Attributes{}),
		"10.0.0.1/24 dev eth1 label eth1:1 brd + scope link no_track": on("eth1", at("10.0.0.1/24",
			Attributes{Label: "eth1:1", Broadcast: ip("10.0.0.255"), Scope: 253, NoTrack: true})),
		" 10.0.0.1/24\tbrd -":                     at("10.0.0.1/24", Attributes{Broadcast: ip("10.0.0.0")}),
		"10.0.0.1/24 broadcast 10.9.9.9":          at("10.0.0.1/24", Attributes{Broadcast: ip("10.9.9.9")}),
		"10.0.0.1/24 scope 17":                    at("10.0.0.1/24", Attributes{Scope: 17}),
		"127.0.0.9/8":                             at("127.0.0.9/8", Attributes{Scope: 254}),
		"127.0.0.9/8 scope global":                at("127.0.0.9/8", Attributes{}),
		"10.0.0.1 peer 10.0.1.2":                  at("10.0.0.1/32", Attributes{Peer: ip("10.0.1.2")}),
		"10.0.0.1/24 brd + peer 10.0.1.2/30":      at("10.0.0.1/30", Attributes{Peer: ip("10.0.1.2"), Broadcast: ip("10.0.1.3")}),
		"fd00::1/64 home mngtmpaddr autojoin":     at("fd00::1/64", Attributes{Home: true, ManageTemp: true, AutoJoin: true}),
		"fd00::1/64 noprefixroute -nodad":         at("fd00::1/64", Attributes{NoPrefixRoute: true, DAD: true}),
		"fd00::1/64 preferred_lft 0":              at("fd00::1/64", Attributes{Preferred: PreferredNever}),
		"fd00::1/64 preferred_lft forever":        at("fd00::1/64", Attributes{Preferred: PreferredForever}),
		"fd00::1/64 preferred_lft 300sec":         at("fd00::1/64", Attributes{Preferred: 300}),
		"10.0.0.1/24 home mngtmpaddr -nodad":      at("10.0.0.1/24", Attributes{Home: true, ManageTemp: true, DAD: true}),
		"10.0.0.1/24 preferred_lft 4294967295":    at("10.0.0.1/24", Attributes{Preferred: PreferredForever}),
		"fd00::1/64 scope global peer fd00::2/96": at("fd00::1/96", Attributes{Peer: ip("fd00::2")}),
	} {
		got, err := ParseAddress(line, "eth0")
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
	if s, err := ParseAddress("10.0.0.1/24 use_vmac", ""); err != nil || !s.VMAC || s.Device != "" {
		t.Errorf("use_vmac: %+v, %v", s, err)
	}
}

func TestErrorsOfAddressLinesNameTheWord(t *testing.T) {
	for line, want := range map[string]string{
		"":                                  "the line is empty",
		"eth0":                              `"eth0" is no address`,
		"10.0.0.1/33":                       `"10.0.0.1/33": want a length from 0 to 32`,
		"10.0.0.1/-1":                       "want a length from 0 to 32",
		"fe80::1%eth0/64":                   "write dev eth0 instead of %eth0",
		"fe80::1%eth0":                      "write dev eth0 instead of %eth0",
		"::ffff:10.0.0.1":                   "write 10.0.0.1, the IPv4 address",
		"10.0.0.1 lable x":                  `unknown option "lable": did you mean "label"?`,
		"10.0.0.1 nodad":                    `did you mean "-nodad"?`,
		"10.0.0.1 preferred-lft 0":          `did you mean "preferred_lft"?`,
		"10.0.0.1 frobnicate":               `unknown option "frobnicate": want one of dev, brd`,
		"10.0.0.1 10.0.0.2":                 `"10.0.0.2" is a second address`,
		"10.0.0.1 dev":                      "dev: its value is missing",
		"10.0.0.1 dev a dev b":              "dev is given twice",
		"10.0.0.1 brd + broadcast -":        "brd is given twice",
		"10.0.0.1 no_track no_track":        "no_track is given twice",
		"10.0.0.1 dev averyverylongname0":   "no interface has such a name",
		"10.0.0.1 label averyverylonglabel": `label "averyverylonglabel" is longer than 15 characters`,
		"10.0.0.1 scope here":               `scope "here": want global, site, link, host, nowhere`,
		"10.0.0.1 scope 256":                `scope "256"`,
		"10.0.0.1 peer fd00::1":             "peer fd00::1 is not of the family of 10.0.0.1",
		"10.0.0.1 peer 10.0.0.1":            "peer 10.0.0.1 is the address itself",
		"10.0.0.1 peer x":                   `peer: "x" is no address`,
		"10.0.0.1/24 brd x":                 `brd "x": want an IPv4 address, + or -`,
		"10.0.0.1/31 brd +":                 "a subnet of length 31 has no broadcast address",
		"fd00::1/64 brd +":                  "IPv6 has no broadcast",
		"fd00::1/64 label x":                "an IPv6 address has none",
		"fd00::1/64 scope link":             "IPv6 derives it",
		"fd00::1/96 mngtmpaddr":             "mngtmpaddr needs a length of 64, not 96",
		"10.0.0.1 preferred_lft soon":       `preferred_lft "soon": want seconds or forever`,
	} {
		if _, err := ParseAddress(line, "eth0"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", line, err, want)
		}
	}
}

func TestPreferredLifetimeRunsOutWhileTheLeaseIsRenewed(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Preferred
		four bool
		age  time.Duration
		want uint32
	}{
		{"IPv4 as it is", PreferredDefault, true, 0, 60},
		{"IPv6 as it is", PreferredDefault, false, 0, 0},
		{"IPv6 for ever", PreferredForever, false, time.Hour, 60},
		{"IPv4 never", PreferredNever, true, 0, 0},
		{"longer than the lease", 300, false, 0, 60},
		{"in its last seconds", 300, false, 290 * time.Second, 10},
		{"over", 300, false, 301 * time.Second, 0},
	} {
		if got := c.p.seconds(c.four, 60, c.age); got != c.want {
			t.Errorf("%s: %d s, want %d", c.name, got, c.want)
		}
	}
}

// What a line says is said again by its canonical form.
func FuzzParseAddress(f *testing.F) {
	f.Add("10.0.0.1/24 dev eth1 label eth1:1 brd + scope link noprefixroute autojoin preferred_lft 300 no_track use_vmac")
	f.Add("fd00::1/64 peer fd00::2/64 home mngtmpaddr -nodad preferred_lft forever")
	f.Add("127.0.0.9/8 scope global preferred_lft 0")
	f.Fuzz(func(t *testing.T, line string) {
		s, err := ParseAddress(line, "")
		if err != nil {
			return
		}
		again, err := ParseAddress(s.String(), "")
		if err != nil {
			t.Fatalf("%q became %q: %v", line, s, err)
		}
		if again != s {
			t.Errorf("%q became %q: %+v is not %+v", line, s, again, s)
		}
	})
}
