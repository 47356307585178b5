// SPDX-License-Identifier: Apache-2.0

package tablewatch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// buffer holds the notices about several thousand elements. When it overflows, that counts as a change.
const buffer = 4 << 20

// Table is what is watched.
type Table struct {
	Family byte // unix.NFPROTO_INET, …
	Name   string
}

// Watcher hears of every change of nftables rules in its network namespace, and tells of those that concern its table and that came
// from another socket.
type Watcher struct {
	table Table
	own   func() uint32
	conn  *netlink.Conn
	done  chan struct{}
}

// Watch begins to watch, in the network namespace of the calling thread. own returns the netlink port of the socket that makes changes
// which are not told. changed is called from the watcher's goroutine, once for all that came together.
func Watch(t Table, own func() uint32, changed func(*Watcher)) (*Watcher, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return nil, fmt.Errorf("watch nftables: %w", err)
	}
	_ = c.SetReadBuffer(buffer) // smaller means only that an overflow is sooner
	w := &Watcher{table: t, own: own, conn: c, done: make(chan struct{})}
	go w.run(changed)
	return w, nil
}

// run reads notices until the socket is closed.
func (w *Watcher) run(changed func(*Watcher)) {
	defer close(w.done)
	for {
		foreign, err := w.receive()
		if err != nil {
			return
		}
		if foreign {
			changed(w)
		}
	}
}

// receive waits for notices and reports whether they may tell of a change by somebody else.
func (w *Watcher) receive() (foreign bool, err error) {
	notices, err := w.conn.Receive()
	switch {
	case errors.Is(err, unix.ENOBUFS): // something was lost
		return true, nil
	case err != nil:
		return false, err
	}
	return slices.ContainsFunc(notices, func(m netlink.Message) bool {
		return m.Header.PID != w.own() && w.table.concerned(m.Data)
	}), nil
}

// Pause waits, and reports whether the table was changed meanwhile: one look does for all. It is for the function that was given to
// [Watch], and no other.
func (w *Watcher) Pause(d time.Duration) (changed bool) {
	if w.conn.SetReadDeadline(time.Now().Add(d)) != nil {
		return false // it is closed
	}
	for {
		foreign, err := w.receive()
		if err != nil {
			break
		}
		changed = changed || foreign
	}
	return w.conn.SetReadDeadline(time.Time{}) == nil && changed
}

// Close ends the watching. Nothing is told afterwards. It must not be called by the function that was given to [Watch].
func (w *Watcher) Close() error {
	err := w.conn.Close()
	<-w.done
	return err
}

// concerned reports whether a notice is about the table.
func (t Table) concerned(data []byte) bool {
	if len(data) < 4 || data[0] != t.Family {
		return false
	}
	ad, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return false
	}
	for ad.Next() {
		// The table's name has the same attribute number in every kind of notice.
		if ad.Type() == unix.NFTA_TABLE_NAME && ad.String() == t.Name {
			return true
		}
	}
	return false
}
