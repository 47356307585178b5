// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
)

// Hand is a service whose priority is given by hand, with the results of its checks.
type Hand struct {
	Priority uint8 // 255: address owner, whose priority no check changes
	Preempt  bool
	Refuse   bool // it refuses while Active
	Release  bool // a fault ends its part in the election, which begins with the first results, rather than let it refuse
	Checks   []HandCheck
}

// HandCheck is the last result of one check.
type HandCheck struct {
	OK, Known bool // a check that has not run yet counts as good; with Release it does not count
	// Weight: positive is added while good, negative while bad; 0: bad is a fault. Of a Number, each 1 counts so much; 0: any but
	// 0 is a fault.
	Weight  int
	Reverse bool // a positive weight is taken off while good, a negative one taken off the other way round; 0: good is a fault
	Number  bool // Value counts, rather than OK
	Value   int64
	Detail  string
}

// PriorityFault is the priority of a node in fault: it answers for the address, refusing, only while nobody else does.
const PriorityFault = 1

// ByHand decides for a service whose priority is given by hand. Priorities add up as in keepalived: the sum is held between 1 and
// 254, and numbers of -254 and below are a fault.
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
		if h.Release && !c.Known {
			continue // as keepalived counts
		}
		weight, fault := c.judge()
		switch {
		case fault && h.Release:
			return Decision{Priority: h.Priority, PreemptBelow: d.PreemptBelow, Duty: None, Reasons: []string{"fault: " + c.Detail}}
		case fault:
			return Decision{Takes: true, Priority: PriorityFault, Duty: Refuse, Reasons: []string{"fault: " + c.Detail}}
		case h.Priority == 255 || weight == 0:
			continue
		}
		sum += weight
		d.Reasons = append(d.Reasons, fmt.Sprintf("%+d: %s", weight, c.Detail))
	}
	if h.Waits() {
		return Decision{Priority: h.Priority, PreemptBelow: d.PreemptBelow, Duty: None, Reasons: []string{"its checks have not run yet"}}
	}
	if h.Priority != 255 {
		d.Priority = uint8(min(254, max(PriorityFault, sum)))
	}
	return d
}

// Waits reports whether a service that a fault would end has to wait for the first result of a check that could be one.
func (h Hand) Waits() bool {
	return h.Release && slices.ContainsFunc(h.Checks, func(c HandCheck) bool { return !c.Known && c.Weight == 0 })
}

// Fault reports whether the check ends the service's part in the election.
func (c HandCheck) Fault() bool {
	_, fault := c.judge()
	return fault
}

// judge returns what a check adds to the priority, and whether it is a fault.
func (c HandCheck) judge() (weight int, fault bool) {
	if c.Number {
		return c.count()
	}
	good := c.OK || !c.Known
	switch {
	case c.Weight == 0:
		return 0, c.Known && c.OK == c.Reverse
	case good != (c.Weight > 0):
		return 0, false
	case c.Reverse:
		return -c.Weight, false
	}
	return c.Weight, false
}

// most is the largest sum that a number can add.
const most = 253

// count judges a Number.
func (c HandCheck) count() (weight int, fault bool) {
	if c.Weight == 0 {
		return 0, c.Known && (c.Value != 0) != c.Reverse
	}
	times := int64(c.Weight)
	if c.Reverse {
		times = -times
	}
	value := min(max(c.Value, -most-1), most+1) * times // the factors are small then
	if value < -most {
		return 0, true
	}
	return int(min(value, most)), false
}
