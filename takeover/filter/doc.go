// SPDX-License-Identifier: Apache-2.0

// Package filter keeps addresses from taking packets: what RFC 9568 section 6.4.3 asks of an Active Router that is not the
// owner of the address while Accept_Mode is false. It forwards, answers ARP, and is silent otherwise.
//
//	f, err := filter.Open(ctx, filter.Options{Logger: log})
//	err = f.Set([]filter.Address{{Addr: a}, {Addr: linkLocal, Link: index}}) // the whole of it, before the addresses come
//	err = f.Close(true)
//
// # The table
//
// One nftables table of family inet holds static rules; only set elements change, all of a change in one transaction. Two
// base chains, at priority -1, before the host's own rules: what they drop must not get an error there.
//
//   - input drops what is addressed to an address of the sets, but for neighbour solicitations and advertisements.
//   - output drops what comes from one, but for what the network needs of a router that forwards: ICMP errors, without which
//     the path MTU is not found, and neighbour and multicast listener discovery.
//
// A link-local address is filtered on its interface alone: the same may be somebody else's on another link. ARP, and
// packets that are forwarded, come by neither chain.
//
// # Who may change it
//
// From Linux 6.9 on the table is owned by this process's netlink socket: nobody else can change or flush it. When the
// process dies, however it dies, the table stays: an address that is left behind goes on being silent. The next Open takes
// it over with its elements ([Filter.Left]), without a moment in which they are not in force. Older kernels get a table
// that anybody can change; each change is undone at once and told.
package filter
