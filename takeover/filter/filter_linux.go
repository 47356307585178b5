// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/tablewatch"
)

// DefaultTable is the name of the table.
const DefaultTable = "regent-filter"

// The pace at which a table is asked for that another process has not let go of yet, and for how long.
const (
	takeInterval = 10 * time.Millisecond
	takePatience = 2 * time.Second
)

// Restoring is immediate, but two that fight over the table must not take the machine with them.
const (
	restoreBurst = 10 // in a second
	restorePause = 100 * time.Millisecond
)

// sendBuffer holds a transaction of several ten thousand elements; the kernel takes a transaction in one datagram only.
const sendBuffer = 8 << 20

// Options of a [Filter]. The zero value is good.
type Options struct {
	Logger *slog.Logger // nil: slog.Default
	Table  string       // "": DefaultTable
	// Plain makes a table that anybody may change, as kernels before 6.9 have it.
	Plain bool
	// Changed is told, from a goroutine of the filter, that somebody else changed the table: err is nil when it was restored.
	// nil: the log is.
	Changed func(err error)
}

// Filter keeps addresses from taking packets. Its methods may be called from several goroutines.
type Filter struct {
	o     Options
	conn  *netlink.Conn
	watch *tablewatch.Watcher // nil: nobody else can change the table

	mu    sync.Mutex
	plain bool
	have  []element
	left  []Address
}

// Open makes the table in the network namespace of the calling thread, or takes over what an earlier process left. It
// waits up to 2 s, or until ctx ends, for another process to let go.
func Open(ctx context.Context, o Options) (_ *Filter, err error) {
	o.Table = cmp.Or(o.Table, DefaultTable)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Changed == nil {
		o.Changed = func(err error) {
			o.Logger.Warn("somebody changed the table of addresses that take no packets", "table", o.Table, "error", err)
		}
	}
	f := &Filter{o: o, plain: o.Plain}
	if f.conn, err = dial(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.conn.Close())
		}
	}()
	if err := patiently(ctx, f.take); err != nil {
		return nil, fmt.Errorf("filter addresses: %w", err)
	}
	if f.plain {
		f.watch, err = tablewatch.Watch(tablewatch.Table{Family: unix.NFPROTO_INET, Name: o.Table}, f.conn.PID, f.guard())
	}
	return f, err
}

func dial() (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open netfilter socket: %w", err)
	}
	_ = c.SetWriteBuffer(sendBuffer) // a small one does for some thousand addresses
	return c, nil
}

// patiently repeats f while another process holds the table or changes it at the same moment.
func patiently(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, takePatience)
	defer cancel()
	tick := time.NewTicker(takeInterval)
	defer tick.Stop()
	for {
		err := f()
		if !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// passing reports whether an error may be gone in a moment.
func passing(err error) bool {
	var e *opError
	if !errors.As(err, &e) || e.kind == unix.NFNL_MSG_BATCH_BEGIN {
		return false
	}
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOENT) && e.kind == unix.NFT_MSG_DELTABLE
}

// take makes the table in place of the one that is there, with its elements.
func (f *Filter) take() error {
	exists, left, err := found(f.o.Table)
	if err != nil {
		return err
	}
	if f.have, err = elementsOf(left); err != nil {
		return err
	}
	f.left = left
	return f.rebuild(exists)
}

// found reads the elements of a table.
func found(table string) (exists bool, out []Address, err error) {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return false, nil, fmt.Errorf("open netfilter socket: %w", err)
	}
	defer func() { err = errors.Join(err, c.CloseLasting()) }()
	t, err := c.ListTableOfFamily(table, nftables.TableFamilyINet)
	switch {
	case errors.Is(err, unix.ENOENT):
		return false, nil, nil
	case errors.Is(err, unix.EPERM):
		return false, nil, fmt.Errorf("read nftables: %w (needs CAP_NET_ADMIN)", unix.EPERM)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return false, nil, fmt.Errorf("read nftables: %w (the kernel has no nf_tables, or its module cannot be loaded)", number(err))
	case err != nil:
		return false, nil, fmt.Errorf("look for table inet %s: %w", table, err)
	}
	for s := range sets {
		list, err := c.GetSetElements(&nftables.Set{Table: t, Name: s.String()})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return false, nil, fmt.Errorf("read set %s: %w", s, err)
		}
		for _, e := range list {
			if a, ok := parseKey(s, e.Key); ok {
				out = append(out, a)
			}
		}
	}
	return true, out, nil
}

// rebuild makes the table with all its elements in one transaction: there is no moment without rules.
func (f *Filter) rebuild(exists bool) error {
	for {
		b := batch{table: f.o.Table}
		if exists {
			b.removeTable()
		}
		flags := uint32(tableOwner | tablePersist)
		if f.plain {
			flags = 0
		}
		b.whole(flags, f.have)
		err := b.commit(f.conn)
		var e *opError
		if !f.plain && errors.As(err, &e) && e.kind == unix.NFT_MSG_NEWTABLE && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
			f.plain = true // before Linux 6.9
			continue
		}
		return err
	}
}

// Left returns the addresses that were in the table when it was opened.
func (f *Filter) Left() []Address { return slices.Clone(f.left) }

// Set makes as the whole of what takes no packets, in one transaction: what stays is not touched.
func (f *Filter) Set(as []Address) error {
	want, err := elementsOf(as)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	add, remove := diff(f.have, want)
	if len(add)+len(remove) == 0 {
		return nil
	}
	b := batch{table: f.o.Table}
	b.change(add, remove)
	before := f.have
	f.have = want
	err = b.commit(f.conn)
	if err != nil && f.plain { // somebody changed the table at this moment
		err = f.mend()
	}
	if err != nil {
		f.have = before
		return fmt.Errorf("filter addresses: %w", err)
	}
	return nil
}

// mend makes the table anew, whether it is there or not. The caller holds the lock.
func (f *Filter) mend() error {
	err := f.rebuild(true)
	if errors.Is(err, unix.ENOENT) {
		err = f.rebuild(false)
	}
	return err
}

// guard returns what restores a table that somebody else changes.
func (f *Filter) guard() func(*tablewatch.Watcher) {
	var lately []time.Time
	restore := func() {
		f.mu.Lock()
		err := f.mend()
		f.mu.Unlock()
		f.o.Changed(err)
		now := time.Now()
		lately = append(slices.DeleteFunc(lately, func(at time.Time) bool { return now.Sub(at) > time.Second }), now)
	}
	return func(w *tablewatch.Watcher) {
		restore()
		if len(lately) > restoreBurst && w.Pause(restorePause) {
			restore()
		}
	}
}

// Close lets go. With remove set every address takes packets again; otherwise the table stays, and the next Open takes it
// over.
func (f *Filter) Close(remove bool) error {
	var errs []error
	if f.watch != nil {
		errs = append(errs, f.watch.Close())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if remove {
		errs = append(errs, removed((&batch{table: f.o.Table}).drop(f.conn)))
	}
	return errors.Join(append(errs, f.conn.Close())...)
}

// Remove removes what an earlier process left; no table is no error. It is for a start that filters nothing.
func Remove(ctx context.Context, table string) error {
	exists, _, err := found(table)
	if err != nil || !exists {
		return err
	}
	c, err := dial()
	if err != nil {
		return err
	}
	err = patiently(ctx, func() error { return removed((&batch{table: table}).drop(c)) })
	return errors.Join(err, c.Close())
}

func (b *batch) drop(c *netlink.Conn) error {
	b.removeTable()
	return b.commit(c)
}

// removed is the error of removing: what is not there is removed.
func removed(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
