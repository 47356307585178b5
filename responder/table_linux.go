// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// table is the table in the kernel and what this process knows of its sets.
type table struct {
	c       *conn
	name    string
	plain   bool // no owner: the kernel is too old or it was asked for
	layout  *layout
	have    []element                // refuse elements in the kernel, sorted
	serving map[netip.Addr]time.Time // addresses whose refusal is lifted, until when; zero: until withdrawn
	taken   string                   // how the table came about, in words
}

// The pace at which a table is asked for that another process has not let go of yet, and for how long.
const (
	takeInterval = 10 * time.Millisecond
	takePatience = 2 * time.Second
)

// newTable returns the table of that name, yet to be opened.
func newTable(c *conn, name string, plain bool) (*table, error) {
	l, err := newLayout(name, true)
	return &table{c: c, name: name, plain: plain, layout: l, serving: map[netip.Addr]time.Time{}}, err
}

// open takes the table: makes it, or adopts the one that an earlier process left.
func (t *table) open(ctx context.Context, keepServing bool) error {
	ctx, cancel := context.WithTimeout(ctx, takePatience)
	defer cancel()
	return patiently(ctx, func() error {
		found, err := t.find()
		if err != nil {
			return err
		}
		return t.take(found, keepServing)
	})
}

// patiently repeats f while another process holds the table or changes it at the same moment.
func patiently(ctx context.Context, f func() error) error {
	tick := time.NewTicker(takeInterval)
	defer tick.Stop()
	for {
		err := f()
		if !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; waited in vain: %w", err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// passing reports whether the error may be gone in a moment: the table is owned by a process that is just ending, or
// appeared or vanished between looking and changing.
func passing(err error) bool {
	var e *opError
	if !errors.As(err, &e) {
		return false
	}
	switch {
	case errors.Is(e.err, unix.EPERM):
		return e.kind != unix.NFNL_MSG_BATCH_BEGIN && e.kind != unix.NFT_MSG_GETTABLE
	case errors.Is(e.err, unix.ENOENT), errors.Is(e.err, unix.EEXIST):
		return e.kind == unix.NFT_MSG_DELTABLE || e.kind == unix.NFT_MSG_NEWTABLE
	}
	return errors.Is(e.err, unix.EBUSY) || errors.Is(e.err, unix.EAGAIN)
}

// find looks for a table of our name; the result is nil if there is none.
func (t *table) find() (*foundTable, error) {
	answers, err := t.c.dump("look for table inet "+t.name, unix.NFT_MSG_GETTABLE, 0, func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TABLE_NAME, t.name)
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, nil
	case errors.Is(err, unix.EPERM):
		return nil, fmt.Errorf("read nftables: %w (needs CAP_NET_ADMIN)", unix.EPERM)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return nil, fmt.Errorf("read nftables: %w (the kernel has no nf_tables, or its module cannot be loaded)", err)
	case err != nil:
		return nil, err
	case len(answers) != 1:
		return nil, fmt.Errorf("look for table inet %s: %d answers", t.name, len(answers))
	}
	found, err := parseTable(answers[0])
	if err != nil {
		return nil, fmt.Errorf("look for table inet %s: %w", t.name, err)
	}
	return &found, nil
}

// wanted are the flags of our table.
func (t *table) wanted() uint32 {
	if t.plain {
		return 0
	}
	return tableOwner | tablePersist
}

// take makes the table ours: a new one, the one that is there, or a new one in its place within one transaction.
func (t *table) take(found *foundTable, keepServing bool) error {
	if found == nil {
		t.taken = "new"
		return t.rebuild(false)
	}
	if !t.plain && found.flags&^tableOwner == tablePersist {
		// Without owner anybody may change it. From here on nobody else does, so what is read next stays true. While its
		// owner still lives this fails with EPERM.
		w := writer{table: t.name}
		w.newTable(t.wanted(), "", true)
		if err := t.c.commit(w.ops); err != nil {
			return err
		}
		found.flags |= tableOwner
	}
	if err := t.load(keepServing); err != nil {
		return err
	}
	why, err := t.differs(found)
	if err != nil {
		return err
	}
	if why != "" {
		t.taken = "rebuilt: " + why
		return t.rebuild(true)
	}
	t.taken = "adopted"
	if keepServing {
		return nil
	}
	return t.emptyServing()
}

// rebuild makes the whole table with all known elements in one transaction: there is no moment without rules.
func (t *table) rebuild(exists bool) error {
	for {
		ops, err := t.whole(exists)
		if err != nil {
			return err
		}
		err = t.c.commitParts(ops)
		var e *opError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &e):
			return err
		case !t.plain && e.kind == unix.NFT_MSG_NEWTABLE && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)):
			t.plain = true // before Linux 6.9
		case t.layout.reassemble && e.kind == unix.NFT_MSG_NEWRULE && errors.Is(err, unix.ENOENT):
			// The kernel may be without nft_tproxy; if it was something else, it fails again.
			if t.layout, err = newLayout(t.name, false); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// whole returns the operations that make the table as it should be.
func (t *table) whole(exists bool) ([]op, error) {
	w := writer{table: t.name}
	if exists {
		w.removeTable()
	}
	w.newTable(t.wanted(), t.layout.comment, false)
	w.ops = append(w.ops, t.layout.ops...)
	w.addElements(t.have, 0)
	now := time.Now()
	for addr, until := range t.serving {
		if ttl, ok := remaining(until, now); ok {
			w.addElements([]element{serveElement(addr)}, ttl)
		}
	}
	return w.ops, w.err
}

// remaining is the rest of the time until, 0 for ever; false if it is over.
func remaining(until, now time.Time) (time.Duration, bool) {
	if until.IsZero() {
		return 0, true
	}
	rest := until.Sub(now)
	return rest, rest > 0
}

func serveElement(addr netip.Addr) element {
	return element{set: setID{roleServe, addr.Is6()}, addr: addr}
}

// load reads the elements that are in the kernel; sets that do not exist are empty.
func (t *table) load(keepServing bool) error {
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
	all := map[netip.Addr]Count{}
	for _, s := range allSets() {
		if !s.counts() {
			continue
		}
		list, err := t.dumpSet(s)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			e, ok := parseKey(s, f.key)
			if !ok {
				continue
			}
			n := all[e.addr]
			if s.role == roleReset || e.port.Proto == TCP {
				n.Resets += f.packets
			} else {
				n.Unreachables += f.packets
			}
			all[e.addr] = n
		}
	}
	return all, nil
}

// remove removes the table.
func (t *table) remove() error {
	w := writer{table: t.name}
	w.removeTable()
	if err := t.c.commit(w.ops); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
