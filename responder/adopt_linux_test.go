// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// holderVariable makes the test binary the process that refuses and waits to be killed; its value is the mode.
const holderVariable = "REGENT_TEST_RESPONDER"

// runHolder is that process: it refuses both addresses, serves the IPv6 one, says so and waits.
func runHolder(mode string) error {
	r, err := Open(context.Background(), Options{Plain: mode == "plain", Lookup: mode == "lookup"})
	if err != nil {
		return err
	}
	if err := r.SetRefused(whole(vip4, vip6)); err != nil {
		return err
	}
	if err := r.Serve([]netip.Addr{vip6}, 0); err != nil {
		return err
	}
	fmt.Println("ready")
	fmt.Println(r.Detail())
	select {}
}

// holder starts the process on the standby and waits until it refuses.
func (s *site) holder(mode string) *netlab.Cmd {
	s.t.Helper()
	self, err := os.Executable()
	s.must(err)
	c := s.standby.Command(s.t.Context(), self)
	c.Env = append(os.Environ(), holderVariable+"="+mode)
	out, err := c.StdoutPipe()
	s.must(err)
	s.must(c.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		s.t.Fatalf("holder says %q, %v", line, err)
	}
	return c
}

var allModes = []struct {
	name string
	o    Options
}{{"owned", Options{}}, {"plain", Options{Plain: true}}, {"lookup", Options{Lookup: true}}}

// modeOf is the mode in which a holder uses the mechanism of o.
func modeOf(o Options) string {
	if o.Lookup {
		return "lookup"
	}
	return "owned"
}

// kill -9 leaves the rules in force; the next process takes them over as they are and refuses what was served.
func TestRulesOutliveTheProcessAndAreAdopted(t *testing.T) {
	for _, mode := range allModes {
		t.Run(mode.name, func(t *testing.T) {
			s := newSite(t)
			permit(t, mode.o)
			s.wildcards("5000")
			c := s.holder(mode.name)
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			s.expect(s.client, "tcp", vip6, 5000, "answered")
			c.Kill()
			<-c.Done()
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			s.expect(s.client, "udp", vip4, 5000, "refused")

			r := s.open(mode.o)
			if !strings.Contains(r.Detail(), "adopted") {
				t.Errorf("not adopted: %s", r.Detail())
			}
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			s.expect(s.client, "tcp", vip6, 5000, "refused") // refused by adoption, before SetRefused
			counts, err := r.Counters()
			s.must(err)
			if counts[vip4].Resets < 2 {
				t.Errorf("counters did not survive: %v", counts)
			}
			s.must(r.SetRefused(whole(vip6)))
			s.expect(s.client, "tcp", vip4, 5000, "answered")
			s.expect(s.client, "tcp", vip6, 5000, "refused")
		})
	}
}

func TestServedAddressesAreKeptIfAskedFor(t *testing.T) { byEach(t, servedAddressesAreKept) }

func servedAddressesAreKept(t *testing.T, o Options) {
	s := newSite(t)
	s.wildcards("5000")
	c := s.holder(modeOf(o))
	c.Kill()
	<-c.Done()
	o.KeepServing = true
	r := s.open(o)
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "answered")
	s.must(r.Withdraw([]netip.Addr{vip6}))
	s.expect(s.client, "tcp", vip6, 5000, "refused")
}

// The supervisor takes back what the dead worker served; the rest and the table stay for the next worker.
func TestSupervisorLiftsServing(t *testing.T) {
	for _, mode := range allModes {
		t.Run(mode.name, func(t *testing.T) {
			s := newSite(t)
			permit(t, mode.o)
			s.wildcards("5000")
			s.must(s.standby.Do(func() error { return LiftServing(t.Context(), "") })) // no table is no error
			c := s.holder(mode.name)
			s.expect(s.client, "tcp", vip6, 5000, "answered")
			lifted := make(chan error, 1)
			lift := func() { lifted <- s.standby.Do(func() error { return LiftServing(t.Context(), "") }) }
			if !mode.o.Plain {
				// The supervisor may be there before the worker's socket is closed.
				go lift()
				select {
				case err := <-lifted:
					t.Fatalf("lifted while the worker lived: %v", err)
				case <-time.After(100 * time.Millisecond):
				}
			}
			c.Kill()
			<-c.Done()
			if mode.o.Plain {
				lift()
			}
			s.must(<-lifted)
			s.expect(s.client, "tcp", vip6, 5000, "refused")
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			r := s.open(mode.o)
			if !strings.Contains(r.Detail(), "adopted") {
				t.Errorf("not adopted: %s", r.Detail())
			}
		})
	}
}

// A table that a living process owns is waited for, not taken; the error says who holds it.
func TestTableOfALivingProcessIsNotTaken(t *testing.T) {
	s := newSite(t)
	s.open(Options{})
	start := time.Now()
	r, err := s.tryOpen(Options{})
	if err == nil {
		_ = r.Close(false)
		t.Fatal("two processes own the table")
	}
	if !strings.Contains(err.Error(), "another running process owns the table") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error: %v", err)
	}
	if waited := time.Since(start); waited < takePatience {
		t.Errorf("waited %v only", waited)
	}
	s.open(Options{Table: "regent2"}) // a table of another name is nobody's
}

// What was changed while nobody watched is made right at adoption, within one transaction.
func TestDamagedTableIsRebuilt(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage string
		want   string
	}{
		{"a rule inserted", "insert rule inet regent prerouting accept", "the rules of chain prerouting were changed"},
		{"a chain emptied", "flush chain inet regent refuse4", "the rules of chain refuse4 were changed"},
		{"a chain added", "add chain inet regent extra", "chain extra is not ours"},
		{"a set added", "add set inet regent extra { type ipv4_addr\n}", "set extra is not ours"},
		{"made dormant", "add table inet regent { flags dormant\n}", "its flags are"},
		{"made by another version", "delete table inet regent\nadd table inet regent\nadd chain inet regent refuse4", "its flags are 0x0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.wildcards("5000")
			h := s.holder("owned")
			h.Kill()
			<-h.Done()
			if out, err := s.tryNft(c.damage); err != nil {
				// This nft does not know PERSIST and cannot set flags beside it.
				t.Logf("the kernel or nft itself prevents it: %v %s", err, out)
				if c.name != "made dormant" {
					t.Fail()
				}
				return
			}
			r := s.open(Options{})
			if !strings.Contains(r.Detail(), "rebuilt: "+c.want) {
				t.Errorf("want %q in %q", c.want, r.Detail())
			}
			if c.name != "made by another version" { // there the refused addresses are gone with the table
				s.expect(s.client, "tcp", vip4, 5000, "refused")
			}
			s.must(r.SetRefused(whole(vip4, vip6)))
			s.expect(s.client, "tcp", vip4, 5000, "refused")
			s.expect(s.client, "tcp", vip6, 5000, "refused")
			list := s.run(s.standby, "nft", "list", "table", "inet", "regent")
			if strings.Contains(list, "extra") {
				t.Errorf("still there:\n%s", list)
			}
		})
	}
}

func (s *site) tryNft(rules string) (string, error) {
	file := s.t.TempDir() + "/rules.nft"
	s.must(os.WriteFile(file, []byte(rules+"\n"), 0o600))
	out, err := s.standby.Command(s.t.Context(), "nft", "-f", file).CombinedOutput()
	return string(out), err
}

// While the owner lives nobody else changes the table.
func TestForeignFlushOfAnOwnedTableIsImpossible(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4)))
	s.run(s.standby, "nft", "flush", "ruleset")
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	for _, rules := range []string{
		"delete table inet regent", "flush table inet regent", "delete element inet regent address4 { 10.99.0.100 }",
		"insert rule inet regent prerouting accept",
	} {
		if out, err := s.tryNft(rules); err == nil || !strings.Contains(out, "Operation not permitted") {
			t.Errorf("%s: want it forbidden, got %v %s", rules, err, out)
		}
	}
	s.expect(s.client, "tcp", vip4, 5000, "refused")
}

// Where the kernel knows no owner, each foreign change is undone at once and reported.
func TestForeignChangeOfAPlainTableIsUndone(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	events := make(chan Event, 100)
	r := s.open(Options{Plain: true, Notify: func(e Event) { events <- e }})
	s.must(r.SetRefused(append(whole(vip4, vip6), manyTargets(200, false)...)))
	s.must(r.Serve([]netip.Addr{vip6}, 0))
	listing := func() string { return s.run(s.standby, "nft", "-s", "list", "table", "inet", "regent") }
	var before []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if before = sortedLines(listing()); slices.Equal(before, sortedLines(listing())) {
			break
		}
	}
	for _, c := range []struct{ rules, want string }{
		{"flush ruleset", "it was removed"},
		{"delete table inet regent", "it was removed"},
		{"flush chain inet regent refuse4", "the rules of chain refuse4 were changed"},
		{"insert rule inet regent prerouting accept", "the rules of chain prerouting were changed"},
		{"add table inet regent { flags dormant\n}", "its flags are 0x1"},
		{"delete element inet regent reset4 { 10.99.0.100 }", "refused addresses were changed"},
		{"add element inet regent serve4 { 10.99.0.100 }", "served addresses were changed"},
		{"delete element inet regent serve6 { fd99::100 }", "served addresses were changed"},
	} {
		s.nft(s.standby, c.rules)
		select {
		case e := <-events:
			if e.Kind != Restored || !strings.Contains(e.Text, c.want) {
				t.Errorf("%s: want %q, got %v %q %v", c.rules, c.want, e.Kind, e.Text, e.Err)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s: not noticed", c.rules)
		}
		// While the kernel resizes a set that has just been filled, a listing may lack elements or have them twice.
		after := sortedLines(listing())
		for deadline := time.Now().Add(5 * time.Second); !slices.Equal(before, after) && time.Now().Before(deadline); {
			after = sortedLines(listing())
		}
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("%s: not as before (-before +after):\n%s", c.rules, d)
		}
		s.expect(s.client, "tcp", vip4, 5000, "refused")
		s.expect(s.client, "tcp", vip6, 5000, "answered")
	}
	s.nft(s.standby, "add table inet other") // not ours
	s.must(r.SetRefused(whole(vip4)))        // our own change
	s.must(r.Withdraw([]netip.Addr{vip6}))
	select {
	case e := <-events:
		t.Errorf("reported without need: %v %q", e.Kind, e.Text)
	case <-time.After(200 * time.Millisecond):
	}
}

// sortedLines makes listings comparable: sets list their elements in any order.
func sortedLines(listing string) []string {
	words := strings.FieldsFunc(listing, func(r rune) bool { return strings.ContainsRune(" \t\n,", r) })
	slices.Sort(words)
	return words
}

func TestCloseLeavesRulesOrNothing(t *testing.T) {
	s := newSite(t)
	s.wildcards("5000")
	r := s.open(Options{})
	s.must(r.SetRefused(whole(vip4, vip6)))
	s.must(r.Serve([]netip.Addr{vip6}, 0))
	s.must(r.Close(false))
	s.expect(s.client, "tcp", vip4, 5000, "refused")
	s.expect(s.client, "tcp", vip6, 5000, "refused") // nobody is left who could withdraw it
	if err := r.SetRefused(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("want %v, got %v", ErrClosed, err)
	}
	if err := r.Close(true); !errors.Is(err, ErrClosed) {
		t.Errorf("want %v, got %v", ErrClosed, err)
	}
	r, err := s.tryOpen(Options{})
	s.must(err)
	s.must(r.Close(true))
	s.expect(s.client, "tcp", vip4, 5000, "answered")
	if list := s.run(s.standby, "nft", "list", "ruleset"); list != "" {
		t.Errorf("left behind:\n%s", list)
	}
}
