// SPDX-License-Identifier: Apache-2.0

package route

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// told gathers what is told until it is as much as expected.
func told(t testing.TB, c <-chan Removed, want ...string) {
	t.Helper()
	var got []string
	limit := time.After(5 * time.Second)
	for len(got) < len(want) {
		select {
		case r := <-c:
			for _, one := range r.Routes {
				got = append(got, one.String())
			}
			for _, one := range r.Rules {
				got = append(got, one.String())
			}
		case <-limit:
			t.Fatalf("told of %q, want %q", got, want)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestWhatOthersTakeAwayIsTold(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "ip")
	lab := netlab.Test(t)
	a := host(t, lab, "a")
	k := kernel(t, a)
	rs := routes(t, "10.1.0.0/24 via 192.168.200.254 dev eth0", "10.2.0.0/24 dev eth1", "fd10::/64 dev eth1", "10.3.0.0/24 dev eth2 table 7",
		"10.4.0.0/24 dev eth0 src 192.168.100.1", "blackhole 10.5.0.0/24 protocol 77", "unreachable 10.6.0.0/24")
	ps := rules(t, "from 10.1.0.0/24 table 5 priority 7", "from all fwmark 0x1 table 6 priority 8")
	none(t, k.Add(rs))
	none(t, k.AddRules(ps))
	run(t, a, "ip", "route", "del", "unreachable", "10.6.0.0/24") // before anybody watches
	c := watch(t, a, k)
	told(t, c, "unreachable 10.6.0.0/24")
	none(t, k.Add(rs[6:]))
	run(t, a, "ip", "route", "del", "unreachable", "10.6.0.0/24")
	told(t, c, "unreachable 10.6.0.0/24") // again
	run(t, a, "ip", "route", "del", "10.1.0.0/24")
	run(t, a, "ip", "rule", "del", "priority", "7")
	told(t, c, rs[0].String(), ps[0].String())
	run(t, a, "ip", "route", "replace", "10.3.0.0/24", "dev", "eth1", "table", "7")
	told(t, c, rs[3].String())
	run(t, a, "ip", "route", "flush", "proto", "77")
	told(t, c, rs[5].String())
	run(t, a, "ip", "addr", "del", "192.168.100.1/24", "dev", "eth2") // the source of a route by another interface
	told(t, c, rs[4].String())
	run(t, a, "ip", "link", "set", "eth1", "down")
	told(t, c, rs[1].String(), rs[2].String())
	run(t, a, "ip", "link", "set", "eth1", "up")
	// What was added again and what is given back is nobody's business.
	none(t, k.Add(rs[:3]))
	none(t, k.Delete(rs))
	run(t, a, "ip", "rule", "del", "priority", "8")
	told(t, c, ps[1].String())
	none(t, k.DeleteRules(ps))
	select {
	case r := <-c:
		t.Errorf("told of %v", r)
	case <-time.After(100 * time.Millisecond):
	}
}

func TestAFlushedInterfaceIsTold(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := host(t, lab, "a")
	k := kernel(t, a)
	c := watch(t, a, k)
	r := routes(t, "10.2.0.0/24 dev eth1")
	none(t, k.Add(r))
	run(t, a, "ip", "link", "del", "eth1")
	told(t, c, r[0].String())
	if errs := k.Add(r); errs == nil {
		t.Error("a route by an interface that is gone was added")
	}
	none(t, k.Delete(r))
}
