// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// watchBuffer holds the notices about several thousand elements; when it overflows everything is compared.
const watchBuffer = 4 << 20

// watcher hears of every change of nftables rules in its network namespace and tells of those that concern our table
// and that we did not make.
type watcher struct {
	nl    *netlink.Conn
	table string
	own   uint32 // netlink port of the socket that makes our changes
	hints chan struct{}
	done  chan struct{}
}

// watch starts a watcher in the network namespace of the calling thread.
func watch(table string, own uint32) (*watcher, error) {
	nl, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: 1 << (unix.NFNLGRP_NFTABLES - 1)})
	if err != nil {
		return nil, fmt.Errorf("watch nftables: %w", err)
	}
	_ = nl.SetReadBuffer(watchBuffer) // smaller means only that an overflow is sooner
	w := &watcher{nl: nl, table: table, own: own, hints: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w, nil
}

// run reads notices until the socket is closed.
func (w *watcher) run() {
	defer close(w.done)
	for {
		notices, err := w.nl.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			w.hint()
			continue
		case err != nil:
			return
		}
		for _, n := range notices {
			if n.Header.PID != w.own && concerns(n.Data, w.table) {
				w.hint()
				break
			}
		}
	}
}

// hint says that a look is due; several become one.
func (w *watcher) hint() {
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

func (w *watcher) close() error {
	err := w.nl.Close()
	<-w.done
	return err
}

// concerns reports whether a notice is about the named table of family inet.
func concerns(data []byte, table string) bool {
	if len(data) < nfgenLen || data[0] != unix.NFPROTO_INET {
		return false
	}
	found := false
	// A notice that cannot be read is not about a table of ours.
	_ = attributes(data, func(ad *netlink.AttributeDecoder) {
		// The table's name has the same attribute number in every kind of notice.
		if ad.Type() == unix.NFTA_TABLE_NAME && ad.String() == table {
			found = true
		}
	})
	return found
}
