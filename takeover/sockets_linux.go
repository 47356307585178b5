// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// DestroySockets ends all connections that local sockets have on the addresses, and returns how many: TCP in every
// state in which a peer may wait, and connected UDP sockets. The kernel sends each TCP peer a reset with the right
// sequence number, and the local program gets ECONNABORTED. IPv4 connections of dual-stack sockets are found as well.
// Listeners and unconnected UDP sockets stay, so that the service lives on where the address is to be had again.
//
// It works through one list: connections that are accepted meanwhile are not in it. Refuse first.
func (k *Kernel) DestroySockets(addrs []netip.Addr) (int, error) {
	wanted := make(map[netip.Addr]bool, len(addrs))
	var list []netip.Addr
	var ipv4 bool
	for _, a := range addrs {
		a = a.Unmap().WithZone("")
		if !a.IsValid() || wanted[a] {
			continue
		}
		wanted[a] = true
		list = append(list, a)
		ipv4 = ipv4 || a.Is4()
	}
	if len(list) == 0 {
		return 0, nil
	}
	families := []byte{familyIPv6} // IPv4 connections live there, too
	if ipv4 {
		families = []byte{familyIPv4, familyIPv6}
	}
	total := 0
	var errs []error
	for _, p := range []struct {
		name     string
		protocol byte
		states   uint32
	}{{"tcp", protocolTCP, connectedTCP}, {"udp", protocolUDP, connectedUDP}} {
		for _, family := range families {
			n, err := k.destroy(family, p.protocol, p.states, list, wanted)
			total += n
			if err != nil {
				errs = append(errs, fmt.Errorf("destroy %s connections: %w", p.name, err))
			}
		}
	}
	return total, errors.Join(errs...)
}

// destroy does the work of [Kernel.DestroySockets] for one family and protocol.
func (k *Kernel) destroy(family, protocol byte, states uint32, list []netip.Addr, wanted map[netip.Addr]bool,
) (int, error) {
	request := append(diagRequest(family, protocol, states, nil), diagFilter(list)...)
	found, err := k.diag.dump(sockDiagByFamily, request)
	if err != nil {
		if errors.Is(err, unix.ENOENT) {
			return 0, fmt.Errorf("%w (CONFIG_INET_DIAG)", ErrUnsupported)
		}
		return 0, err
	}
	var msgs []netlink.Message
	for _, m := range found {
		s, err := parseSocket(m)
		if err != nil {
			return 0, err
		}
		if !wanted[s.local] || states&(1<<s.state) == 0 {
			continue
		}
		msgs = append(msgs, netlink.Message{
			Header: netlink.Header{Type: sockDestroy, Flags: netlink.Request},
			Data:   diagRequest(family, protocol, 1<<s.state, s.id),
		})
	}
	n := len(msgs)
	var worst error
	for _, err := range k.diag.train(msgs) {
		switch {
		case err == nil:
			continue
		case errors.Is(err, unix.ENOENT): // it ended by itself meanwhile
		case errors.Is(err, unix.EOPNOTSUPP):
			worst = fmt.Errorf("%w (CONFIG_INET_DIAG_DESTROY)", ErrUnsupported)
		case errors.Is(err, unix.EPERM):
			worst = fmt.Errorf("%w (needs CAP_NET_ADMIN)", err)
		default:
			worst = err
		}
		n--
	}
	return n, worst
}
