// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// Hand is a service whose priority is given by hand, with the results of its checks.
type Hand struct {
	Priority uint8 // 255: address owner, whose priority no check changes
	Preempt  bool
	Refuse   bool // it refuses while Active
	Checks   []HandCheck
}

// HandCheck is the last result of one check.
type HandCheck struct {
	OK, Known bool // a check that has not run yet counts as good
	Weight    int  // positive: added while good; negative: added while bad; 0: bad is a fault
	Detail    string
}

// PriorityFault is the priority of a node in fault: it answers for the address, refusing, only while nobody else does.
const PriorityFault = 1

// ByHand decides for a service whose priority is given by hand.
func ByHand(h Hand) Decision {
	d := Decision{Takes: true, Priority: h.Priority, PreemptBelow: PriorityFault + 1, Duty: Serve, Eligible: true, Reasons: []string{"priority by hand"}}
	if h.Preempt {
		d.PreemptBelow = 255
	}
	if h.Refuse {
		d.Duty, d.Eligible, d.Reasons = Refuse, false, []string{"refuses, by the file"}
	}
	sum := int(h.Priority)
	for _, c := range h.Checks {
		good := c.OK || !c.Known
		switch {
		case c.Weight == 0 && !good:
			return Decision{Takes: true, Priority: PriorityFault, Duty: Refuse, Reasons: []string{"fault: " + c.Detail}}
		case h.Priority == 255:
		case c.Weight > 0 && good, c.Weight < 0 && !good:
			sum += c.Weight
			d.Reasons = append(d.Reasons, fmt.Sprintf("%+d: %s", c.Weight, c.Detail))
		}
	}
	if h.Priority != 255 {
		d.Priority = uint8(min(254, max(PriorityFault, sum)))
	}
	return d
}
