// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"time"

	"github.com/mdlayher/netlink"
)

const (
	// usableLimit is how long an IPv6 address is waited for. The kernel needs far less, unless it is very busy.
	usableLimit = 250 * time.Millisecond
	// usableFirst and usableMost bound the time between two looks.
	usableFirst = 50 * time.Microsecond
	usableMost  = 2 * time.Millisecond
	// usableALook is how many addresses are asked about at once: the kernel reserves up to 8 KiB for each answer.
	usableALook = 32
)

// awaitUsable waits until the IPv6 addresses among those that were just added answer, but not for ever.
//
// Even without duplicate address detection the kernel completes an IPv6 address behind the back of whoever adds it
// (addrconf_dad_work): only then it joins the group in which neighbours ask for the address, and only then the address
// is local. A client that hears of the address before, and comes at once, is not answered, and comes again only a second
// later. So no address is announced before its local route is there.
func (k *Kernel) awaitUsable(as []Address, errs []error) {
	var waiting []Address
	for i, a := range as {
		if a.Prefix.Addr().Is6() && (errs == nil || errs[i] == nil) && !k.slow(a) {
			waiting = append(waiting, a)
		}
	}
	limit := time.NewTimer(usableLimit)
	defer limit.Stop()
	for pause := usableFirst; ; pause = min(2*pause, usableMost) {
		waiting = k.unusable(waiting)
		if len(waiting) == 0 {
			return
		}
		select {
		case <-time.After(pause):
		case <-limit.C:
			k.log.Warn("the kernel is slow to complete IPv6 addresses", "missing", len(waiting), "after", usableLimit)
			return
		}
	}
}

// unusable returns those of the addresses to which there is no local route yet.
func (k *Kernel) unusable(as []Address) []Address {
	var left []Address
	for len(as) > 0 {
		part := as[:min(len(as), usableALook)]
		as = as[len(part):]
		msgs := make([]netlink.Message, len(part))
		for i, a := range part {
			msgs[i] = netlink.Message{
				Header: netlink.Header{Type: rtmGetRoute, Flags: netlink.Request},
				Data:   routeQuestion(a),
			}
		}
		local := make([]bool, len(part))
		err := k.route.query(msgs, func(i int, data []byte) { local[i] = isLocalRoute(data) })
		if err != nil {
			k.log.Debug("routes to new addresses cannot be read", "error", err)
		}
		for i, a := range part {
			if !local[i] {
				left = append(left, a)
			}
		}
	}
	return left
}
