// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// watchBuffer holds the notifications of some ten thousand addresses.
	watchBuffer = 16 << 20
	// resyncPause is the least time between two readings of everything, while notifications come too fast.
	resyncPause = 20 * time.Millisecond
)

// Watcher knows the links and addresses of a network namespace and tells what changes. See [Watch].
type Watcher struct {
	log     *slog.Logger
	conn    *netlink.Conn
	raw     syscall.RawConn
	asks    *requester
	changes chan Change
	signal  chan struct{}

	mu    sync.Mutex
	table linkTable
	diff  differences
}

// Watch begins to follow links and addresses in the network namespace of the calling thread, until ctx is done.
func Watch(ctx context.Context, log *slog.Logger) (*Watcher, error) {
	return watch(ctx, log, watchBuffer)
}

func watch(ctx context.Context, log *slog.Logger, buffer int) (*Watcher, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
	})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for changes: %w", err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := receiveBuffer(raw, buffer); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	asks, err := openRequester(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open netlink socket for changes: %w", err), conn.Close())
	}
	w := &Watcher{
		log: log, conn: conn, raw: raw, asks: asks,
		changes: make(chan Change), signal: make(chan struct{}, 1),
	}
	if w.table, err = readLinks(asks); err != nil {
		return nil, errors.Join(err, conn.Close(), asks.close())
	}
	go w.run(ctx)
	return w, nil
}

// Changes returns the channel on which changes are told. What happens while nobody receives is gathered into one. It is
// closed when the watcher has ended. What was there when [Watch] returned is no change: see [Watcher.Snapshot].
func (w *Watcher) Changes() <-chan Change { return w.changes }

// Snapshot returns all links as they are now, by index. A change that was received is in it.
func (w *Watcher) Snapshot() []LinkState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.table.snapshot()
}

// Link returns the link with a name; ok is false if there is none.
func (w *Watcher) Link(name string) (l LinkState, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.table {
		if e.Name == name {
			e.list()
			return e.LinkState, true
		}
	}
	return LinkState{}, false
}

// run owns the goroutines: one reads what the kernel tells, this one tells it on.
func (w *Watcher) run(ctx context.Context) {
	defer close(w.changes)
	var reader sync.WaitGroup
	reader.Go(func() { w.read(ctx) })
	w.publish(ctx)
	// Closing ends the reading. The sockets hold nothing that could be lost.
	_ = w.conn.Close()
	_ = w.asks.close()
	reader.Wait()
}

// publish hands out changes.
func (w *Watcher) publish(ctx context.Context) {
	var mine differences
	for {
		var out chan<- Change
		var c Change
		if !mine.empty() {
			out, c = w.changes, mine.change()
		}
		select {
		case out <- c:
			mine = differences{}
		case <-w.signal:
			w.mu.Lock()
			mine.merge(&w.diff)
			w.diff = differences{}
			w.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// read takes in notifications. Those that are there together make one change.
func (w *Watcher) read(ctx context.Context) {
	buf := make([]byte, datagramLength)
	wait := true
	for {
		n, err := receive(w.raw, buf, wait)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, unix.ENOBUFS):
			if !w.resync(ctx, buf) {
				return
			}
			wait = true
			continue
		case err != nil:
			w.log.Error("interfaces and addresses are not watched any more", "error", err)
			return
		case n == 0:
			w.tell()
			wait = true
			continue
		}
		wait = false
		w.mu.Lock()
		err = eachMessage(buf[:n], w.note)
		w.mu.Unlock()
		if err != nil {
			w.log.Warn("odd notification from the kernel", "error", err)
		}
	}
}

// tell lets changes go out.
func (w *Watcher) tell() {
	w.mu.Lock()
	empty := w.diff.empty()
	w.mu.Unlock()
	if empty {
		return
	}
	select {
	case w.signal <- struct{}{}:
	default: // it knows
	}
}

// note takes in one notification. The caller holds the lock.
func (w *Watcher) note(kind, _ uint16, _ uint32, data []byte) {
	switch kind {
	case rtmNewLink, rtmDelLink:
		l, ok, err := parseLink(data)
		switch {
		case err != nil:
			w.log.Warn("odd notification of a link", "error", err)
		case ok && kind == rtmNewLink:
			w.table.link(l, &w.diff)
		case ok:
			w.table.unlink(l.Index, &w.diff)
		}
	case rtmNewAddr, rtmDelAddr:
		index, a, ok, err := parseAddress(data)
		switch {
		case err != nil:
			w.log.Warn("odd notification of an address", "error", err)
		case ok && kind == rtmNewAddr:
			w.table.address(index, a, &w.diff)
		case ok:
			w.table.unaddress(index, a.Prefix, &w.diff)
		}
	}
}

// resync reads everything anew after notifications were lost. It first throws away those that wait: they are older
// than what it is going to read, and would undo it.
func (w *Watcher) resync(ctx context.Context, buf []byte) (ok bool) {
	for {
		if err := w.drain(buf); err != nil {
			w.log.Error("interfaces and addresses are not watched any more", "error", err)
			return false
		}
		fresh, err := readLinks(w.asks)
		if err == nil {
			w.mu.Lock()
			w.table.replace(fresh, &w.diff)
			w.diff.resync = true
			w.mu.Unlock()
			w.tell()
		} else if ctx.Err() == nil {
			w.log.Warn("interfaces and addresses cannot be read; trying again", "error", err)
		}
		select {
		case <-time.After(resyncPause):
		case <-ctx.Done():
			return false
		}
		if err == nil {
			return true
		}
	}
}

// drain throws waiting notifications away.
func (w *Watcher) drain(buf []byte) error {
	for {
		n, err := receive(w.raw, buf, false)
		if n == 0 && err == nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
	}
}
