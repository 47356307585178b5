// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// next waits for an event of the kind; others fail the test.
func next(t *testing.T, events <-chan Event, want Kind) Event {
	t.Helper()
	select {
	case e := <-events:
		if e.Kind != want {
			t.Fatalf("want %v, got %v: %s %v", want, e.Kind, e.Text, e.Err)
		}
		return e
	case <-time.After(5 * time.Second):
		t.Fatalf("no event, want %v", want)
	}
	return Event{}
}

// Without nftables the kernel refuses where nobody listens; who listens in its way is found, named, and found gone.
func TestKernelAloneRefusesAndReportsWhoStandsInTheWay(t *testing.T) {
	s := newSite(t)
	events := make(chan Event, 100)
	r := s.open(Options{Kernel: true, CheckInterval: 20 * time.Millisecond, Notify: func(e Event) { events <- e }})
	if r.Mechanism() != "kernel" || r.Detail() != "nftables is not used: it was asked for" {
		t.Errorf("mechanism %s: %s", r.Mechanism(), r.Detail())
	}
	s.must(r.SetRefused([]Target{{Address: vip4, Ports: []Port{{TCP, 5000}, {UDP, 5000}}}, {Address: vip6}}))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "udp", vip6, 5000, "refused")

	elsewhere, err := s.standby.Listen("tcp4", net.JoinHostPort("0.0.0.0", "5001")) // no refused port, and not IPv6
	s.must(err)
	defer elsewhere.Close()
	tcp, err := s.standby.Listen("tcp", ":5000")
	s.must(err)
	self, err := os.ReadFile("/proc/self/comm")
	s.must(err)
	e := next(t, events, WildcardFound)
	if len(e.Listeners) != 1 || e.Listeners[0].Port != 5000 || !strings.HasPrefix(e.Listeners[0].Process, strings.TrimSpace(string(self))) {
		t.Errorf("listeners: %v", e.Listeners)
	}
	if !strings.HasSuffix(r.Detail(), "; listeners in the way: 1") {
		t.Errorf("detail: %s", r.Detail())
	}
	udp, err := s.standby.ListenPacket("udp4", "0.0.0.0:5000")
	s.must(err)
	if e := next(t, events, WildcardFound); len(e.Listeners) != 1 || e.Listeners[0].Proto != UDP {
		t.Errorf("listeners: %v", e.Listeners)
	}
	s.must(udp.Close())
	next(t, events, WildcardGone)

	// An address that is served here is meant to be listened on.
	s.must(r.Serve([]netip.Addr{vip4, vip6}, 0))
	next(t, events, WildcardGone)
	s.must(r.Withdraw([]netip.Addr{vip4}))
	next(t, events, WildcardFound)
	s.must(tcp.Close())
	next(t, events, WildcardGone)
	s.must(r.Serve([]netip.Addr{vip6}, 50*time.Millisecond))
	on6, err := s.standby.Listen("tcp6", "[::]:7000")
	s.must(err)
	defer on6.Close()
	if e := next(t, events, WildcardFound); e.Listeners[0].Port != 7000 { // when serving has lapsed
		t.Errorf("listeners: %v", e.Listeners)
	}
	counts, err := r.Counters()
	if err != nil || len(counts) != 0 {
		t.Errorf("counters: %v, %v", counts, err)
	}
}

// A process that may not change nftables is told so. It refuses by a program, if it may, else by the kernel alone.
func TestWithoutPermissionTheNextMechanismRefuses(t *testing.T) {
	const nftables = "nftables is not used: read nftables: operation not permitted (needs CAP_NET_ADMIN)"
	for _, c := range []struct {
		mechanism string
		without   []uint
		detail    string
	}{
		{"sk_lookup", []uint{unix.CAP_NET_ADMIN}, nftables},
		{"kernel", []uint{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN, unix.CAP_BPF}, nftables + "; sk_lookup: "},
	} {
		t.Run(c.mechanism, func(t *testing.T) {
			s := newSite(t)
			var mechanism, detail string
			s.must(s.standby.Do(func() error {
				return without(c.without, func() error {
					r, err := Open(t.Context(), Options{})
					if err != nil {
						return err
					}
					mechanism, detail = r.Mechanism(), r.Detail()
					return r.Close(true)
				})
			}))
			if mechanism != c.mechanism || !strings.Contains(detail, c.detail) {
				t.Errorf("mechanism %q: want %q, got %q", mechanism, c.detail, detail)
			}
		})
	}
}

// without runs f on a thread that lacks capabilities.
func without(capabilities []uint, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before, after [2]unix.CapUserData
	if err := unix.Capget(&header, &before[0]); err != nil {
		return err
	}
	after = before
	for _, c := range capabilities {
		after[c/32].Effective &^= 1 << (c % 32)
	}
	if err := unix.Capset(&header, &after[0]); err != nil {
		return err
	}
	err := f()
	if back := unix.Capset(&header, &before[0]); back != nil {
		panic(os.NewSyscallError("capset", back)) // the thread must not go on like this
	}
	return err
}
