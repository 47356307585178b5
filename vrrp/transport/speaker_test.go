// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/vrrp"
)

// speaker is a running loop in a node.
type speaker struct {
	t    testing.TB
	node *netlab.Node
	loop *Loop
	stop func()

	mu     sync.Mutex
	events []vrrp.Action
	faults []Fault
}

// speak runs a loop in a node and remembers what it publishes.
func speak(t testing.TB, n *netlab.Node) *speaker {
	t.Helper()
	s := &speaker{t: t, node: n}
	s.loop, s.stop = run(t, Options{})
	go func() {
		for {
			events, err := s.loop.Events(context.Background())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.events = append(s.events, events...)
			s.mu.Unlock()
		}
	}()
	go func() {
		for {
			faults, err := s.loop.Faults(context.Background())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.faults = append(s.faults, faults...)
			s.mu.Unlock()
		}
	}()
	return s
}

// published returns what the loop has published so far.
func (s *speaker) published() ([]vrrp.Action, []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events), slices.Clone(s.faults)
}

// entered counts transitions into a state, of one virtual router or, with 0, of all.
func (s *speaker) entered(id vrrp.ID, state vrrp.State) int {
	events, _ := s.published()
	n := 0
	for _, e := range events {
		if e.Kind == vrrp.Enter && e.To == state && (id == 0 || e.ID == id) {
			n++
		}
	}
	return n
}

// failing returns the last fault of a virtual router, and whether there is one that is not over.
func (s *speaker) failing(id vrrp.ID) (Fault, bool) {
	_, faults := s.published()
	for _, f := range slices.Backward(faults) {
		if f.ID == id {
			return f, f.Err != nil
		}
	}
	return Fault{}, false
}

// add makes a virtual router known.
func (s *speaker) add(id vrrp.ID, c vrrp.Config) {
	s.t.Helper()
	var err error
	must(s.t, s.loop.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		err = r.Add(id, c)
		return out
	}))
	must(s.t, err)
}

// bind returns the binding of a virtual router to the node's eth0.
func (s *speaker) bind(id vrrp.ID, source netip.Addr, peers ...netip.Addr) Binding {
	family := vrrp.IPv4
	if source.Is6() {
		family = vrrp.IPv6
	}
	return Binding{ID: id, Interface: "eth0", Index: s.node.Index("eth0"), Family: family, Source: source, Peers: peers}
}

// attach attaches virtual routers, in the node.
func (s *speaker) attach(bindings ...Binding) {
	s.t.Helper()
	must(s.t, s.node.Do(func() error {
		for _, err := range s.loop.AttachAll(bindings) {
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// status reads a virtual router's status.
func (s *speaker) status(id vrrp.ID) vrrp.Status {
	s.t.Helper()
	var status vrrp.Status
	known := false
	must(s.t, s.loop.Do(func(_ vrrp.Time, r *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		status, known = r.Status(id)
		return out
	}))
	if !known {
		s.t.Fatalf("%s does not know virtual router %d", s.node.Name(), id)
	}
	return status
}

// awaitState waits until a virtual router is in a state.
func (s *speaker) awaitState(id vrrp.ID, state vrrp.State) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s: virtual router %d is %s", s.node.Name(), id, state),
		func() bool { return s.status(id).State == state })
}

// stall keeps the loop from running for a while, as a stopped process would.
func (s *speaker) stall(d time.Duration, meanwhile func()) {
	s.t.Helper()
	must(s.t, s.loop.Do(func(_ vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		end := time.After(d)
		if meanwhile != nil {
			meanwhile()
		}
		<-end
		return out
	}))
}

// config4 is an IPv4 virtual router, config6 an IPv6 one.
func config4(vrid vrrp.VRID, priority vrrp.Priority, interval time.Duration) vrrp.Config {
	return vrrp.Config{
		Family: vrrp.IPv4, VRID: vrid, Version: 3, Priority: priority, Interval: interval,
		Addresses: []netip.Addr{addr("10.99.0.100")}, AcceptChecksum: vrrp.Either, PreemptBelow: 255,
	}
}

func config6(vrid vrrp.VRID, priority vrrp.Priority, interval time.Duration) vrrp.Config {
	return vrrp.Config{
		Family: vrrp.IPv6, VRID: vrid, Version: 3, Priority: priority, Interval: interval,
		Addresses:    []netip.Addr{addr("fe80::99:100"), addr("2001:db8:99::100")},
		PreemptBelow: 255, RequireLinkLocal: true,
	}
}
