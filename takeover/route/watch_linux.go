// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// watchBuffer holds the notifications of some ten thousand routes.
	watchBuffer = 8 << 20
	// settle is how long changes are gathered before the kernel is asked what is left.
	settle = 20 * time.Millisecond
	// secondLook comes after a change of an interface or address: the kernel tells of those first, and takes the routes
	// that depend on them afterwards, without a word.
	secondLook = 500 * time.Millisecond
)

// Removed are routes and rules that were added by [Kernel.Add] and [Kernel.AddRules] and are there no more, though nobody
// deleted them by this Kernel. They are as they were given to it, and are told once until they are added again.
type Removed struct {
	Routes []Route
	Rules  []Rule
}

func (r Removed) empty() bool { return len(r.Routes) == 0 && len(r.Rules) == 0 }

// Watch begins to follow routes and rules in the network namespace of the calling thread, which must be that of the
// Kernel, until ctx is done; then it closes the channel. What happens while nobody receives is gathered. A caller that
// has changed its mind in the meantime must look whether it still wants what it is told of.
func (k *Kernel) Watch(ctx context.Context) (<-chan Removed, error) {
	group := func(n uint) uint32 { return 1 << (n - 1) }
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
		Groups: group(unix.RTNLGRP_LINK) | group(unix.RTNLGRP_IPV4_IFADDR) | group(unix.RTNLGRP_IPV6_IFADDR) |
			group(unix.RTNLGRP_IPV4_ROUTE) | group(unix.RTNLGRP_IPV6_ROUTE) |
			group(unix.RTNLGRP_IPV4_RULE) | group(unix.RTNLGRP_IPV6_RULE),
	})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for changes of routes: %w", err)
	}
	// Where the buffer stays small, more is lost, and everything is looked at again the more often.
	_ = conn.SetReadBuffer(watchBuffer)
	w := &watcher{k: k, conn: conn, soon: make(chan struct{}, 1), late: make(chan struct{}, 1)}
	out := make(chan Removed)
	go w.run(ctx, out)
	return out, nil
}

type watcher struct {
	k          *Kernel
	conn       *netlink.Conn
	soon, late chan struct{} // something may be gone; something may go
}

// run owns the goroutines: one reads what the kernel tells, this one looks and tells it on.
func (w *watcher) run(ctx context.Context, out chan<- Removed) {
	defer close(out)
	var reader sync.WaitGroup
	reader.Go(func() { w.read(ctx) })
	defer reader.Wait()
	defer w.conn.Close() // ends the reading; nothing can be lost
	poke(w.soon)         // what went before is found, too
	var pending Removed
	var look, again <-chan time.Time
	for {
		var to chan<- Removed
		if !pending.empty() {
			to = out
		}
		select {
		case to <- pending:
			pending = Removed{}
		case <-w.soon:
			if look == nil {
				look = time.After(settle)
			}
		case <-w.late:
			again = time.After(secondLook)
		case <-look:
			look = nil
			pending = w.missing(pending)
		case <-again:
			again = nil
			pending = w.missing(pending)
		case <-ctx.Done():
			return
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it knows
	}
}

// missing adds what is gone.
func (w *watcher) missing(r Removed) Removed {
	gone, err := w.k.missing()
	if err != nil {
		w.k.log.Warn("routes and rules cannot be read; trying again", "error", err)
		poke(w.late)
	}
	return Removed{slices.Concat(r.Routes, gone.Routes), slices.Concat(r.Rules, gone.Rules)}
}

// read takes in notifications.
func (w *watcher) read(ctx context.Context) {
	for {
		msgs, err := w.conn.Receive()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, unix.ENOBUFS):
			poke(w.soon)
			poke(w.late)
			continue
		case err != nil:
			w.k.log.Error("routes and rules are not watched any more", "error", err)
			return
		}
		for _, m := range msgs {
			switch w.k.concerns(m) {
			case gone:
				poke(w.soon)
			case shaken:
				poke(w.soon)
				poke(w.late)
			}
		}
	}
}

// concern says what a notification means for what was added.
type concern uint8

const (
	nothing concern = iota
	gone            // something may be gone
	shaken          // something may go without a word
)

func (k *Kernel) concerns(m netlink.Message) concern {
	switch m.Header.Type {
	case rtmDelRule:
		return gone
	case rtmDelLink, rtmDelAddr:
		return shaken
	case rtmNewLink:
		if _, _, up, _, err := parseLink(m.Data); err != nil || !up {
			return shaken
		}
	case rtmNewRoute, rtmDelRoute: // a new one may replace
		r, ok, err := parseRoute(m.Data, nil)
		if err != nil {
			return gone
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if ok && k.at(r.place()) {
			return gone
		}
	}
	return nothing
}

// missing returns what was added and is there no more, each once.
func (k *Kernel) missing() (out Removed, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.routes) > 0 {
		l, err := k.links()
		if err != nil {
			return Removed{}, err
		}
		protocols := map[uint8]bool{}
		for _, h := range k.routes {
			protocols[h.is.protocol()] = true
		}
		there, err := k.shown(protocols, l)
		if err != nil {
			return Removed{}, err
		}
		for _, h := range k.routes {
			if !h.gone && !there.has(&h.is) {
				h.gone = true
				out.Routes = append(out.Routes, h.line)
			}
		}
	}
	if len(k.rules) > 0 {
		there, err := k.listed()
		if err != nil {
			return out, err
		}
		for r, h := range k.rules {
			if !h.gone && !slices.ContainsFunc(there, r.like) {
				h.gone = true
				out.Rules = append(out.Rules, r)
			}
		}
	}
	sortRoutes(out.Routes)
	return out, nil
}
