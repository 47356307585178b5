// SPDX-License-Identifier: Apache-2.0

package vrrp

import "fmt"

// Reason says why a machine does something. Its text is what status and logs show.
type Reason uint8

// The reasons.
const (
	ReasonNone           Reason = iota
	ReasonStartup               // the interface can be used
	ReasonOwner                 // priority 255 starts as Active
	ReasonTimeout               // no advert for an Active_Down_Interval
	ReasonReleased              // the Active sent priority 0
	ReasonPreempt               // our priority is above that of the Active
	ReasonHigherPriority        // an advert with a higher priority
	ReasonHigherAddress         // an advert with the same priority from a higher address
	ReasonLate                  // the loop slept longer than the Active_Down_Interval
	ReasonShutdown              // stopped or removed
	ReasonLink                  // the interface is down, gone or without a usable address
	ReasonGroup                 // the IPv4 side of the same service moved
	ReasonHeir                  // after a release: another node is Active
	ReasonRival                 // a second Active lost the election
	ReasonReload                // the configuration changed
	ReasonYield                 // stepping back was asked for
	ReasonSync                  // the sync group moved
)

// String returns the reason in words.
func (r Reason) String() string {
	switch r {
	case ReasonNone:
		return "none"
	case ReasonStartup:
		return "started"
	case ReasonOwner:
		return "owns the address"
	case ReasonTimeout:
		return "no advert from the active node"
	case ReasonReleased:
		return "the active node released the address"
	case ReasonPreempt:
		return "its priority is above that of the active node"
	case ReasonHigherPriority:
		return "a node with a higher priority is active"
	case ReasonHigherAddress:
		return "a node with the same priority and a higher address is active"
	case ReasonLate:
		return "the daemon slept too long"
	case ReasonShutdown:
		return "stopped"
	case ReasonLink:
		return "the interface cannot be used"
	case ReasonGroup:
		return "moves with the IPv4 side"
	case ReasonHeir:
		return "another node is active"
	case ReasonRival:
		return "a second active node lost the election"
	case ReasonReload:
		return "the configuration changed"
	case ReasonYield:
		return "stepped back"
	case ReasonSync:
		return "moves with its sync group"
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}
