// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/tablewatch"
)

// ErrClosed is returned by methods of a Responder that was closed.
var ErrClosed = errors.New("responder is closed")

// DefaultTable is the name of the table of family inet.
const DefaultTable = "regent"

// Options say how to refuse.
type Options struct {
	Logger *slog.Logger
	// Table is the table's name; DefaultTable if empty.
	Table string
	// Speaker is where the spoken ports of targets are answered. The zero value: nowhere, they are refused.
	Speaker Speaker
	// Plain keeps from owning the table even where the kernel could: others may then change it, and it is watched.
	Plain bool
	// Lookup keeps from using nftables, Kernel from using sk_lookup as well. A table that is there stays.
	Lookup, Kernel bool
	// KeepServing adopts what an earlier process served; by default its addresses are refused again.
	KeepServing bool
	// CheckInterval is the time between two looks for listeners in mechanism kernel, and between two looks whether the
	// program is in force in mechanism sk_lookup; 2 s if zero.
	CheckInterval time.Duration
	// Notify is told of what happens by itself. It is called from one goroutine and must not call the Responder.
	Notify func(Event)
}

// Responder refuses addresses. Its methods may be called from several goroutines.
type Responder struct {
	notify func(Event)
	mech   mechanism
	calls  chan func()
	closed chan struct{} // closed when Close begins to wait
	ended  chan struct{} // closed when the goroutine is gone
	// supersede removes what an earlier process left of another mechanism, once this one refuses; nil: nothing.
	supersede func()
}

// Open finds out how this kernel lets us refuse and makes or adopts the table. It works in the network namespace of the
// calling thread. A table that another process still owns is waited for, until ctx ends or for 2 s. Open fails only if the
// table is really not to be had; where nftables cannot be used at all, the mechanism is "kernel" and Detail says why.
func Open(ctx context.Context, o Options) (*Responder, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if o.CheckInterval <= 0 {
		o.CheckInterval = 2 * time.Second
	}
	if o.Notify == nil {
		o.Notify = func(Event) {}
	}
	m, err := choose(ctx, o)
	if err != nil {
		return nil, err
	}
	name, detail := m.describe()
	o.Logger.Info("refusing mechanism", "mechanism", name, "detail", detail)
	r := &Responder{
		notify: o.Notify, mech: m,
		calls: make(chan func()), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	if name != lookupName {
		r.supersede = superseding(o)
	}
	go r.run()
	return r, nil
}

var errAsked = errors.New("it was asked for")

// superseding returns what removes a program for sk_lookup that an earlier process left, or nil.
func superseding(o Options) func() {
	remove := leftLookup(o.Table)
	if remove == nil {
		return nil
	}
	return func() {
		if err := remove(context.Background()); err != nil {
			o.Logger.Warn("an earlier process refuses by sk_lookup, and goes on to", "error", err)
		}
	}
}

// choose returns the best mechanism that works here.
func choose(ctx context.Context, o Options) (mechanism, error) {
	why := errAsked
	if !o.Kernel && !o.Lookup {
		n, err := openNftables(ctx, o)
		if err == nil {
			return n, nil
		}
		if passing(err) || ctx.Err() != nil {
			// nftables works here, but somebody else has our table: the kernel alone would refuse less than they do.
			return nil, err
		}
		why = err
	}
	if !o.Kernel {
		l, err := openLookup(ctx, o, why)
		if err == nil {
			return l, nil
		}
		if passing(err) || ctx.Err() != nil {
			return nil, err // as with the table
		}
		if o.Lookup {
			why = err
		} else {
			why = fmt.Errorf("%w; sk_lookup: %w", why, err)
		}
	}
	k := &kernel{why: why.Error(), interval: o.CheckInterval, serving: map[netip.Addr]time.Time{}, changed: make(chan struct{}, 1)}
	d, err := dialDiag()
	if err != nil {
		return nil, fmt.Errorf("refuse by the kernel alone (%w): %w", why, err)
	}
	k.d = d
	return k, nil
}

// openNftables makes or adopts the table.
func openNftables(ctx context.Context, o Options) (_ *nftables, err error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = c.close() // the first error is the one to report
		}
	}()
	t, err := newTable(c, o.Table, o.Plain, o.Speaker)
	if err != nil {
		return nil, err
	}
	if err := t.open(ctx, o.KeepServing); err != nil {
		return nil, err
	}
	n := &nftables{t: t, due: make(chan struct{}, 1)}
	if !t.plain {
		return n, nil
	}
	n.w, err = tablewatch.Watch(tablewatch.Table{Family: unix.NFPROTO_INET, Name: t.name}, c.nl.PID, func(*tablewatch.Watcher) { n.look() })
	if err != nil {
		return nil, err
	}
	n.look() // something may have happened before the watch began
	return n, nil
}

// run is the goroutine that owns the mechanism.
func (r *Responder) run() {
	defer close(r.ended)
	hints := r.mech.hints()
	timer := time.NewTimer(0)
	defer timer.Stop()
	if hints == nil {
		timer.Stop() // nothing can change under us
	}
	for {
		select {
		case call := <-r.calls:
			call()
			continue
		case <-r.closed:
			return
		case <-hints:
		case <-timer.C:
		}
		events, again := r.mech.attend()
		hints = r.mech.hints()
		timer.Stop()
		if again > 0 {
			timer.Reset(again)
		}
		for _, e := range events {
			r.notify(e)
		}
	}
}

// do runs f on the goroutine that owns the mechanism and waits for it.
func (r *Responder) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case r.calls <- func() { done <- f() }:
		return <-done
	case <-r.closed:
		return ErrClosed
	}
}

// SetRefused makes ts the whole of what is refused, in one transaction: elements are added and removed, what stays is
// not touched and keeps its counters.
func (r *Responder) SetRefused(ts []Target) error {
	want, err := elements(ts)
	if err != nil {
		return err
	}
	return r.do(func() error {
		err := r.mech.refuse(want)
		if err == nil && r.supersede != nil {
			r.supersede()
			r.supersede = nil
		}
		return err
	})
}

// Serve lifts the refusal of addresses: for ttl, after which the kernel refuses again by itself, or until withdrawn if ttl
// is 0. Serving an address again sets its time anew.
func (r *Responder) Serve(addrs []netip.Addr, ttl time.Duration) error {
	if ttl < 0 {
		return fmt.Errorf("serve for %v: want a time, or 0 for until withdrawn", ttl)
	}
	list, err := plainAll(addrs)
	if err != nil || len(list) == 0 {
		return err
	}
	return r.do(func() error { return r.mech.serve(list, ttl) })
}

// Withdraw puts the refusal of addresses in force again.
func (r *Responder) Withdraw(addrs []netip.Addr) error {
	list, err := plainAll(addrs)
	if err != nil || len(list) == 0 {
		return err
	}
	return r.do(func() error { return r.mech.withdraw(list) })
}

func plainAll(addrs []netip.Addr) ([]netip.Addr, error) {
	list := make([]netip.Addr, 0, len(addrs))
	for _, a := range addrs {
		p, err := plain(a)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Mechanism returns what refuses: "nftables", "sk_lookup" or "kernel".
func (r *Responder) Mechanism() string {
	name, _ := r.describe()
	return name
}

// Detail says how the mechanism is in force, and why it is not a better one.
func (r *Responder) Detail() string {
	_, detail := r.describe()
	return detail
}

func (r *Responder) describe() (name, detail string) {
	// ErrClosed leaves both empty.
	_ = r.do(func() error {
		name, detail = r.mech.describe()
		return nil
	})
	return name, detail
}

// Counters returns what was answered for each refused address, since its elements or the table were made. The kernel
// alone counts nothing.
func (r *Responder) Counters() (map[netip.Addr]Count, error) {
	var all map[netip.Addr]Count
	err := r.do(func() error {
		var err error
		all, err = r.mech.counters()
		return err
	})
	return all, err
}

// Close lets go. With remove set nothing is refused any more; otherwise the rules stay, everything in them is refused
// (also what was served), and the next Open adopts them.
func (r *Responder) Close(remove bool) error {
	err := r.do(func() error {
		close(r.closed)
		return r.mech.close(remove)
	})
	if !errors.Is(err, ErrClosed) {
		<-r.ended
	}
	return err
}
