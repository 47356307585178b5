// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func none(t testing.TB, errs []error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func run(t testing.TB, n *netlab.Node, args ...string) string {
	t.Helper()
	out, err := n.Run(context.Background(), args[0], args[1:]...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// host makes a node with the subnets that the routes of these tests need.
func host(t testing.TB, lab *netlab.Lab, name string) *netlab.Node {
	t.Helper()
	n, err := lab.Node(name, "192.168.200.1/24", "fd99::1/64")
	must(t, err)
	for _, dev := range []string{"eth1", "eth2", "eth3"} {
		_, err := n.Attach(lab.LAN(), dev)
		must(t, err)
	}
	for _, a := range []string{"192.168.200.2/24 eth1", "fd98::1/64 eth1", "192.168.100.1/24 eth2", "192.168.0.2/24 eth3"} {
		prefix, dev, _ := strings.Cut(a, " ")
		run(t, n, "ip", "addr", "add", prefix, "dev", dev, "nodad")
	}
	return n
}

func kernel(t testing.TB, n *netlab.Node) *Kernel {
	t.Helper()
	var k *Kernel
	must(t, n.Do(func() (err error) {
		k, err = Open(slog.New(slog.DiscardHandler))
		return err
	}))
	t.Cleanup(func() { must(t, k.Close()) })
	return k
}

func watch(t testing.TB, n *netlab.Node, k *Kernel) <-chan Removed {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var c <-chan Removed
	must(t, n.Do(func() (err error) {
		c, err = k.Watch(ctx)
		return err
	}))
	t.Cleanup(func() {
		cancel()
		for range c { // until it has ended
		}
	})
	return c
}

func routes(t testing.TB, lines ...string) (out []Route) {
	t.Helper()
	for _, line := range lines {
		r, err := Parse(line)
		must(t, err)
		out = append(out, r)
	}
	return out
}

func rules(t testing.TB, lines ...string) (out []Rule) {
	t.Helper()
	for _, line := range lines {
		r, err := ParseRule(line)
		must(t, err)
		out = append(out, r)
	}
	return out
}

// show returns what `ip -j` shows of routes or rules but for those of the kernel itself and their protocols.
func show(t testing.TB, n *netlab.Node, args ...string) (out []map[string]any) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		var all []map[string]any
		text := run(t, n, append([]string{"ip", family, "-N", "-j", "-d"}, args...)...)
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		for _, one := range all {
			if one["protocol"] == "2" { // kernel
				continue
			}
			delete(one, "protocol")
			delete(one, "expires") // runs
			one["family"] = family
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b map[string]any) int { return strings.Compare(text(a), text(b)) })
	return out
}

func text(m map[string]any) string {
	b, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// The same lines mean the same here as to ip(8), and are found and taken away again.
func TestRoutesAreThoseOfIproute2(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "ip")
	lab := netlab.Test(t)
	a, b := host(t, lab, "a"), host(t, lab, "b")
	lines := []string{
		"default via 192.168.200.254 dev eth0 metric 5",
		"10.1.0.0/24 via 192.168.200.254 dev eth0 rtt 100ms rttvar 80ms rto_min 300ms",
		"10.1.1.0/24 via 192.168.200.254 dev eth0 rtt 100 rttvar 80",
		"10.1.2.0/24 dev eth1 tos 10 realms 5",
		"10.1.3.0/24 dev eth1 mtu lock 1400 hoplimit 9 advmss 1300 initcwnd 10 initrwnd 11 quickack 1 features ecn congctl lock reno window 1000 cwnd 5 ssthresh 7 reordering 9 fastopen_no_cookie 1",
		"10.1.4.0/24 via inet6 fe80::1 dev eth1",
		"local 10.1.5.1 dev eth1",
		"unreachable 10.1.6.0/24 metric 50",
		"throw 10.1.7.0/24 table 77",
		"10.1.8.0/24 nexthop via 192.168.200.253 dev eth0 weight 3 realms 1/2 nexthop via 1.2.3.4 dev eth1 weight 1 onlink",
		"10.1.9.0/24 via 1.2.3.4 dev eth1 onlink table 4000000000",
		"10.1.10.0/24 encap ip id 7 dst 192.168.9.1 src 192.168.9.2 tos 4 ttl 9 dev eth1",
		"10.1.11.0/24 dev eth1 scope 5 src 192.168.100.1",
		"broadcast 10.1.12.1 dev eth1",
		"multicast 239.1.0.0/16 dev eth1",
		"prohibit 10.1.13.0/24",
		"blackhole 10.1.14.1/32",
		"fd10::/64 via fd99::9 pref high expires 1000",
		"fd11::/64 dev eth1 metric 7",
		"fd12::/64 via fe80::9 dev eth1 mtu 1400",
		"unreachable fd13::/64",
		"fd14::/64 nexthop via fd98::7 dev eth1 weight 2 nexthop via fd98::8 dev eth1",
		"::/0 via fd99::3",
		"anycast fd16::1 dev eth1",
		"fd17::/64 encap ip6 id 7 dst fd09::1 src fd09::2 tc 4 hoplimit 9 dev eth1",
		"fd18::/64 dev eth1 table 300",
	}
	before := show(t, a, "route", "show", "table", "all")
	k := kernel(t, a)
	rs := routes(t, lines...)
	none(t, k.Add(rs))
	none(t, k.Add(rs)) // what is there is no error
	for _, line := range lines {
		command := []string{"ip", "route", "add"}
		if r := routes(t, line)[0]; r.IPv6 {
			command = []string{"ip", "-6", "route", "add"}
		}
		run(t, b, append(command, strings.Fields(line)...)...)
	}
	got := show(t, a, "route", "show", "table", "all")
	if diff := cmp.Diff(show(t, b, "route", "show", "table", "all"), got); diff != "" {
		t.Errorf("routes (-ip +here):\n%s", diff)
	}
	left, _, err := kernel(t, a).Leftovers(nil, nil)
	must(t, err)
	if len(left) != len(lines) {
		t.Errorf("%d routes are left, want %d: %v", len(left), len(lines), left)
	}
	other := kernel(t, a) // the next run of the daemon
	none(t, other.Delete(left))
	none(t, other.Delete(left))
	if diff := cmp.Diff(before, show(t, a, "route", "show", "table", "all")); diff != "" {
		t.Errorf("after Delete of what is left (-before +now):\n%s", diff)
	}
	none(t, k.Add(rs))
	none(t, k.Delete(rs))
	if diff := cmp.Diff(before, show(t, a, "route", "show", "table", "all")); diff != "" {
		t.Errorf("after Delete (-before +now):\n%s", diff)
	}
}

func TestRulesAreThoseOfIproute2(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "ip")
	lab := netlab.Test(t)
	a, b := host(t, lab, "a"), host(t, lab, "b")
	lines := []string{
		"from 10.1.0.0/24 table 5 priority 90",
		"to 10.3.0.0/16 fwmark 5/0xff iif eth0 tos 10 blackhole priority 98",
		"from all goto 200 priority 97",
		"from all nop priority 200",
		"from 10.4.0.0/16 uidrange 5-10 ipproto tcp sport 10-20 dport 80 table 9 suppress_prefixlength 0 suppress_ifgroup 3 priority 201",
		"l3mdev priority 202",
		"not from 10.9.0.0/16 table 4000000000 priority 203",
		"from all fwmark 0/0xf table main priority 204 realms 3/4",
		"from 10.20.0.0/16 prohibit priority 207",
		"from 10.20.0.0/16 unreachable priority 208",
		"from fd00::/8 to fd01::/16 oif eth1 table 4 priority 205",
		"from ::/0 table 4 priority 206",
	}
	before := show(t, a, "rule")
	k := kernel(t, a)
	rs := append(rules(t, lines...), rules(t, "tunnel-id 9 table 4 priority 209")...)
	none(t, k.AddRules(rs))
	none(t, k.AddRules(rs))
	for _, line := range append(lines, "tun_id 9 table 4 priority 209") {
		command := []string{"ip", "rule", "add"}
		if r := rules(t, line)[0]; r.IPv6 {
			command = []string{"ip", "-6", "rule", "add"}
		}
		run(t, b, append(command, strings.Fields(line)...)...)
	}
	if diff := cmp.Diff(show(t, b, "rule"), show(t, a, "rule")); diff != "" {
		t.Errorf("rules (-ip +here):\n%s", diff)
	}
	_, left, err := kernel(t, a).Leftovers(nil, nil)
	must(t, err)
	if len(left) != len(rs) {
		t.Errorf("%d rules are left, want %d: %v", len(left), len(rs), left)
	}
	none(t, kernel(t, a).DeleteRules(left))
	none(t, k.DeleteRules(rs))
	if diff := cmp.Diff(before, show(t, a, "rule")); diff != "" {
		t.Errorf("after DeleteRules (-before +now):\n%s", diff)
	}
	// Without a priority the kernel gives one, once; and only what is ours goes.
	run(t, a, "ip", "rule", "add", "from", "10.1.0.0/24", "table", "5", "priority", "7")
	before = show(t, a, "rule")
	loose := rules(t, "from 10.1.0.0/24 table 5")
	none(t, k.AddRules(loose))
	none(t, k.AddRules(loose))
	if got := show(t, a, "rule"); len(got) != len(before)+1 {
		t.Errorf("a rule without a priority: %v", got)
	}
	none(t, k.DeleteRules(loose))
	none(t, k.DeleteRules(loose))
	if diff := cmp.Diff(before, show(t, a, "rule")); diff != "" {
		t.Errorf("a rule of somebody else (-before +now):\n%s", diff)
	}
}

func TestModesOfAddingAreHeeded(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := host(t, lab, "a")
	k := kernel(t, a)
	run(t, a, "ip", "route", "add", "10.1.0.0/24", "dev", "eth2")
	if errs := k.Add(routes(t, "add 10.1.0.0/24 dev eth1")); errs == nil || !errors.Is(errs[0], ErrExists) {
		t.Errorf("add beside a route of somebody else: %v", errs)
	}
	several := routes(t, "append 10.1.0.0/24 via 192.168.100.9", "prepend 10.1.0.0/24 via 192.168.100.8", "add 10.2.0.0/24 dev eth1")
	none(t, k.Add(several))
	none(t, k.Add(several))
	want := "10.1.0.0/24 via 192.168.100.8 dev eth2 proto 112 \n10.1.0.0/24 dev eth2 scope link \n10.1.0.0/24 via 192.168.100.9 dev eth2 proto 112 \n"
	if got := run(t, a, "ip", "route", "show", "to", "10.1.0.0/24"); got != want {
		t.Errorf("routes:\n%swant:\n%s", got, want)
	}
	none(t, k.Delete(several))
	if got := run(t, a, "ip", "route", "show", "to", "10.1.0.0/24"); got != "10.1.0.0/24 dev eth2 scope link \n" {
		t.Errorf("after Delete: %s", got)
	}
	// Somebody's route counts again when ours has gone.
	ours := routes(t, "10.1.0.0/24 dev eth1")
	none(t, k.Add(ours))
	none(t, k.Add(ours))
	if got := run(t, a, "ip", "route", "show", "to", "10.1.0.0/24"); got != "10.1.0.0/24 dev eth1 proto 112 scope link \n10.1.0.0/24 dev eth2 scope link \n" {
		t.Errorf("after adding: %s", got)
	}
	none(t, k.Delete(ours))
	if got := run(t, a, "ip", "route", "show", "to", "10.1.0.0/24"); got != "10.1.0.0/24 dev eth2 scope link \n" {
		t.Errorf("after deleting: %s", got)
	}
	none(t, k.Add(routes(t, "replace 10.1.0.0/24 dev eth1")))
	if got := run(t, a, "ip", "route", "show", "to", "10.1.0.0/24"); got != "10.1.0.0/24 dev eth1 proto 112 scope link \n" {
		t.Errorf("after replacing: %s", got)
	}
	// A changed line, whichever way round.
	none(t, k.Add(routes(t, "replace 10.1.0.0/24 dev eth1 mtu 1400")))
	none(t, k.Delete(routes(t, "replace 10.1.0.0/24 dev eth1")))
	if got := run(t, a, "ip", "route", "show", "to", "10.1.0.0/24"); !strings.Contains(got, "mtu 1400") {
		t.Errorf("after a change: %q", got)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := host(t, lab, "a")
	k := kernel(t, a)
	run(t, a, "ip", "link", "set", "eth3", "down")
	lines := []string{"10.1.0.0/24 dev eth9", "10.1.0.0/24 via 9.9.9.9", "10.1.0.0/24 dev eth3", "10.1.1.0/24 dev eth1", "10.1.0.0/24 dev eth1 vrf eth9",
		"10.1.0.0/24 dev eth1 vrf eth1", "10.1.0.0/24 nexthop dev eth9", "10.1.0.0/24 dev eth1 src 9.9.9.9"}
	wants := []string{"dev eth9: no such interface", "say onlink", "is the interface up?", "", "vrf eth9: no such interface", "no VRF device",
		"dev eth9: no such interface", "invalid argument"}
	errs := k.Add(routes(t, lines...))
	for i, err := range errs {
		switch {
		case err == nil && wants[i] != "", err != nil && wants[i] == "":
			t.Errorf("%s: %v", lines[i], err)
		case err != nil && (!strings.Contains(err.Error(), wants[i]) || !strings.Contains(err.Error(), lines[i])):
			t.Errorf("%s: %v, want %q", lines[i], err, wants[i])
		}
	}
	none(t, k.Delete(routes(t, "10.1.0.0/24 dev eth9", "10.1.1.0/24 dev eth1", "10.1.0.0/24 vrf eth9 dev eth9")))
}

// The samples that come with keepalived, as far as it takes them: what it installs is installed here, but for the protocol,
// and for the scope of routes to an interface, which keepalived leaves global and ip(8) makes link.
func TestRoutesAndRulesAreThoseOfKeepalived(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived", "ip")
	lab := netlab.Test(t)
	a, b := host(t, lab, "a"), host(t, lab, "b")
	lines := []string{
		"src 192.168.100.1 192.168.209.0/24 via 192.168.200.254 dev eth0",
		"192.168.210.0/24 via 192.168.200.254 dev eth0",
		"192.168.212.0/24 dev eth3 scope site",
		"192.168.213.0/24 dev eth1 scope link",
		"src 192.168.100.1 192.168.109.0/24 via 192.168.200.254 dev eth1",
		"192.168.110.0/24 via 192.168.200.254 dev eth1",
		"192.168.111.0/24 dev eth2",
		"192.168.112.0/24 via 192.168.100.254",
		"192.168.113.0/24 via 192.168.100.252 or 192.168.100.253",
		"blackhole 192.168.113.1/32",
		"0.0.0.0/0 gw 192.168.0.1 table 100",
	}
	policies := []string{"from 192.168.100.0/24 table 1 preference 10", "to 192.168.100.0/24 table 1 preference 11", "from 192.168.200.0/24 table 2 priority 12"}
	k := kernel(t, a)
	none(t, k.Add(routes(t, lines...)))
	none(t, k.AddRules(rules(t, policies...)))
	conf := filepath.Join(lab.Dir(), "keepalived.conf")
	must(t, os.WriteFile(conf, []byte("static_routes {\n "+strings.Join(lines, "\n ")+"\n}\nstatic_rules {\n "+strings.Join(policies, "\n ")+"\n}\n"+
		"vrrp_instance v {\n interface eth0\n virtual_router_id 51\n priority 1\n virtual_ipaddress { 192.168.200.16 }\n}\n"), 0o600))
	daemon, err := b.Start(context.Background(), "keepalived", "-n", "-l", "-f", conf,
		"-p", filepath.Join(lab.Dir(), "parent.pid"), "-r", filepath.Join(lab.Dir(), "vrrp.pid"))
	must(t, err)
	t.Cleanup(func() { must(t, daemon.Stop(5*time.Second)) })
	eventually(t, "keepalived adds its rules", func() bool { return len(show(t, b, "rule")) == len(policies) })
	look := func(n *netlab.Node) []map[string]any {
		all := show(t, n, "route", "show", "table", "all")
		for _, r := range all {
			if r["dst"] == "192.168.111.0/24" && (r["scope"] == "253" || r["scope"] == "0") {
				delete(r, "scope")
			}
		}
		return append(all, show(t, n, "rule")...)
	}
	if diff := cmp.Diff(look(b), look(a)); diff != "" {
		t.Errorf("routes and rules (-keepalived +here):\n%s", diff)
	}
}
