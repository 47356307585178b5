// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	eth0   = link{index: 2, name: "eth0", kind: "veth", mac: MAC{2, 0, 0, 0, 0, 1}}
	eth1   = link{index: 3, name: "eth1", kind: "veth", mac: MAC{2, 0, 0, 0, 0, 2}}
	marked = mark{0, 0}.String()
)

func upper(index int, name string, base int, mac MAC, alias string) link {
	return link{index: index, name: name, kind: macvlan, base: base, mac: mac, alias: alias, up: true}
}

func four(vrid uint8, base string) Want {
	return Want{VRID: vrid, Base: base, MAC: RFC(vrid, false), Adverts: true}
}

func six(vrid uint8, base string) Want {
	return Want{VRID: vrid, Base: base, MAC: RFC(vrid, true), Six: true, IPv6: true, Adverts: true}
}

// told is a plan in words.
func told(p plan) string {
	var b strings.Builder
	for _, l := range p.remove {
		b.WriteString("remove " + l.name + "\n")
	}
	for _, v := range p.decisions {
		switch {
		case v.err != nil:
			b.WriteString("error: " + v.err.Error())
		case v.adopt != nil:
			b.WriteString("adopt " + v.adopt.name)
			if v.name != "" {
				b.WriteString(" as " + v.name)
			}
			if v.keeps != "" {
				b.WriteString(", which it keeps")
			}
		default:
			b.WriteString("make " + v.name + " on " + v.base.name)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestPlans(t *testing.T) {
	t.Parallel()
	named := four(51, "eth0")
	named.Name = "gw"
	own4, own6 := four(7, "eth0"), six(7, "eth0")
	own4.MAC, own6.MAC = MAC{2, 1}, MAC{2, 1}
	for name, c := range map[string]struct {
		links []link
		wants []Want
		want  string
	}{
		"the first":                       {nil, []Want{four(51, "eth0")}, "make vrrp.51 on eth0\n"},
		"IPv6 alone":                      {nil, []Want{six(51, "eth0")}, "make vrrp.51 on eth0\n"},
		"IPv6 beside IPv4":                {nil, []Want{four(51, "eth0"), six(51, "eth0")}, "make vrrp.51 on eth0\nmake vrrp6.51 on eth0\n"},
		"IPv6 comes first":                {nil, []Want{six(51, "eth0"), four(51, "eth0")}, "make vrrp.51 on eth0\nmake vrrp1.51 on eth0\n"},
		"one VRID on two interfaces":      {nil, []Want{four(51, "eth0"), four(51, "eth1")}, "make vrrp.51 on eth0\nmake vrrp1.51 on eth1\n"},
		"a name":                          {nil, []Want{named}, "make gw on eth0\n"},
		"both families share a MAC":       {nil, []Want{own4, own6}, "make vrrp.7 on eth0\n"},
		"no such interface":               {nil, []Want{four(51, "eth7")}, "error: interface eth7 does not exist\n"},
		"the name is another interface's": {[]link{{index: 9, name: "vrrp.51", kind: "dummy"}}, []Want{four(51, "eth0")}, "make vrrp1.51 on eth0\n"},
		"that very name":                  {[]link{{index: 9, name: "gw", kind: "dummy"}}, []Want{named}, "error: the name gw is taken by another interface: choose another vmac_name\n"},
		"an earlier run":                  {[]link{upper(9, "vrrp.51", 2, RFC(51, false), marked)}, []Want{four(51, "eth0")}, "adopt vrrp.51\n"},
		"an earlier run, renamed":         {[]link{upper(9, "fred", 2, RFC(51, false), marked)}, []Want{four(51, "eth0")}, "adopt fred as vrrp.51\n"},
		"an earlier run, a name by now":   {[]link{upper(9, "vrrp.51", 2, RFC(51, false), marked)}, []Want{named}, "adopt vrrp.51 as gw\n"},
		"an earlier run, a name in use": {[]link{upper(9, "vrrp.51", 2, RFC(51, false), marked), {index: 8, name: "gw", kind: "dummy"}}, []Want{named},
			"adopt vrrp.51, which it keeps\n"},
		"an earlier run, another VRID":     {[]link{upper(9, "vrrp.52", 2, RFC(52, false), marked)}, []Want{four(51, "eth0")}, "remove vrrp.52\nmake vrrp.51 on eth0\n"},
		"an earlier run, another base":     {[]link{upper(9, "vrrp.51", 3, RFC(51, false), marked)}, []Want{four(51, "eth0")}, "remove vrrp.51\nmake vrrp.51 on eth0\n"},
		"an earlier run, another MAC":      {[]link{upper(9, "vrrp.7", 2, RFC(7, false), marked)}, []Want{own4}, "remove vrrp.7\nmake vrrp.7 on eth0\n"},
		"nobody wants it":                  {[]link{upper(9, "vrrp.51", 2, RFC(51, false), marked)}, nil, "remove vrrp.51\n"},
		"keepalived's":                     {[]link{upper(9, "vrrp.51", 2, RFC(51, false), "")}, []Want{four(51, "eth0")}, "adopt vrrp.51\n"},
		"keepalived's, of another service": {[]link{upper(9, "vrrp.52", 2, RFC(52, false), "")}, []Want{four(51, "eth0")}, "make vrrp.51 on eth0\n"},
		"somebody's with our MAC": {[]link{upper(9, "mine", 2, RFC(51, false), "")}, []Want{four(51, "eth0")},
			"error: mine has the virtual MAC 00:00:5e:00:01:33 on eth0 already, and was made by somebody else: remove it\n"},
		"somebody's with our mark, no macvlan": {[]link{{index: 9, name: "x", kind: "dummy", alias: marked}}, nil, ""},
		"on a macvlan":                         {[]link{upper(9, "mv0", 3, MAC{2, 9}, "")}, []Want{four(51, "mv0")}, "make vrrp.51 on eth1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, told(makePlan(append([]link{eth0, eth1}, c.links...), c.wants))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Once a plan is carried out there is nothing more to do, and no two interfaces have the same name, or the same MAC on a base.
func TestPlansSettle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]string{"eth0", "eth1"})
		wants := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Want {
			w := four(rapid.Uint8Range(1, 3).Draw(t, "vrid"), base.Draw(t, "base"))
			if rapid.Bool().Draw(t, "ipv6") {
				w = six(w.VRID, w.Base)
			}
			if rapid.Bool().Draw(t, "own") {
				w.MAC = MAC{2, 0, 0, 0, 0, 9}
			}
			return w
		}), 0, 6)
		links := []link{eth0, eth1}
		for range 3 {
			p := makePlan(links, wants.Draw(t, "wants"))
			kept := []link{eth0, eth1}
			for _, v := range p.decisions {
				if v.err != nil {
					t.Fatalf("%+v: %v", v.want, v.err)
				}
				if v.adopt != nil {
					kept = append(kept, *v.adopt)
				}
			}
			if len(kept)+len(p.remove) != len(links) {
				t.Fatalf("%d of %d interfaces are accounted for", len(kept)+len(p.remove), len(links))
			}
			next := 100
			for _, l := range links {
				next = max(next, l.index+1)
			}
			for _, v := range p.decisions {
				if v.adopt == nil {
					kept = append(kept, upper(next, v.name, v.base.index, v.want.MAC, marked))
					next++
				}
			}
			names := map[string]bool{}
			macs := map[MAC]map[int]bool{}
			for _, l := range kept {
				if names[l.name] || len(l.name) > nameLimit || macs[l.mac][l.base] {
					t.Fatalf("%s twice, or its MAC, or too long", l.name)
				}
				names[l.name] = true
				if macs[l.mac] == nil {
					macs[l.mac] = map[int]bool{}
				}
				macs[l.mac][l.base] = true
			}
			links = kept
			for _, line := range strings.Split(strings.TrimSpace(told(makePlan(links, wantsOf(p)))), "\n") {
				if line != "" && !strings.HasPrefix(line, "adopt ") {
					t.Fatalf("not settled: %s", line)
				}
			}
		}
	})
}

func wantsOf(p plan) []Want {
	var out []Want
	for _, v := range p.decisions {
		out = append(out, v.want)
	}
	return out
}

func TestMarksRemember(t *testing.T) {
	t.Parallel()
	for _, m := range []mark{{0, 0}, {1, 2}, {8, 1}} {
		if got, ok := parseMark(m.String()); !ok || got != m {
			t.Errorf("%q is read as %+v, %v", m, got, ok)
		}
	}
	if _, ok := parseMark("uplink to switch 3"); ok {
		t.Error("somebody's alias is taken for ours")
	}
	if got := quiet(mark{0, 0}); got != (mark{1, 2}) {
		t.Errorf("quiet is %+v", got)
	}
	if got := quiet(mark{8, 1}); got != (mark{8, 2}) {
		t.Errorf("what answers nobody was changed to %+v", got)
	}
}

func FuzzMark(f *testing.F) {
	f.Add(mark{0, 1}.String())
	f.Add(markPrefix + "; arp_ignore=99 arp_announce=-1 =")
	f.Fuzz(func(t *testing.T, alias string) {
		m, ok := parseMark(alias)
		if m.ignore < -1 || m.ignore > 8 || m.announce < -1 || m.announce > 8 || !ok && m != (mark{-1, -1}) {
			t.Errorf("%q: %+v, %v", alias, m, ok)
		}
	})
}

// What is added and removed makes one picture the other, and who answers is never mute.
func TestPicturesDiffer(t *testing.T) {
	t.Parallel()
	bases := map[int]string{2: "eth0"}
	links := map[int]Place{9: {9, "vrrp.51", RFC(51, false), 2}, 10: {10, "vrrp6.51", RFC(51, true), 2}}
	some := rapid.Custom(func(t *rapid.T) picture {
		answering := map[int][]netip.Addr{}
		for index := range links {
			if rapid.Bool().Draw(t, "active") {
				answering[index] = rapid.SliceOfDistinct(rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}),
					rapid.ID[netip.Addr]).Draw(t, "addresses")
			}
		}
		p := draw(bases, links, nil, answering)
		for index := range links {
			_, mute := p.elems[element{setMute, string(binary.NativeEndian.AppendUint32(nil, uint32(index)))}]
			if _, active := answering[index]; active == mute {
				t.Fatalf("%d: active %v, mute %v", index, active, mute)
			}
		}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		p, q := some.Draw(t, "p"), some.Draw(t, "q")
		add, remove := p.difference(q)
		for e, v := range remove {
			if q.elems[e] != v {
				t.Fatal("what is not there is removed")
			}
			delete(q.elems, e)
		}
		for e, v := range add {
			if _, ok := q.elems[e]; ok {
				t.Fatal("what is there is added")
			}
			q.elems[e] = v
		}
		if diff := cmp.Diff(p.elems, q.elems); diff != "" {
			t.Fatal(diff)
		}
	})
}
