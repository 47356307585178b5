// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// byLookup opens a responder that works without nftables.
func (s *site) byLookup() *Responder {
	s.t.Helper()
	r := s.open(Options{Lookup: true})
	if r.Mechanism() != "sk_lookup" {
		s.t.Fatalf("mechanism %s: %s", r.Mechanism(), r.Detail())
	}
	return r
}

// Without nftables the kernel is told that refused addresses have no sockets: clients of both families and from both sides get
// the same errors, and wildcard listeners nothing.
func TestLookupRefusesInSpiteOfWildcardListeners(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.byLookup()
	if !strings.Contains(r.Detail(), "survives this process") {
		t.Errorf("detail: %s", r.Detail())
	}
	s.must(r.SetRefused(whole(vip4, vip6)))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, network := range []string{"tcp", "udp"} {
			for _, port := range []uint16{5000, 5001} {
				s.expect(n, network, vip4, port, "refused")
				s.expect(n, network, vip6, port, "refused")
			}
			s.expect(n, network, own4, 5000, "answered")
			s.expect(n, network, own6, 5000, "answered")
		}
	}
	counts, err := r.Counters()
	s.must(err)
	for _, a := range []netip.Addr{vip4, vip6} {
		if c := counts[a]; c.Resets < 4 || c.Unreachables < 4 {
			t.Errorf("%v: %+v", a, c)
		}
	}
	s.must(r.SetRefused(whole(vip6)))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
}

func TestLookupRefusesPortsAlone(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	s.wildcards("5001")
	r := s.byLookup()
	s.must(r.SetRefused([]Target{
		{Address: vip4, Ports: []Port{{TCP, 5000}, {UDP, 5001}}},
		{Address: vip6, Ports: []Port{{TCP, 5000}, {UDP, 5001}}, Spoken: []Port{{TCP, 5000}}},
	}))
	for _, n := range []*netlab.Node{s.client, s.standby} {
		for _, a := range []netip.Addr{vip4, vip6} {
			s.expect(n, "tcp", a, 5000, "refused")
			s.expect(n, "tcp", a, 5001, "answered")
			s.expect(n, "udp", a, 5001, "refused")
		}
	}
}

func TestLookupLiftsARefusalForATime(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.byLookup()
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.must(r.Serve([]netip.Addr{vip4}, 0))
	s.must(r.Serve([]netip.Addr{vip6}, 700*time.Millisecond))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if got, _ := outcome(t, s.client, "tcp", vip6, 5000, 1); got == "refused" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("serving does not lapse")
		}
	}
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.must(r.Withdraw([]netip.Addr{vip4}))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
}

// What a process left refuses on, also what it served; the next one takes it over.
func TestLookupOutlivesItsProcess(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	r, err := s.tryOpen(Options{Lookup: true})
	s.must(err)
	s.must(r.SetRefused([]Target{{Address: vip4}, {Address: vip6, Ports: []Port{{TCP, 5000}}}}))
	s.must(r.Serve([]netip.Addr{vip4}, 0))
	s.must(r.Close(false))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "refused")

	next := s.byLookup()
	if !strings.HasPrefix(next.Detail(), "adopted") {
		t.Errorf("detail: %s", next.Detail())
	}
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.must(next.Serve([]netip.Addr{vip4}, 0))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.must(s.standby.Do(func() error { return LiftServing(t.Context(), "") }))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.must(next.SetRefused(nil))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	var dir string
	s.must(s.standby.Do(func() (err error) { dir, err = pinDirectory(DefaultTable); return err }))
	s.must(next.Close(true))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left: %v", dir, err)
	}
}

// kill -9 leaves no moment in which a wildcard listener answers.
func TestLookupSurvivesKill(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	h := s.holder("lookup")
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.must(h.Process.Signal(unix.SIGKILL))
	<-h.Done()
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	r := s.byLookup()
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.must(r.SetRefused(nil))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
}

// What belongs to a namespace that is gone is removed by the next who comes.
func TestLookupForgetsNamespacesThatAreGone(t *testing.T) {
	netlab.Require(t)
	lab := netlab.Test(t)
	gone, err := lab.Node("gone", "10.99.0.9/24")
	if err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(bpffs, "regent", DefaultTable+"-1")
	err = gone.Do(func() error {
		r, err := Open(t.Context(), Options{Lookup: true})
		if err != nil {
			return err
		}
		dir, err := pinDirectory(DefaultTable)
		return errors.Join(err, r.Close(false), os.RemoveAll(stale), os.Mkdir(stale, 0o700), move(dir, stale))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	other := newSite(t)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) { // namespaces end in their own time
		r, err := other.tryOpen(Options{Lookup: true})
		other.must(err)
		other.must(r.Close(true))
		if _, err := os.Stat(stale); errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is left", stale)
		}
	}
}

// move moves pins: they cannot be renamed as a directory that is not empty.
func move(from, to string) error {
	entries, err := os.ReadDir(from)
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())))
	}
	return errors.Join(append(errs, os.Remove(from))...)
}
