// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
func newTable(c *conn, name string, plain bool, speaker Speaker) (*table, error) {
	l, err := newLayout(name, traits{tproxy: true, speaker: speaker})
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

// passing reports whether the error may be gone in a moment: the table, or what is pinned, is owned by a process that is just ending, or
// appeared or vanished between looking and changing.
func passing(err error) bool {
	var e *opError
	if !errors.As(err, &e) {
		return errors.Is(err, errHeld)
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
		case t.layout.tproxy && e.kind == unix.NFT_MSG_NEWRULE && errors.Is(err, unix.ENOENT):
			// The kernel may be without nft_tproxy; if it was something else, it fails again.
			without := t.layout.traits
			without.tproxy = false
			if t.layout, err = newLayout(t.name, without); err != nil {
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

// remove removes the table.
func (t *table) remove() error {
	w := writer{table: t.name}
	w.removeTable()
	if err := t.c.commit(w.ops); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
