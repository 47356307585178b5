// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// await polls until the client meets want.
func (s *site) await(addr netip.Addr, want string, limit time.Duration) {
	s.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		got, _ := outcome(s.t, s.client, "tcp", addr, 5000, 1)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%v: want %s within %v, got %s", addr, want, limit, got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestServingLiftsTheRefusalUntilWithdrawn(t *testing.T) { byEach(t, servingLiftsTheRefusal) }

func servingLiftsTheRefusal(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(o)
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.must(r.Serve([]netip.Addr{vip4}, 0))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.must(r.Serve([]netip.Addr{vip4, vip6, vip6}, 0)) // what is served already, and twice
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	s.must(r.SetRefused(whole(vip4, vip6))) // says nothing about serving
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.must(r.Withdraw([]netip.Addr{vip4, vip6}))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.must(r.Withdraw([]netip.Addr{vip4})) // once more is no error
}

// What an arbiter grants for a time lapses in the kernel, and a renewal before that carries it on.
func TestServingLapsesUnlessRenewed(t *testing.T) { byEach(t, servingLapses) }

func servingLapses(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(o)
	s.must(r.SetRefused(whole(vip4)))
	const grant = 700 * time.Millisecond
	start := time.Now()
	s.must(r.Serve([]netip.Addr{vip4}, grant))
	for range 3 {
		time.Sleep(grant / 3)
		s.must(r.Serve([]netip.Addr{vip4}, grant))
		s.expect(s.client, "tcp", vip4, 5000, "answered")
	}
	renewed := time.Now()
	s.await(vip4, "refused", 5*time.Second)
	if lapsed := time.Now(); lapsed.Sub(renewed) < grant/2 || renewed.Sub(start) < grant*2/3 {
		t.Errorf("refused %v after the renewal, want about %v", lapsed.Sub(renewed), grant)
	}
	s.must(r.Withdraw([]netip.Addr{vip4})) // what lapsed
	s.must(r.Serve([]netip.Addr{vip4}, 0))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.must(r.Serve([]netip.Addr{vip4}, grant)) // shorter than before
	s.await(vip4, "refused", 5*time.Second)
}

func TestChangesTouchOnlyWhatChanges(t *testing.T) { byEach(t, changesTouchOnlyWhatChanges) }

func changesTouchOnlyWhatChanges(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(o)
	s.must(r.SetRefused(whole(vip4)))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.expect(s.client, "udp", vip6, 5000, "refused")
	s.expect(s.client, "udp", vip6, 5000, "refused")
	got, err := r.Counters()
	s.must(err)
	// The last segments of the connection that was answered before may have come too late, and were reset.
	late := got[vip6].Resets - 1
	want := map[netip.Addr]Count{vip4: {Resets: 1}, vip6: {Resets: 1 + min(late, 3), Unreachables: 2}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("counters (-want +got):\n%s", d)
	}
	s.must(r.SetRefused([]Target{{Address: vip6, Ports: []Port{{TCP, 5000}}}}))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.must(r.SetRefused(nil))
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	got, err = r.Counters()
	s.must(err)
	if len(got) != 0 {
		t.Errorf("counters of nothing: %v", got)
	}
}

func TestUnusableArgumentsAreRefused(t *testing.T) { byEach(t, unusableArgumentsAreRefused) }

func unusableArgumentsAreRefused(t *testing.T, o Options) {
	s := newSite(t)
	r := s.open(o)
	if err := r.Serve([]netip.Addr{vip4}, -time.Second); err == nil {
		t.Error("serving for a negative time is no error")
	}
	if err := r.Serve([]netip.Addr{{}}, 0); err == nil {
		t.Error("serving the zero address is no error")
	}
	if err := r.SetRefused(whole(netip.IPv6Unspecified())); err == nil {
		t.Error("refusing the wildcard address is no error")
	}
}
