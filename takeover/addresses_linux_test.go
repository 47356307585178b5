// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestAddressesComeAndGoInOneBatch(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	k := kernel(t, a)
	as := on(a, "10.99.0.101/24", "10.99.0.102/32", "fd99::101/64", "fd99::102/128", "fe80::1:101/64")
	none(t, k.Add(as, time.Minute))
	if got := held(t, a, as); got != len(as) {
		t.Errorf("after Add %d of %d addresses are there", got, len(as))
	}
	for _, to := range []string{"10.99.0.101", "10.99.0.102", "fd99::101", "fd99::102", "fe80::1:101%eth0"} {
		refused(t, b, to) // usable at once: no duplicate address detection
	}
	if errs := k.Delete(as); errs != nil {
		t.Errorf("Delete: %v", errs)
	}
	if got := held(t, a, as); got != 0 {
		t.Errorf("after Delete %d addresses are there", got)
	}
	if errs := k.Delete(as); errs != nil {
		t.Errorf("Delete of absent addresses: %v, want none", errs)
	}
}

// The kernel completes an IPv6 address after the request; Add waits for that, and not for ever.
func TestIPv6AddressesAnswerWhenAddReturns(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	k := kernel(t, a)
	for i := range 30 {
		ip := netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x99, 14: 1, 15: byte(i)})
		none(t, k.Add([]Address{{netip.PrefixFrom(ip, 64), a.Index("eth0")}}, time.Minute))
		refused(t, b, ip.String()) // within a second: the first packet is answered, or the test fails
	}
	as := many(a, 500)
	none(t, k.Add(as, time.Minute))
	if left := k.unusable(as[499:]); left != nil {
		t.Errorf("Add returned before %v was usable", left)
	}
	lo := []Address{{netip.MustParsePrefix("fd97::1/128"), a.Index("lo")}}
	none(t, k.Add(lo, time.Minute))
	if left := k.unusable(lo); left != nil {
		t.Errorf("%v is not usable", left)
	}
	run(t, a, "ip", "link", "set", "eth0", "down")
	start := time.Now()
	none(t, k.Add(on(a, "fd96::1/64"), time.Minute))
	t.Logf("on a link that is down Add took %s", time.Since(start))
}

func TestAddressesLookAsDocumented(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	none(t, k.Add(on(a, "10.99.0.101/24", "10.50.0.1/24", "fd99::101/64", "fd50::1/64"), 40*time.Second))
	text := run(t, a, "ip", "-o", "addr", "show", "dev", "eth0")
	for _, want := range []string{
		"inet 10.99.0.101/24 scope global secondary dynamic eth0",
		"inet 10.50.0.1/24 scope global dynamic eth0",
		"inet6 fd99::101/64 scope global nodad deprecated dynamic noprefixroute",
		"inet6 fd50::1/64 scope global nodad deprecated dynamic",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if !strings.Contains(text, "valid_lft 40sec preferred_lft 40sec") ||
		!strings.Contains(text, "valid_lft 40sec preferred_lft 0sec") {
		t.Errorf("lifetimes differ from 40 s in\n%s", text)
	}
}

func TestErrorsBelongToTheirAddress(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	as := many(a, 300) // more than one train
	as[7].Link = 4242
	as[200].Prefix = netip.MustParsePrefix("224.0.0.1/32") // the kernel refuses it
	as[201].Prefix = netip.MustParsePrefix("ff02::1/128")
	as[202] = Address{}
	errs := k.Add(as, time.Minute)
	var bad []int
	for i, err := range errs {
		if err != nil {
			bad = append(bad, i)
		}
	}
	if want := []int{7, 201, 202}; !cmp.Equal(want, bad) && !cmp.Equal([]int{7, 200, 201, 202}, bad) {
		t.Errorf("failed: %v, want %v: %v", bad, want, errs)
	}
	if !errors.Is(errs[7], syscall.ENODEV) || !strings.Contains(errs[7].Error(), "fd98::4/64 on link 4242") {
		t.Errorf("error of an address on an unknown link: %v", errs[7])
	}
	if got := held(t, a, as); got < 296 {
		t.Errorf("%d of 296 good addresses are there", got)
	}
}

func TestForeignAddressIsReportedAndLeftAlone(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	as := on(a, "10.99.0.1/24", "10.99.0.101/24", "fd99::1/64", "fd99::101/64")
	errs := k.Add(as, 40*time.Second)
	for i, foreign := range []bool{true, false, true, false} {
		if errors.Is(errs[i], ErrForeign) != foreign {
			t.Errorf("%s: error %v, foreign %v", as[i], errs[i], foreign)
		}
	}
	text := run(t, a, "ip", "-o", "addr", "show", "dev", "eth0")
	for _, own := range []string{"10.99.0.1/24", "fd99::1/64"} {
		for line := range strings.Lines(text) {
			if strings.Contains(line, " "+own+" ") && !strings.Contains(line, "valid_lft forever") {
				t.Errorf("the host's own address has a lease now: %s", line)
			}
		}
	}
	if errs := k.Refresh(on(a, "10.99.0.1/24"), 40*time.Second); !errors.Is(errs[0], ErrForeign) {
		t.Errorf("Refresh of a foreign address: %v", errs)
	}
	none(t, k.Adopt(on(a, "10.99.0.1/24"), 40*time.Second))
	left, err := k.Leftovers()
	must(t, err)
	want := on(a, "10.99.0.1/24", "10.99.0.101/24", "fd99::101/64")
	if diff := cmp.Diff(want, left, cmpopts.SortSlices(func(a, b Address) bool { return compareAddress(a, b) < 0 }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("marked addresses after Adopt (-want +got):\n%s", diff)
	}
}

func TestAddTwiceRenewsAndDeletedByHandIsGone(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	as := on(a, "10.99.0.101/24", "fd99::101/64")
	none(t, k.Add(as, 30*time.Second))
	none(t, k.Add(as, 90*time.Second))
	none(t, k.Refresh(as, 80*time.Second))
	if text := run(t, a, "ip", "-o", "addr"); strings.Count(text, "valid_lft 80sec") != 2 {
		t.Errorf("leases are not 80 s:\n%s", text)
	}
	run(t, a, "ip", "addr", "del", "10.99.0.101/24", "dev", "eth0")
	errs := k.Refresh(as, 80*time.Second)
	if !errors.Is(errs[0], ErrGone) || errs[1] != nil {
		t.Errorf("Refresh after one was deleted by hand: %v, want gone and nil", errs)
	}
	if held(t, a, as) != 1 {
		t.Error("Refresh put the deleted address back")
	}
}

// While the kernel lists addresses, others come and go: it may leave out some that were there all the time.
func TestRefreshIsNotFooledByChangesMeanwhile(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k, busy := kernel(t, a), kernel(t, a)
	as := many(a, 3000)
	for i := range as { // IPv4 alone: their list is not indexed
		as[i].Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 98, byte(i >> 8), byte(i)}), 16)
	}
	none(t, k.Add(as, time.Minute))
	// Not the first of its subnet: all others would go with that one.
	secondary, stay := as[1:2], as[2:]
	come := on(a, "10.97.0.1/32")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
			busy.Delete(secondary)
			busy.Add(come, time.Minute)
			busy.Add(secondary, time.Minute)
			busy.Delete(come)
		}
	}()
	for range 30 {
		none(t, k.Refresh(stay, time.Minute))
	}
	close(stop)
	<-stopped
}

func TestLeaseEndsByItselfAndRefreshKeepsIt(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	// A subnet of the service's own, so that it brings its route; and one that is the host's.
	kept := on(a, "10.99.0.101/24", "fd99::101/64", "fd50::1/64")
	dropped := on(a, "10.99.0.102/24", "fd99::102/64", "fd51::1/64")
	none(t, k.Add(kept, 2*time.Second))
	none(t, k.Add(dropped, 2*time.Second))
	start := time.Now()
	var end time.Duration
	for time.Since(start) < 6*time.Second {
		none(t, k.Refresh(kept, 2*time.Second))
		if got := held(t, a, kept); got != len(kept) {
			t.Fatalf("after %s %d of %d refreshed addresses are left", time.Since(start), got, len(kept))
		}
		if end == 0 && held(t, a, dropped) == 0 {
			end = time.Since(start)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if end < time.Second || end > 4*time.Second {
		t.Errorf("leases of 2 s were over after %s", end)
	}
	t.Logf("leases of 2 s were over after %s", end)
	routes := run(t, a, "ip", "-6", "route", "show", "dev", "eth0")
	for _, want := range []string{"fd99::/64", "fd50::/64", "fe80::/64"} {
		if !strings.Contains(routes, want) {
			t.Errorf("no route %s in\n%s", want, routes)
		}
	}
	// The kernel lists the route that came with the dropped address for a while, but does not use it any more.
	if out, err := a.Run(t.Context(), "ip", "-6", "route", "get", "fd51::9"); err == nil {
		t.Errorf("the route of a service's own subnet outlived its address: %s", out)
	}
	eventually(t, 5*time.Second, "all leases are over", func() bool { return held(t, a, kept) == 0 })
	if got := held(t, a, on(a, "10.99.0.1/24", "fd99::1/64")); got != 2 {
		t.Errorf("%d of 2 addresses of the host are left", got)
	}
}

// A node that gave an address away must not go on sending to the address's subnet on that link.
func TestRouteOfAServicesOwnSubnetGoesWithItsLastAddress(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	k := kernel(t, a)
	as := on(a, "fd51::1/64", "fd51::2/64", "fd99::101/64")
	none(t, k.Add(as, time.Minute))
	routes := func() string { return run(t, a, "ip", "-6", "route", "show", "dev", "eth0") }
	none(t, k.Delete(as[1:]))
	if got := routes(); !strings.Contains(got, "fd51::/64") || !strings.Contains(got, "fd99::/64") {
		t.Errorf("a route went that others need:\n%s", got)
	}
	none(t, k.Delete(as[:1]))
	if got := routes(); strings.Contains(got, "fd51::/64") || !strings.Contains(got, "fd99::/64") {
		t.Errorf("want the host's route alone, got\n%s", got)
	}
}

// The kernel gives the route of an IPv6 subnet the lifetime of the address that brings it, even if the route was there
// with a longer lifetime of its own: from router advertisements, say.
func TestLeaseDoesNotShortenTheHostsRoute(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := node(t, lab, "a")
	run(t, a, "ip", "addr", "add", "fd99::1/64", "dev", "eth0", "nodad", "valid_lft", "3000", "preferred_lft", "3000")
	before := run(t, a, "ip", "-6", "route", "show", "fd99::/64")
	if !strings.Contains(before, "expires 2999sec") && !strings.Contains(before, "expires 3000sec") {
		t.Fatalf("the host's route has no lifetime, so nothing can be shown: %s", before)
	}
	k := kernel(t, a)
	as := on(a, "fd99::101/64")
	none(t, k.Add(as, 5*time.Second))
	none(t, k.Refresh(as, 5*time.Second))
	after := run(t, a, "ip", "-6", "route", "show", "fd99::/64")
	if !strings.Contains(after, "expires 299") && !strings.Contains(after, "expires 3000sec") {
		t.Errorf("the lease shortened the host's route\nbefore %safter  %s", before, after)
	}
}

func TestLeftoversOfADeadRunAreFoundAndRemoved(t *testing.T) {
	t.Parallel()
	_, a, _ := pair(t)
	former := kernel(t, a)
	as := on(a, "10.99.0.101/24", "10.99.0.102/32", "fd99::101/64")
	none(t, former.Add(as, time.Minute))
	records := []Record{}
	for _, one := range as {
		records = append(records, Record{Prefix: one.Prefix, Interface: "eth0", Leased: true})
	}
	records = append(records, Record{netip.MustParsePrefix("10.99.0.1/24"), "eth0", true}) // permanent now: not ours

	k := kernel(t, a)
	marked, err := k.Leftovers()
	must(t, err)
	links, err := k.Links()
	must(t, err)
	recorded := Recorded(links, records)
	for what, left := range map[string][]Address{"marked": marked, "recorded": recorded} {
		slices.SortFunc(left, compareAddress)
		if diff := cmp.Diff(fmt.Sprint(as), fmt.Sprint(left)); diff != "" {
			t.Errorf("%s leftovers (-want +got):\n%s", what, diff)
		}
	}
	none(t, k.Delete(marked))
	if held(t, a, as) != 0 || held(t, a, on(a, "10.99.0.1/24", "fd99::1/64")) != 2 {
		t.Error("leftovers are still there, or the host's own addresses are not")
	}
}

func TestDeletingThePrimaryAddressKeepsTheOthers(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	a := node(t, lab, "a")
	k := kernel(t, a)
	const key = "net.ipv4.conf.eth0.promote_secondaries"
	must(t, a.SetSysctl(key, "0"))
	vip := on(a, "10.99.0.101/24")
	none(t, k.Add(vip, time.Minute)) // first on the subnet: primary
	run(t, a, "ip", "addr", "add", "10.99.0.1/24", "dev", "eth0")

	var restore, again func() error
	must(t, a.Do(func() (err error) { restore, err = k.PromoteSecondaries("eth0"); return err }))
	must(t, a.Do(func() (err error) { again, err = k.PromoteSecondaries("eth0"); return err }))
	none(t, k.Delete(vip))
	if held(t, a, on(a, "10.99.0.1/24")) != 1 {
		t.Error("the host's own address went with ours")
	}
	value := func() string {
		v, err := a.Sysctl(key)
		must(t, err)
		return v
	}
	must(t, restore())
	must(t, restore())
	if got := value(); got != "1" {
		t.Errorf("promote_secondaries is %s while one user is left, want 1", got)
	}
	must(t, again()) // on a thread outside of the namespace
	if got := value(); got != "0" {
		t.Errorf("promote_secondaries is %s after restore, want 0", got)
	}
	must(t, a.Do(func() (err error) { restore, err = k.PromoteSecondaries("eth0"); return err }))
	run(t, a, "ip", "link", "del", "eth0")
	run(t, a, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth9")
	must(t, a.SetSysctl(key, "0"))
	must(t, a.Do(func() (err error) { again, err = k.PromoteSecondaries("eth0"); return err }))
	if got := value(); got != "1" {
		t.Errorf("promote_secondaries is %s on the interface made anew, want 1", got)
	}
	must(t, restore())
	must(t, again())
	if got := value(); got != "0" {
		t.Errorf("promote_secondaries is %s after restore on the interface made anew, want 0", got)
	}
	must(t, a.Do(func() (err error) { restore, err = k.PromoteSecondaries("eth0"); return err }))
	run(t, a, "ip", "link", "del", "eth0")
	if err := restore(); err != nil {
		t.Errorf("restore after the interface is gone: %v", err)
	}
}

func TestForwardingIsRead(t *testing.T) {
	t.Parallel()
	_, a, b := pair(t)
	must(t, b.Forward())
	for n, want := range map[*netlab.Node]bool{a: false, b: true} {
		must(t, n.Do(func() error {
			got, err := Forwarding("eth0")
			if got != want {
				t.Errorf("node %s forwards: %v, want %v", n.Name(), got, want)
			}
			return err
		}))
	}
}

// BenchmarkAddresses adds, renews and deletes a batch on one interface. IPv4 costs the same however many there are. For
// each IPv6 address the kernel looks at all multicast groups of the interface, of which each address brings one
// (ipv6_find_idev, ipv6_mc_up), and for a few seconds after deleting at the former ones as well: hence the two sizes.
func BenchmarkAddresses(b *testing.B) {
	for _, c := range []struct {
		name  string
		count int
		make  func(i int) netip.Prefix
	}{
		{"ipv4/1000", 1000, func(i int) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 99, 1 + byte(i>>8), byte(i)}), 16)
		}},
		{"ipv6/100", 100, func(i int) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x99, 14: 1 + byte(i>>8), 15: byte(i)}), 64)
		}},
		{"ipv6/1000", 1000, func(i int) netip.Prefix {
			return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x99, 14: 1 + byte(i>>8), 15: byte(i)}), 64)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			lab := netlab.Test(b)
			a := node(b, lab, "a", "10.99.0.1/16", "fd99::1/64")
			k := kernel(b, a)
			as := make([]Address, c.count)
			for i := range as {
				as[i] = Address{c.make(i), a.Index("eth0")}
			}
			var add, refresh, del time.Duration
			for b.Loop() {
				t0 := time.Now()
				none(b, k.Add(as, time.Minute))
				t1 := time.Now()
				none(b, k.Refresh(as, time.Minute))
				t2 := time.Now()
				none(b, k.Delete(as))
				add, refresh, del = add+t1.Sub(t0), refresh+t2.Sub(t1), del+time.Since(t2)
			}
			per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(b.N*len(as)) }
			b.ReportMetric(per(add), "µs/add")
			b.ReportMetric(per(refresh), "µs/refresh")
			b.ReportMetric(per(del), "µs/delete")
		})
	}
}
