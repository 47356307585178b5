// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// identityInterval is the time between two looks for destination NAT of others, while ports have words of their own.
const identityInterval = 5 * time.Second

// legacyTables names the tables of iptables-legacy, which nftables does not list. It is that of this process's
// network namespace.
const legacyTables = "/proc/self/net/ip_tables_names"

// adapt makes the table fit the host: where somebody else translates destinations, spoken connections need a binding of
// their own. It wants to look again after the duration, if not 0.
func (n *nftables) adapt() ([]Event, time.Duration) {
	if !slices.ContainsFunc(n.t.have, func(e element) bool { return e.set.role == roleSpoken }) {
		return nil, 0
	}
	t := n.t.layout.traits
	foreign, err := n.t.foreignNAT()
	if err == nil && foreign != t.identity {
		t.identity = foreign
		var l *layout
		if l, err = newLayout(n.t.name, t); err == nil {
			n.t.layout = l
			err = n.t.rebuild(true)
		}
	}
	first := !n.maladapted
	n.maladapted = err != nil
	if err != nil && first {
		return []Event{{Kind: CheckFailed, Text: "cannot tell whether others translate the destination of refused connections", Err: err}}, identityInterval
	}
	return nil, identityInterval
}

// foreignNAT reports whether a table other than ours has a chain that may translate destinations.
func (t *table) foreignNAT() (bool, error) {
	answers, err := t.c.dumpFamily(unix.NFPROTO_UNSPEC, "read chains of all tables", unix.NFT_MSG_GETCHAIN, netlink.Dump, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return false, err
	}
	for _, a := range answers {
		c, err := parseChain(a)
		if err != nil {
			return false, fmt.Errorf("read chains of all tables: %w", err)
		}
		if c.base && c.kind == "nat" && c.hook == unix.NF_INET_PRE_ROUTING && c.table != t.name {
			return true, nil
		}
	}
	names, err := os.ReadFile(legacyTables)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return slices.Contains(strings.Fields(string(names)), "nat"), nil
}
