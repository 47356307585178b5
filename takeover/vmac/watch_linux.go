// SPDX-License-Identifier: Apache-2.0

package vmac

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// watchPause is the least time between two words that the table was changed: two that fight over it must not take the machine
// with them.
const watchPause = 100 * time.Millisecond

// watch tells when somebody else changes the table: firewalls are reloaded with a flush of all rules.
type watch struct {
	conn *netlink.Conn
	done chan struct{}
}

// newWatch begins to watch, in the network namespace of the calling thread. own is the port of the socket whose changes are our own.
func newWatch(own func() uint32, changed func()) (*watch, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return nil, fmt.Errorf("open netfilter socket for changes: %w", err)
	}
	w := &watch{conn: c, done: make(chan struct{})}
	go w.run(own, changed)
	return w, nil
}

func (w *watch) run(own func() uint32, changed func()) {
	defer close(w.done)
	foreign := func(m netlink.Message) bool { return m.Header.PID != own() && ofTable(m.Data) }
	for {
		notices, err := w.conn.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS): // something was lost
		case err != nil:
			return
		case !slices.ContainsFunc(notices, foreign):
			continue
		}
		for again := true; again; {
			changed()
			again = w.pause(foreign)
		}
	}
}

// pause waits a moment and reports whether the table was changed meanwhile: one look does for all.
func (w *watch) pause(foreign func(netlink.Message) bool) (again bool) {
	if w.conn.SetReadDeadline(time.Now().Add(watchPause)) != nil {
		return false // it is closed
	}
	for {
		notices, err := w.conn.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			break
		}
		again = again || err != nil || slices.ContainsFunc(notices, foreign)
	}
	return w.conn.SetReadDeadline(time.Time{}) == nil && again
}

// ofTable reports whether a notice of nftables is about the table. Its name has the same attribute number in every kind of notice.
func ofTable(data []byte) bool {
	if len(data) < 4 || data[0] != unix.NFPROTO_NETDEV {
		return false
	}
	ad, err := netlink.NewAttributeDecoder(data[4:])
	if err != nil {
		return false
	}
	for ad.Next() {
		if ad.Type() == unix.NFTA_TABLE_NAME && ad.String() == tableName {
			return true
		}
	}
	return false
}

// close ends the watching. No word comes afterwards.
func (w *watch) close() error {
	err := w.conn.Close()
	<-w.done
	return err
}
