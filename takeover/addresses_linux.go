// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Kernel changes addresses, sockets and settings in one network namespace. Its methods may be called from several
// goroutines; calls that change addresses run one after the other.
//
// It speaks netlink by github.com/mdlayher/netlink, and not by a Handle of github.com/vishvananda/netlink, because that
// one waits for the answer of each address before it sends the next, and does not know IFA_PROTO.
type Kernel struct {
	log   *slog.Logger
	route *requester
	diag  *requester
	mu    sync.Mutex // guards held, dress and since, and keeps reading and changing addresses together
	held  map[Address]bool
	dress map[Address]Attributes
	since map[Address]time.Time // when addresses with a preferred lifetime were added
	roads map[Address]bool      // IPv6 subnets whose route came with an address

	settings settings
}

// Open opens the sockets in the network namespace of the calling thread.
func Open(log *slog.Logger) (*Kernel, error) {
	route, err := openRequester(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for addresses: %w", err)
	}
	diag, err := openRequester(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open netlink socket for connections: %w", err), route.close())
	}
	return &Kernel{log: log, route: route, diag: diag, held: map[Address]bool{},
		dress: map[Address]Attributes{}, since: map[Address]time.Time{}, roads: map[Address]bool{}}, nil
}

// Close closes the sockets. Addresses stay until they are deleted or their lease ends.
func (k *Kernel) Close() error { return errors.Join(k.route.close(), k.diag.close()) }

// Add installs addresses with a lease; zero is without end. An address that is there already gets the new lease if it
// is ours, and is left as it is with [ErrForeign] if it is not. The errors belong to the addresses one by one; nil
// means that all went well. When Add returns, the addresses answer.
func (k *Kernel) Add(as []Address, lease time.Duration) []error {
	errs := k.install("add", as, lease, true, func(p presence) (netlink.HeaderFlags, error) {
		switch p {
		case present:
			return netlink.Replace, nil
		case foreign:
			return 0, ErrForeign
		}
		return netlink.Create | netlink.Excl, nil
	})
	k.awaitUsable(as, errs)
	return errs
}

// Refresh renews the lease of addresses that [Kernel.Add] installed. One that is not there any more is not put back:
// [ErrGone]. One that somebody else has replaced in the meantime is left alone: [ErrForeign].
//
// The kernel tells every listener of rtnetlink about each renewal, so renew seldom: at half of the lease. And an IPv6
// address costs the more the more of them the interface has (some 40 µs each with 100, 300 µs with 1,000).
func (k *Kernel) Refresh(as []Address, lease time.Duration) []error {
	return k.install("refresh", as, lease, false, func(p presence) (netlink.HeaderFlags, error) {
		switch p {
		case present:
			return netlink.Replace, nil
		case foreign:
			return 0, ErrForeign
		}
		return 0, ErrGone
	})
}

// Adopt installs addresses with a lease like [Kernel.Add], and makes those ours that somebody else put there: they get
// our mark and the lease, and vanish with it.
func (k *Kernel) Adopt(as []Address, lease time.Duration) []error {
	errs := k.install("adopt", as, lease, true, func(presence) (netlink.HeaderFlags, error) {
		return netlink.Create | netlink.Replace, nil
	})
	k.awaitUsable(as, errs)
	return errs
}

// presence says whether an address is there already.
type presence uint8

const (
	absent presence = iota
	present
	foreign
)

// install sends the train of [Kernel.Add] and its kin. decide turns what is there into flags of the request; redress is
// set where what is there may be deleted and come back with other attributes.
func (k *Kernel) install(verb string, as []Address, lease time.Duration, redress bool,
	decide func(presence) (netlink.HeaderFlags, error),
) []error {
	if len(as) == 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := make([]error, len(as))
	todo := make([]int, len(as))
	for i := range as {
		todo[i] = i
	}
	// Somebody else may add an address between our reading and our adding: then the kernel says that it exists, and a
	// second reading tells whose it is.
	for try := 0; len(todo) > 0 && try < 2; try++ {
		todo = k.attempt(as, todo, leaseSeconds(lease), redress, decide, errs)
	}
	return k.conclude(verb, as, errs)
}

// attempt installs as[i] for every i of todo and returns those that turned out to exist against what was read.
func (k *Kernel) attempt(as []Address, todo []int, seconds uint32, redress bool,
	decide func(presence) (netlink.HeaderFlags, error), errs []error,
) (again []int) {
	there, err := k.read(as, todo)
	if err != nil {
		for _, i := range todo {
			errs[i] = err
		}
		return nil
	}
	var msgs []netlink.Message
	var sent []int
	now := time.Now()
	for _, i := range todo {
		a := as[i]
		if !valid(a) {
			errs[i] = unix.EINVAL
			continue
		}
		p := absent
		if found, ok := there.find(a); ok {
			p = foreign
			if found.Proto == Protocol || found.Proto == 0 && k.held[a] {
				p = present
			}
		}
		flags, err := decide(p)
		if errs[i] = err; err != nil {
			continue
		}
		at, anew := k.attributes(a, p, there.worn[a], redress)
		if anew {
			sent = append(sent, i)
			msgs = append(msgs, deletion(a, there.worn[a].peer))
			p, flags = absent, netlink.Create|netlink.Excl
		}
		sent = append(sent, i)
		routed := there.routed(a, at)
		msgs = append(msgs, netlink.Message{
			Header: netlink.Header{Type: rtmNewAddr, Flags: netlink.Request | flags},
			Data:   addressMessage(a, at, life{seconds, k.age(a, at, p, now)}, routed),
		})
		if a.Prefix.Addr().Is6() && !at.NoPrefixRoute && !at.Peer.IsValid() && !routed {
			k.roads[subnet(a)] = true
		}
	}
	failed := k.route.train(msgs)
	for n, i := range sent {
		if msgs[n].Header.Type == rtmDelAddr {
			continue // where that fails, adding fails
		}
		if failed == nil || failed[n] == nil {
			k.held[as[i]] = true
			continue
		}
		errs[i] = failed[n]
		if errors.Is(failed[n], unix.EEXIST) {
			again = append(again, i)
		}
	}
	return again
}

func valid(a Address) bool {
	return a.Prefix.IsValid() && a.Link > 0 && a.Prefix.Addr().Zone() == "" && !a.Prefix.Addr().Is4In6()
}

// Delete removes addresses, whoever put them there. One that is absent already, or whose link is gone, is no error.
func (k *Kernel) Delete(as []Address) []error {
	if len(as) == 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := make([]error, len(as))
	var msgs []netlink.Message
	var sent []int
	for i, a := range as {
		if !valid(a) {
			errs[i] = unix.EINVAL
			continue
		}
		sent = append(sent, i)
		msgs = append(msgs, deletion(a, k.dress[a].Peer))
	}
	failed := k.route.train(msgs)
	var absent []int
	for n, i := range sent {
		switch {
		case failed != nil && errors.Is(failed[n], unix.EADDRNOTAVAIL) && as[i].Prefix.Addr().Is4():
			absent = append(absent, i)
		case failed != nil && !gone(failed[n]):
			errs[i] = failed[n]
			continue
		}
		delete(k.held, as[i])
		delete(k.since, as[i])
	}
	k.deletePeers(as, absent, errs)
	k.deleteRoads(as)
	return k.conclude("delete", as, errs)
}

// deleteRoads deletes the routes of IPv6 subnets that came with addresses of which none is left. The kernel does so for addresses without
// end alone; it would let the others send packets to the subnet for as long as the lease was.
func (k *Kernel) deleteRoads(as []Address) {
	over := map[Address]bool{}
	for _, a := range as {
		if a.Prefix.Addr().Is6() && k.roads[subnet(a)] {
			over[subnet(a)] = true
		}
	}
	if len(over) == 0 {
		return
	}
	there, err := k.read(as, []int{slices.IndexFunc(as, func(a Address) bool { return a.Prefix.Addr().Is6() })})
	if err != nil {
		k.log.Warn("routes of subnets stay until their leases end", "error", err)
		return
	}
	for a := range there.addresses {
		delete(over, subnet(a))
	}
	for road := range over {
		delete(k.roads, road)
		failed := k.route.train([]netlink.Message{{Header: netlink.Header{Type: rtmDelRoute, Flags: netlink.Request}, Data: roadMessage(road)}})
		if failed != nil && !errors.Is(failed[0], unix.ESRCH) && !gone(failed[0]) {
			k.log.Warn("the route of a subnet stays until its lease ends", "subnet", road.Prefix, "error", failed[0])
		}
	}
}

// gone reports whether an error of deleting says that there is nothing to delete.
func gone(err error) bool {
	return err == nil || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
}

// conclude gives each error its address, and returns nil if there is none.
func (k *Kernel) conclude(verb string, as []Address, errs []error) []error {
	bad := 0
	for i, err := range errs {
		if err == nil {
			continue
		}
		bad++
		hint := ""
		switch {
		case errors.Is(err, unix.EPERM):
			hint = " (needs CAP_NET_ADMIN)"
		case errors.Is(err, unix.EACCES) && as[i].Prefix.Addr().Is6():
			hint = " (is IPv6 disabled there?)"
		}
		errs[i] = fmt.Errorf("%s address %s: %w%s", verb, as[i], err, hint)
	}
	if bad == 0 {
		return nil
	}
	k.log.Debug("addresses that could not be changed", "verb", verb, "bad", bad, "all", len(as))
	return errs
}

// Leftovers returns the addresses in the namespace that carry our mark, whichever process installed them. On a kernel
// before 5.18 there are none: use [Recorded] beside it.
func (k *Kernel) Leftovers() ([]Address, error) {
	links, err := k.Links()
	if err != nil {
		return nil, err
	}
	return Marked(links), nil
}

// Links reads all links with their addresses.
func (k *Kernel) Links() ([]LinkState, error) {
	t, err := readLinks(k.route)
	if err != nil {
		return nil, err
	}
	return t.snapshot(), nil
}

// readLinks dumps links and addresses.
func readLinks(r *requester) (linkTable, error) {
	t := linkTable{}
	var ignored differences
	msgs, err := r.dump(rtmGetLink, make([]byte, lengthIfInfoMsg))
	if err != nil {
		return nil, fmt.Errorf("read interfaces: %w", err)
	}
	for _, m := range msgs {
		l, ok, err := parseLink(m)
		if err != nil {
			return nil, fmt.Errorf("read interfaces: %w", err)
		}
		if ok {
			t.link(l, &ignored)
		}
	}
	msgs, err = r.dump(rtmGetAddr, make([]byte, lengthIfAddrMsg))
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	for _, m := range msgs {
		index, a, ok, err := parseAddress(m)
		if err != nil {
			return nil, fmt.Errorf("read addresses: %w", err)
		}
		if ok {
			t.address(index, a, &ignored)
		}
	}
	return t, nil
}

// read dumps the addresses of the families of as[i] for i in todo.
func (k *Kernel) read(as []Address, todo []int) (*neighbourhood, error) {
	var families [2]bool
	for _, i := range todo {
		families[0] = families[0] || as[i].Prefix.Addr().Is4()
		families[1] = families[1] || as[i].Prefix.Addr().Is6()
	}
	n := &neighbourhood{map[Address]InterfaceAddr{}, map[Address]worn{}, map[Address]Address{}, map[Address]bool{}}
	for i, family := range []byte{familyIPv4, familyIPv6} {
		if !families[i] {
			continue
		}
		head := [lengthIfAddrMsg]byte{0: family}
		msgs, err := k.route.dump(rtmGetAddr, head[:])
		if err != nil {
			return nil, fmt.Errorf("read addresses: %w", err)
		}
		for _, m := range msgs {
			link, found, w, ok, err := parseDressed(m)
			if err != nil {
				return nil, fmt.Errorf("read addresses: %w", err)
			}
			if ok {
				n.note(Address{found.Prefix, link}, found, w, k.held)
			}
		}
	}
	return n, nil
}
