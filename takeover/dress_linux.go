// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"maps"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
)

// Dress says what addresses have beside their prefix whenever [Kernel.Add], [Kernel.Refresh] or [Kernel.Adopt] installs
// them, until they are dressed otherwise. It changes nothing in the kernel by itself.
//
// Label, scope, broadcast and peer of an IPv4 address cannot be changed while it is there: Add and Adopt take such an
// address away and bring it back. An address that was never dressed keeps what it has. The zero [Attributes] are a
// dress, too: a plain one.
//
// The kernel can hold one IPv4 address towards several peers. Here it has one.
func (k *Kernel) Dress(as map[Address]Attributes) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.Copy(k.dress, as)
}

// attributes returns what an address gets, and whether what is there has to be deleted for that.
func (k *Kernel) attributes(a Address, p presence, has worn, redress bool) (at Attributes, anew bool) {
	at, dressed := k.dress[a]
	if p == absent || a.Prefix.Addr().Is6() {
		return at, false
	}
	anew = dressed && redress && has.differs(at)
	if !anew {
		at.Peer = has.peer // by another one the kernel would not find it
	}
	return at, anew
}

// age is how long an address that is there has been preferred. What an earlier run installed starts again.
func (k *Kernel) age(a Address, at Attributes, p presence, now time.Time) time.Duration {
	if at.Preferred <= 0 {
		delete(k.since, a)
		return 0
	}
	start, ok := k.since[a]
	if !ok || p == absent {
		start = now
		k.since[a] = now
	}
	return now.Sub(start)
}

// slow reports whether an IPv6 address is not to be waited for: duplicate address detection takes its time, and groups
// are never local.
func (k *Kernel) slow(a Address) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dress[a].DAD || a.Prefix.Addr().IsMulticast()
}

// deletion makes the request to delete an address.
func deletion(a Address, peer netip.Addr) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: rtmDelAddr, Flags: netlink.Request},
		Data:   addressMessage(a, Attributes{Peer: peer}, life{}, false),
	}
}

// deletePeers deletes IPv4 addresses that the kernel did not find because they have a peer that nobody told us of: what
// an earlier run left, with another configuration. as[i] for i of todo.
func (k *Kernel) deletePeers(as []Address, todo []int, errs []error) {
	if len(todo) == 0 {
		return
	}
	there, err := k.read(as, todo)
	var msgs []netlink.Message
	var sent []int
	for _, i := range todo {
		if err != nil {
			errs[i] = err
		} else if _, ok := there.addresses[as[i]]; ok {
			sent = append(sent, i)
			msgs = append(msgs, deletion(as[i], there.worn[as[i]].peer))
		}
	}
	failed := k.route.train(msgs)
	for n, i := range sent {
		if failed != nil && !gone(failed[n]) {
			errs[i] = failed[n]
		}
	}
}
