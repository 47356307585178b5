// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/regent-ha/regent/internal/tablewatch"
)

// mechanism is a way of refusing. All its methods are called from one goroutine.
type mechanism interface {
	// describe returns the mechanism's name and how it is in force.
	describe() (name, detail string)
	refuse(want []element) error
	serve(addrs []netip.Addr, ttl time.Duration) error
	withdraw(addrs []netip.Addr) error
	counters() (map[netip.Addr]Count, error)
	// hints delivers when attend should be called; nil: not now, or from the beginning: never.
	hints() <-chan struct{}
	// attend looks whether all is as it should be and repairs it. It wants to be called again after the duration, if not 0.
	attend() ([]Event, time.Duration)
	// close lets go; with remove set nothing of the mechanism stays in the kernel.
	close(remove bool) error
}

// nftables refuses by the table.
type nftables struct {
	t          *table
	w          *tablewatch.Watcher // nil: the kernel keeps others away from the table
	restored   []time.Time         // when lately
	failing    bool                // the last attempt to restore failed
	paused     bool                // hints wait for the next call of attend
	maladapted bool                // the last attempt to adapt failed
	due        chan struct{}       // a look: at what the watcher saw, or, of a table that nobody else can change, whether the traits still fit
}

// Restoring is immediate, but two that fight over the table must not take the machine with them.
const (
	restoreBurst = 10
	restorePause = 100 * time.Millisecond
)

func (n *nftables) describe() (name, detail string) {
	how := "owned by this process, survives it"
	if n.w != nil {
		how = "not owned (needs Linux 6.9), watched and restored"
	}
	if !n.t.layout.tproxy {
		how += "; fragmented datagrams are dropped without an answer, and ports that have words of their own are refused like all others (needs nft_tproxy)"
	}
	return "nftables", fmt.Sprintf("table inet %s, %s; %s", n.t.name, n.t.taken, how)
}

func (n *nftables) refuse(want []element) error {
	if n.w == nil {
		n.look()
	}
	return n.t.refuse(want)
}

// look says that a look is due; several become one.
func (n *nftables) look() {
	select {
	case n.due <- struct{}{}:
	default:
	}
}

func (n *nftables) serve(addrs []netip.Addr, ttl time.Duration) error { return n.t.serve(addrs, ttl) }

func (n *nftables) withdraw(addrs []netip.Addr) error { return n.t.withdraw(addrs) }

func (n *nftables) counters() (map[netip.Addr]Count, error) { return n.t.counters() }

func (n *nftables) hints() <-chan struct{} {
	if n.paused {
		return nil
	}
	return n.due
}

func (n *nftables) attend() ([]Event, time.Duration) {
	lapse(n.t.serving, time.Now())
	n.paused = false
	adapted, again := n.adapt()
	if n.w == nil {
		return adapted, again
	}
	events, pause := n.restore()
	if pause == 0 {
		pause = again
	}
	return append(adapted, events...), pause
}

// restore undoes what somebody else did to the table.
func (n *nftables) restore() ([]Event, time.Duration) {
	why, err := n.repair()
	if err != nil {
		first := !n.failing
		n.failing, n.paused = true, true
		if !first {
			return nil, restorePause
		}
		text := fmt.Sprintf("table inet %s was changed by somebody else (%s) and could not be restored", n.t.name, why)
		return []Event{{Kind: RestoreFailed, Text: text, Err: err}}, restorePause
	}
	n.failing = false
	if why == "" {
		return nil, 0
	}
	text := fmt.Sprintf("table inet %s was changed by somebody else (%s); it was restored", n.t.name, why)
	events := []Event{{Kind: Restored, Text: text}}
	now := time.Now()
	n.restored = slices.DeleteFunc(n.restored, func(at time.Time) bool { return now.Sub(at) > time.Second })
	n.restored = append(n.restored, now)
	if n.paused = len(n.restored) > restoreBurst; n.paused {
		return events, restorePause
	}
	return events, 0
}

// repair compares the kernel's table with ours and makes it anew where they differ; why says what differed. Somebody may
// go on changing it meanwhile.
func (n *nftables) repair() (why string, err error) {
	for range rebuildAttempts {
		if why, err = n.repairOnce(); !passing(err) {
			break
		}
	}
	return why, err
}

func (n *nftables) repairOnce() (why string, err error) {
	found, err := n.t.find()
	switch {
	case err != nil:
		return "unknown", err
	case found == nil:
		return "it was removed", n.t.rebuild(false)
	}
	why, err = n.t.differs(found)
	if why == "" && err == nil {
		why, err = n.t.elementsDiffer()
	}
	if err != nil {
		return "unknown", err
	}
	if why == "" {
		return "", nil
	}
	return why, n.t.rebuild(true)
}

func (n *nftables) close(remove bool) error {
	var errs []error
	if n.w != nil {
		errs = append(errs, n.w.Close())
	}
	if remove {
		errs = append(errs, n.t.remove())
	} else {
		errs = append(errs, n.t.emptyServing()) // nobody is left to withdraw it
	}
	return errors.Join(append(errs, n.t.c.close())...)
}

// kernel refuses by what the kernel does by itself for a port that nobody listens on. It can only look out for those
// who do.
type kernel struct {
	d        *diag // nil: the sockets cannot be read
	why      string
	interval time.Duration
	refused  []element
	serving  map[netip.Addr]time.Time
	seen     sightings
	failed   bool // the last look failed
	changed  chan struct{}
}

func (k *kernel) describe() (name, detail string) {
	detail = "nftables is not used: " + k.why
	if n := len(k.seen.reported); n > 0 {
		detail += fmt.Sprintf("; listeners in the way: %d", n)
	}
	return "kernel", detail
}

func (k *kernel) refuse(want []element) error {
	k.refused = want
	k.hint()
	return nil
}

func (k *kernel) serve(addrs []netip.Addr, ttl time.Duration) error {
	var until time.Time
	if ttl > 0 {
		until = time.Now().Add(ttl)
	}
	for _, a := range addrs {
		k.serving[a] = until
	}
	k.hint()
	return nil
}

func (k *kernel) withdraw(addrs []netip.Addr) error {
	for _, a := range addrs {
		delete(k.serving, a)
	}
	k.hint()
	return nil
}

func (k *kernel) counters() (map[netip.Addr]Count, error) { return map[netip.Addr]Count{}, nil }

func (k *kernel) hint() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

func (k *kernel) hints() <-chan struct{} { return k.changed }

func (k *kernel) attend() ([]Event, time.Duration) {
	lapse(k.serving, time.Now())
	list, err := k.d.listeners()
	if err != nil {
		if k.failed {
			return nil, k.interval
		}
		k.failed = true
		return []Event{{Kind: CheckFailed, Text: "cannot tell whether another process answers in place of a refused address", Err: err}}, k.interval
	}
	k.failed = false
	r := index(k.refused, func(a netip.Addr) bool { _, served := k.serving[a]; return served })
	var inTheWay []Listener
	for _, l := range list {
		if r.inTheWay(l) {
			inTheWay = append(inTheWay, l)
		}
	}
	found, gone := k.seen.look(inTheWay)
	var events []Event
	if len(found) > 0 {
		nameProcesses(found)
		events = append(events, Event{Kind: WildcardFound, Text: fmt.Sprintf("listeners that answer in place of refused addresses: %d, first: %v", len(found), found[0]), Listeners: found})
	}
	if len(gone) > 0 {
		events = append(events, Event{Kind: WildcardGone, Text: fmt.Sprintf("listeners that no longer answer in place of refused addresses: %d", len(gone)), Listeners: gone})
	}
	return events, k.interval
}

func (k *kernel) close(bool) error {
	if k.d == nil {
		return nil
	}
	return k.d.close()
}
