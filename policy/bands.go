// SPDX-License-Identifier: Apache-2.0

package policy

// Bands of priority. A higher band pre-empts a lower one; within a band nodes follow each other in steps, so that two of
// them rarely tie; a band that is full repeats its last priority, and the address decides.
const (
	PriorityOwner = 250 // the owner, ready

	PriorityStandby     = 240 // the first standby that may perform the service
	standbyStep         = 4
	PriorityStandbyLast = 164

	PriorityRefuser     = 160 // the first node that may only refuse
	refuserStep         = 2
	PriorityRefuserLast = 52

	PriorityDrained = 50 // the first drained node
	drainedStep     = 2

	// ServingEdge is between the band of those that may serve and the band of those that only refuse.
	ServingEdge = 162
)

// step returns the i-th priority of a band.
func step(first, by, last, i int) uint8 { return uint8(max(last, first-by*i)) }
