// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math"
	"testing"
)

func TestPrioritiesByHandAddUpAsInKeepalived(t *testing.T) {
	t.Parallel()
	good := func(weight int) HandCheck { return HandCheck{Known: true, OK: true, Weight: weight} }
	bad := func(weight int) HandCheck { return HandCheck{Known: true, Weight: weight} }
	reverse := func(c HandCheck) HandCheck { c.Reverse = true; return c }
	number := func(value int64, weight int) HandCheck {
		return HandCheck{Known: true, OK: true, Number: true, Value: value, Weight: weight}
	}
	for name, c := range map[string]struct {
		priority uint8
		checks   []HandCheck
		want     int // 0: fault
	}{
		"positive weight while good":          {100, []HandCheck{good(20)}, 120},
		"positive weight while bad":           {100, []HandCheck{bad(20)}, 100},
		"negative weight while good":          {100, []HandCheck{good(-20)}, 100},
		"negative weight while bad":           {100, []HandCheck{bad(-20)}, 80},
		"positive reverse while good":         {100, []HandCheck{reverse(good(20))}, 80},
		"positive reverse while bad":          {100, []HandCheck{reverse(bad(20))}, 100},
		"negative reverse while bad":          {100, []HandCheck{reverse(bad(-20))}, 120},
		"negative reverse while good":         {100, []HandCheck{reverse(good(-20))}, 100},
		"no weight while bad":                 {100, []HandCheck{bad(0)}, 0},
		"no weight, reverse, while good":      {100, []HandCheck{reverse(good(0))}, 0},
		"no weight, reverse, while bad":       {100, []HandCheck{reverse(bad(0))}, 100},
		"sums are held below 255":             {200, []HandCheck{good(50), good(50)}, 254},
		"and above 0":                         {10, []HandCheck{bad(-50)}, 1},
		"but only the sum":                    {200, []HandCheck{good(100), bad(-100)}, 200},
		"an owner stays what it is":           {255, []HandCheck{bad(-100)}, 255},
		"an owner faults":                     {255, []HandCheck{bad(0)}, 0},
		"number times weight":                 {100, []HandCheck{number(5, 2)}, 110},
		"number, reverse":                     {100, []HandCheck{reverse(number(5, 2))}, 90},
		"number without weight":               {100, []HandCheck{number(1, 0)}, 0},
		"number 0 without weight":             {100, []HandCheck{number(0, 0)}, 100},
		"number 0 without weight, reverse":    {100, []HandCheck{reverse(number(0, 0))}, 0},
		"a very low number is a fault":        {100, []HandCheck{number(-127, 2)}, 0},
		"not one above it":                    {254, []HandCheck{number(-253, 1)}, 1},
		"a high number is cut":                {1, []HandCheck{number(math.MaxInt64, 254)}, 254},
		"the lowest number does not overflow": {100, []HandCheck{number(math.MinInt64, 254)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := ByHand(Hand{Priority: c.priority, Preempt: true, Release: true, Checks: c.checks})
			if got := int(d.Priority); d.Takes != (c.want > 0) || d.Takes && got != c.want {
				t.Errorf("takes part %v with %d, want %d: %q", d.Takes, got, c.want, d.Reasons)
			}
			d = ByHand(Hand{Priority: c.priority, Checks: c.checks})
			if fault := d.Priority == PriorityFault && d.Duty == Refuse; !d.Takes || fault != (c.want == 0) {
				t.Errorf("that refuses in a fault: %+v", d)
			}
		})
	}
}

func TestServiceThatReleasesInAFaultWaitsForItsFirstResults(t *testing.T) {
	t.Parallel()
	h := Hand{Priority: 100, Release: true, Checks: []HandCheck{{Weight: 5}, {}}}
	if d := ByHand(h); d.Takes || !h.Waits() {
		t.Errorf("takes part before it knows: %+v", d)
	}
	h.Checks[1] = HandCheck{Known: true, OK: true}
	if d := ByHand(h); !d.Takes || d.Priority != 100 || h.Waits() {
		t.Errorf("a check with a weight is waited for, or counts before it has run: %+v", d)
	}
	h.Release, h.Checks[1] = false, HandCheck{}
	if d := ByHand(h); !d.Takes || h.Waits() {
		t.Errorf("one that refuses waits: %+v", d)
	}
}
