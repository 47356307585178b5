// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// loadAttempts bounds how often the sets are read until two readings agree.
const loadAttempts = 10

// load reads the elements that are in the kernel. While the kernel resizes a set that has just been filled, a dump may
// lack elements or have them twice: only what is read twice alike is believed.
func (t *table) load(keepServing bool) error {
	if err := t.loadOnce(keepServing); err != nil {
		return err
	}
	for range loadAttempts {
		before, served := t.have, len(t.serving)
		if err := t.loadOnce(keepServing); err != nil {
			return err
		}
		if slices.Equal(before, t.have) && served == len(t.serving) {
			break
		}
	}
	return nil
}

// loadOnce reads the elements once; sets that do not exist are empty.
func (t *table) loadOnce(keepServing bool) error {
	t.have, t.serving = nil, map[netip.Addr]time.Time{}
	now := time.Now()
	for _, s := range allSets() {
		list, err := t.dumpSet(s)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return err
		}
		for _, f := range list {
			e, ok := parseKey(s, f.key)
			switch {
			case !ok:
			case s.role != roleServe:
				t.have = append(t.have, e)
			case keepServing && f.expires > 0:
				t.serving[e.addr] = now.Add(f.expires)
			case keepServing:
				t.serving[e.addr] = time.Time{}
			}
		}
	}
	slices.SortFunc(t.have, element.compare)
	t.have = slices.Compact(t.have)
	return nil
}

// dumpSet returns the elements of a set.
func (t *table) dumpSet(s setID) ([]foundElement, error) {
	answers, err := t.c.dump("read set "+s.String(), unix.NFT_MSG_GETSETELEM, netlink.Dump, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_SET_ELEM_LIST_TABLE, t.name)
		ae.String(unix.NFTA_SET_ELEM_LIST_SET, s.String())
	})
	if err != nil {
		return nil, err
	}
	var all []foundElement
	for _, a := range answers {
		list, err := parseElements(a)
		if err != nil {
			return nil, fmt.Errorf("read set %v: %w", s, err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// refuse changes the sets so that exactly want is refused.
func (t *table) refuse(want []element) error {
	add, remove := diff(t.have, want)
	w := writer{table: t.name}
	w.addElements(add, 0)
	w.removeElements(remove)
	if w.err != nil {
		return w.err
	}
	t.have = want // also if it fails: rebuild brings the kernel there
	return t.orRebuild(t.c.commitParts(w.ops))
}

// rebuildAttempts bounds how often the table is made anew while somebody else removes it at the same moment.
const rebuildAttempts = 5

// orRebuild answers a failed change by making the whole table anew: somebody may have changed it behind our back.
func (t *table) orRebuild(err error) error {
	if err == nil {
		return nil
	}
	var again error
	for range rebuildAttempts {
		var found *foundTable
		if found, again = t.find(); again == nil {
			again = t.rebuild(found != nil)
		}
		if again == nil {
			return nil
		}
		if !passing(again) {
			break
		}
	}
	return errors.Join(err, again)
}

// serve lifts the refusal of addresses for ttl, or until withdrawn if ttl is 0. An element that is there is replaced, not
// renewed in place: before Linux 6.12 its time would stay as it was.
func (t *table) serve(addrs []netip.Addr, ttl time.Duration) error {
	var until time.Time
	if ttl > 0 {
		until = time.Now().Add(ttl)
	}
	list := t.serveElements(addrs)
	w := writer{table: t.name}
	w.addElements(list, 0)
	w.removeElements(list)
	w.addElements(list, ttl)
	for _, e := range list {
		t.serving[e.addr] = until
	}
	return t.orRebuild(errors.Join(w.err, t.c.commit(w.ops)))
}

// withdraw puts the refusal of addresses in force again. The element may have lapsed: it is added and removed at once.
func (t *table) withdraw(addrs []netip.Addr) error {
	list := t.serveElements(addrs)
	w := writer{table: t.name}
	w.addElements(list, 0)
	w.removeElements(list)
	for _, e := range list {
		delete(t.serving, e.addr)
	}
	return t.orRebuild(errors.Join(w.err, t.c.commit(w.ops)))
}

func (t *table) serveElements(addrs []netip.Addr) []element {
	list := make([]element, len(addrs))
	for i, a := range addrs {
		list[i] = serveElement(a)
	}
	slices.SortFunc(list, element.compare)
	return slices.Compact(list)
}

// emptyServing withdraws every address.
func (t *table) emptyServing() error {
	w := writer{table: t.name}
	w.emptySet(setID{roleServe, false})
	w.emptySet(setID{roleServe, true})
	clear(t.serving)
	return t.c.commit(w.ops)
}

// counters reads what was answered, by address.
func (t *table) counters() (map[netip.Addr]Count, error) {
	packets := map[element]uint64{} // a dump may have an element twice
	for _, s := range allSets() {
		if !s.counts() {
			continue
		}
		list, err := t.dumpSet(s)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			if e, ok := parseKey(s, f.key); ok {
				packets[e] = f.packets
			}
		}
	}
	all := make(map[netip.Addr]Count, len(packets)/2)
	for e, n := range packets {
		sum := all[e.addr]
		if e.set.role == roleReset || e.port.Proto == TCP {
			sum.Resets += n
		} else {
			sum.Unreachables += n
		}
		all[e.addr] = sum
	}
	return all, nil
}
