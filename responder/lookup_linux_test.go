// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// byEach runs a test of what every mechanism that really refuses must do.
func byEach(t *testing.T, test func(*testing.T, Options)) {
	t.Run("nftables", func(t *testing.T) { test(t, Options{}) })
	t.Run("sk_lookup", func(t *testing.T) {
		permit(t, Options{Lookup: true})
		test(t, Options{Lookup: true})
	})
}

// permit skips a test by sk_lookup where this user cannot have it: rights in a user namespace of one's own do not do.
func permit(t *testing.T, o Options) {
	t.Helper()
	if !o.Lookup {
		return
	}
	err := mayLookup()
	if err == nil {
		return
	}
	users, mapErr := os.ReadFile("/proc/self/uid_map")
	if mapErr != nil {
		t.Fatal(mapErr)
	}
	initial := strings.Join(strings.Fields(string(users)), " ") == "0 0 4294967295"
	if initial && os.Getenv(netlab.RequireVariable) == "1" {
		t.Fatalf("%v (%s=1)", err, netlab.RequireVariable)
	}
	t.Skip(err)
}

// lookupSite is a site with wildcard listeners where sk_lookup can be had.
func lookupSite(t *testing.T) *site {
	t.Helper()
	permit(t, Options{Lookup: true})
	s := newSite(t)
	s.wildcards("5000")
	return s
}

// byLookup opens a responder that works without nftables.
func (s *site) byLookup(o Options) *Responder {
	s.t.Helper()
	o.Lookup = true
	r := s.open(o)
	if r.Mechanism() != "sk_lookup" {
		s.t.Fatalf("mechanism %s: %s", r.Mechanism(), r.Detail())
	}
	return r
}

// home is where the standby's objects are pinned.
func (s *site) home() (dir string) {
	s.t.Helper()
	s.must(s.standby.Do(func() (err error) { dir, err = homeDirectory(DefaultTable); return err }))
	return dir
}

// bereave leaves the standby with what a killed process refused.
func (s *site) bereave() {
	s.t.Helper()
	h := s.holder("lookup")
	h.Kill()
	<-h.Done()
}

func (s *site) isGone(name string) {
	s.t.Helper()
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		s.t.Errorf("%s is left: %v", name, err)
	}
}

// A port that has words of its own is refused like all others: the program knows no speaker.
func TestLookupRefusesSpokenPorts(t *testing.T) {
	s := lookupSite(t)
	r := s.byLookup(Options{})
	s.must(r.SetRefused([]Target{{Address: vip4, Ports: []Port{{TCP, 5000}}, Spoken: []Port{{TCP, 5000}}}}))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	s.expect(s.standby, "udp", vip4, 5000, "answered")
}

// An address goes from whole to ports and back, and its ports change.
func TestLookupChangesTheFormOfATarget(t *testing.T) {
	s := lookupSite(t)
	r := s.byLookup(Options{})
	for _, c := range []struct {
		ports    []Port
		tcp, udp string
	}{
		{nil, "refused", "refused"},
		{[]Port{{TCP, 5000}}, "refused", "answered"},
		{[]Port{{UDP, 5000}, {TCP, 5001}}, "answered", "refused"},
		{nil, "refused", "refused"},
	} {
		s.must(r.SetRefused([]Target{{Address: vip4, Ports: c.ports}}))
		s.expect(s.standby, "tcp", vip4, 5000, c.tcp)
		s.expect(s.standby, "udp", vip4, 5000, c.udp)
	}
}

// When there is no room, what was refused still is; and the next change works.
func TestLookupWithoutRoomRefusesWhatItDid(t *testing.T) {
	s := lookupSite(t)
	r := s.byLookup(Options{})
	s.must(r.SetRefused(whole(vip4)))
	err := r.SetRefused(append(whole(vip6), manyTargets(lookupLimit, true)...))
	if err == nil || !strings.Contains(err.Error(), "no room for more than 65536") {
		t.Errorf("want no room, got %v", err)
	}
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.must(r.SetRefused(whole(vip6)))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	counts, err := r.Counters()
	if err != nil || len(counts) != 1 {
		t.Errorf("want one address, got %d, %v", len(counts), err)
	}
}

// What was served for a time takes no room when that is over.
func TestLookupForgetsWhatHasLapsed(t *testing.T) {
	s := lookupSite(t)
	r := s.byLookup(Options{CheckInterval: 10 * time.Millisecond})
	s.must(r.Serve([]netip.Addr{vip4}, time.Millisecond))
	s.must(r.Serve([]netip.Addr{vip6}, 0))
	served, err := ebpf.LoadPinnedMap(filepath.Join(s.home(), "served1"), nil)
	s.must(err)
	defer served.Close()
	var until uint64
	for end := time.Now().Add(5 * time.Second); !errors.Is(served.Lookup(lookupAddress(vip4.As16()), &until), ebpf.ErrKeyNotExist); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still there")
		}
	}
	s.must(served.Lookup(lookupAddress(vip6.As16()), &until))
}

// Close leaves all refused, or nothing: no program, no pins, at once.
func TestLookupLeavesAllOrNothing(t *testing.T) {
	s := lookupSite(t)
	r, err := s.tryOpen(Options{Lookup: true})
	s.must(err)
	if want := "new; survives this process in " + s.home(); !strings.HasPrefix(r.Detail(), want) {
		t.Errorf("detail: want %s, got %s", want, r.Detail())
	}
	s.must(r.SetRefused([]Target{{Address: vip4}, {Address: vip6, Ports: []Port{{TCP, 5000}}}}))
	s.must(r.Serve([]netip.Addr{vip4}, 0))
	s.must(r.Close(false))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	for range 5 {
		r, err = s.tryOpen(Options{Lookup: true})
		s.must(err)
		s.must(r.SetRefused(whole(vip4, vip6)))
		s.must(r.Close(true))
		s.expect(s.client, "tcp", vip4, 5000, "answered")
		s.expect(s.client, "tcp", vip6, 5000, "answered")
		s.isGone(s.home())
	}
}

// A process that lives keeps what it refuses, and what it serves.
func TestLookupOfALivingProcessIsNotTaken(t *testing.T) {
	s := lookupSite(t)
	r := s.byLookup(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.must(r.Serve([]netip.Addr{vip6}, 0))
	other, err := s.tryOpen(Options{Lookup: true})
	if err == nil {
		_ = other.Close(false)
		t.Fatal("two processes have it")
	}
	if !errors.Is(err, errHeld) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error: %v", err)
	}
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	s.byLookup(Options{Table: "regent2"}) // what has another name is nobody's
}

// A program that is left would refuse what the table serves. It goes as soon as the table refuses, not before.
func TestLookupGivesWayToOtherMechanisms(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
	}{{"nftables", Options{}}, {"kernel", Options{Kernel: true}}} {
		t.Run(c.name, func(t *testing.T) {
			s := lookupSite(t)
			s.bereave()
			r := s.open(c.o)
			if r.Mechanism() != c.name {
				t.Fatalf("mechanism %s: %s", r.Mechanism(), r.Detail())
			}
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			s.must(r.SetRefused(whole(vip6)))
			s.expect(s.client, "tcp", vip4, 5000, "answered")
			s.must(r.Serve([]netip.Addr{vip6}, 0))
			s.expect(s.client, "tcp", vip6, 5000, "answered")
			s.isGone(s.home())
		})
	}
}

// Maps that are not as we would make them refuse until ours know what to refuse.
func TestLookupReplacesMapsThatAreNotItsOwn(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(s *site)
	}{
		{"a pin is lost", func(s *site) { s.must(os.Remove(filepath.Join(s.home(), "ports1"))) }},
		{"another layout", func(s *site) {
			name := filepath.Join(s.home(), "served1")
			s.must(os.Remove(name))
			m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 16, ValueSize: 4, MaxEntries: 1})
			s.must(err)
			s.must(m.Pin(name))
			s.must(m.Close())
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lookupSite(t)
			s.bereave()
			c.damage(s)
			r := s.byLookup(Options{})
			if !strings.HasPrefix(r.Detail(), "adopted, maps of another version are in force") {
				t.Errorf("detail: %s", r.Detail())
			}
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			s.must(r.SetRefused(whole(vip6)))
			s.expect(s.client, "tcp", vip4, 5000, "answered")
			s.expect(s.client, "tcp", vip6, 5000, "refused")
			s.must(r.Close(false))
			r = s.byLookup(Options{})
			if !strings.HasPrefix(r.Detail(), "adopted; ") {
				t.Errorf("detail: %s", r.Detail())
			}
			s.expect(s.client, "tcp", vip6, 5000, "refused")
		})
	}
}

// What somebody detaches or unpins comes back, with an event.
func TestLookupIsRestored(t *testing.T) {
	s := lookupSite(t)
	events := make(chan Event, 100)
	r := s.byLookup(Options{CheckInterval: 10 * time.Millisecond, Notify: func(e Event) { events <- e }})
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.must(r.Serve([]netip.Addr{vip6}, 0))
	dir := s.home()
	for _, c := range []struct {
		want   string
		damage func() error
	}{
		{"the program was detached", func() error {
			l, err := link.LoadPinnedLink(filepath.Join(dir, "link"), nil)
			if err != nil {
				return err
			}
			return errors.Join(l.Detach(), l.Close())
		}},
		{"link is no longer in " + dir, func() error { return os.Remove(filepath.Join(dir, "link")) }},
		{"refused1 is no longer in " + dir, func() error { return os.Remove(filepath.Join(dir, "refused1")) }},
		{"is no longer in " + dir, func() error { return errors.Join(os.Rename(dir, dir+"x"), os.RemoveAll(dir+"x")) }},
	} {
		s.must(c.damage())
		if e := next(t, events, Restored); !strings.Contains(e.Text, c.want) {
			t.Errorf("want %q, got %q", c.want, e.Text)
		}
		s.expect(s.client, "tcp", vip4, 5000, "refused")
		s.expect(s.client, "tcp", vip6, 5000, "answered")
		if _, err := takeHome(dir); !errors.Is(err, errHeld) {
			t.Errorf("%s: held no more: %v", c.want, err)
		}
	}
	s.must(r.Close(false))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	next := s.byLookup(Options{})
	if !strings.HasPrefix(next.Detail(), "adopted; ") {
		t.Errorf("detail: %s", next.Detail())
	}
}

// The supervisor lifts what sk_lookup serves also where nftables cannot be used: that is where it is in force.
func TestSupervisorLiftsServingWithoutNftables(t *testing.T) {
	s := lookupSite(t)
	s.bereave()
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	s.must(s.standby.Do(func() error {
		return without([]uint{unix.CAP_NET_ADMIN}, func() error { return LiftServing(t.Context(), "") })
	}))
	s.expect(s.client, "tcp", vip6, 5000, "refused")
	s.expect(s.client, "tcp", vip4, 5000, "refused")
}

// Without a bpf filesystem, or with one that others do not see, it refuses and says how long.
func TestLookupSaysWhatItsPinsAreWorth(t *testing.T) {
	for _, c := range []struct{ name, prepare, want string }{
		{"none", "mount -t tmpfs none /sys/fs", "new; ends with this process (mount the bpf filesystem at /sys/fs/bpf: no such file or directory)"},
		{"none yet", "umount /sys/fs/bpf", ", which was mounted for it and ends with this process's mount namespace, if that is not the host's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lookupSite(t)
			if !mounted() {
				s.must(errors.New("no bpf filesystem at " + bpffs))
			}
			self, err := os.Executable()
			s.must(err)
			h := s.standby.Command(t.Context(), "unshare", "-m", "sh", "-c", c.prepare+" && exec "+self)
			h.Env = append(os.Environ(), holderVariable+"=lookup")
			out, err := h.StdoutPipe()
			s.must(err)
			s.must(h.Start())
			lines := bufio.NewReader(out)
			if line, err := lines.ReadString('\n'); err != nil || line != "ready\n" {
				t.Fatalf("holder says %q, %v", line, err)
			}
			if detail, err := lines.ReadString('\n'); err != nil || !strings.Contains(detail, c.want) {
				t.Errorf("want %q in %q, %v", c.want, detail, err)
			}
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			h.Kill()
			<-h.Done()
			s.await(vip4, "answered", 5*time.Second) // nobody else had it
		})
	}
}

// What belongs to a namespace that is gone is removed by the next who comes.
func TestLookupForgetsNamespacesThatAreGone(t *testing.T) {
	permit(t, Options{Lookup: true})
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
		dir, err := homeDirectory(DefaultTable)
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
