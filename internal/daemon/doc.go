// SPDX-License-Identifier: Apache-2.0

// Package daemon composes the worker: it wires the protocol loop, the kernel's addresses, the announcements and the
// refusing rules to a configuration, and owns their goroutines.
//
// One goroutine, the actor, holds all state. It sleeps until something happens: actions of the protocol (an election
// was won or lost), a change of the interfaces, an event of the refusing rules, a request (status, reload), or the time
// to renew the leases. Whatever it does to the kernel is level-triggered: every handler changes what is wanted, then
// [reconcile] computes which addresses have to be added and removed, for all services in one batch. The protocol loop
// runs on a thread of its own and never waits for the actor, so a slow kernel call delays no advert.
//
// The order in which an address is taken: the first advert left already (the loop sends it before it reports the
// transition) → serve elements, where this node serves → addresses, in one train of netlink messages → GARP and NA for
// all. Refuse elements are in place since start-up, and bite as soon as the address is local.
//
// The order in which it is given back on a planned stop: serve elements out (the address refuses from now on) →
// sockets on it destroyed (each client gets an exact reset) → advert with priority 0 → the heir is heard → addresses
// removed. Until the heir is heard the address keeps answering; there is no silence in between.
package daemon
