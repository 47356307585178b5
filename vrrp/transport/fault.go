// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// ErrClosed is returned by calls on a loop that has ended.
var ErrClosed = errors.New("vrrp loop is closed")

// Fault says that the adverts of a router do not leave, or that they leave again.
type Fault struct {
	ID          vrrp.ID
	At          vrrp.Time
	Destination netip.Addr
	Err         error // nil: the adverts leave again
	Class       Class // of Err
}

// String tells a fault in words.
func (f Fault) String() string {
	if f.Err == nil {
		return fmt.Sprintf("adverts to %s leave again", f.Destination)
	}
	return fmt.Sprintf("send advert to %s: %v (%s)", f.Destination, f.Err, f.Class)
}

// Class says what a send error means.
type Class uint8

// Classes of send errors.
const (
	// Congested: a queue below is full (ENOBUFS, EAGAIN). Tried again soon.
	Congested Class = iota + 1
	// NotReady: the link is down or gone, or the source address is missing or, with IPv6, still tentative. Tried again for as
	// long as the router is attached; whoever watches the interface will attach it anew or detach it.
	NotReady
	// Refused: anything else, such as a firewall (EPERM) or no route to a unicast peer (EHOSTUNREACH). Tried again with
	// the next advert only.
	Refused
)

// String names the class by what can be done about it.
func (c Class) String() string {
	switch c {
	case Congested:
		return "the interface's queue is full"
	case NotReady:
		return "link or source address not ready"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// classify says what an errno of sendmmsg means. A missing source is EINVAL for IPv6 (IPV6_PKTINFO with an address that is absent
// or tentative), and EINVAL or, in newer kernels, ENETUNREACH for IPv4, which is also what IPv4 says of a link that is down.
func classify(errno syscall.Errno) Class {
	switch errno {
	case syscall.ENOBUFS, syscall.EAGAIN, syscall.ENOMEM:
		return Congested
	case syscall.EINVAL, syscall.EADDRNOTAVAIL, syscall.ENETDOWN, syscall.ENODEV, syscall.ENXIO, syscall.ENETUNREACH:
		return NotReady
	}
	return Refused
}

// Back-off of sends that failed but may soon succeed.
const (
	retryFirst = time.Millisecond
	retryLast  = 100 * time.Millisecond
)

// faultInterval is how often at most the fault of one destination is published.
const faultInterval = time.Second
