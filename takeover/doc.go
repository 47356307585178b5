// SPDX-License-Identifier: Apache-2.0

// Package takeover takes addresses and gives them back on Linux: it adds and deletes them, tells the neighbours,
// watches what others do to them, and tells clients of an address that is given back that their connections are gone.
//
// # Words
//
// An [Address] is a prefix on a link (an interface index). A batch is a slice of them: everything here takes batches,
// because a node that inherits inherits many addresses at once, and the last one matters as much as the first.
//
// # Addresses and leases
//
// [Kernel] sends a batch as one train of netlink messages and asks for one acknowledgement, not one for each address;
// a failing address still gets its own error. An address is installed with a lifetime, the lease. A daemon that dies
// or hangs stops renewing, and the kernel removes the address: no stale owner, whatever happened to the process.
// Addresses carry the mark [Protocol] (Linux 5.18 and later show it in `ip addr` as "proto 112"), so that the next run
// finds what an earlier one left; for older kernels there is [Recorded], which works on a list kept on disk.
//
// When Add returns, the addresses answer: it waits for the kernel to complete those of IPv6, which it does behind the
// back of the request. Announcing earlier would call clients to a closed door, and they knock again a second later.
//
// [ParseAddress] reads an address with its options as ip(8) writes them (label, scope, peer and so on), and [Kernel.Dress]
// tells the kernel's side of them.
//
// Add never touches an address that somebody else put there: it reports [ErrForeign]. Refresh never brings back an
// address that is gone: it reports [ErrGone]. A process that slept must not become an owner again by renewing a lease.
//
// # Announcements
//
// [Announcer] sends gratuitous ARP and unsolicited neighbour advertisements. The first announcement of every address
// leaves before the second of any. What is due when is decided by a plain value (schedule) with the time as argument;
// one goroutine and one packet socket do the sending.
//
// # Watching
//
// [Watch] follows links and addresses. It reports what changed, coalesced, and keeps a [LinkState] of each link. When
// the kernel drops notifications because they came too fast, it reads everything again and reports the difference.
//
// # Network namespaces
//
// Everything is tied to the network namespace of the thread that calls [Open], [Watch] or [NewAnnouncer]: all sockets
// are opened there and then. Later calls may come from any thread, but for [Kernel.PromoteSecondaries] and
// [Forwarding], which open files below /proc/sys/net.
//
// # Order
//
// [Take] and [Give] say in which order a batch of services is taken or given back, as plain data.
package takeover
