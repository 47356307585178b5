// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math"
	"time"
)

// Limit is a measure with its hysteresis: too much from High up, little enough from Low down.
type Limit struct {
	Name      string
	High, Low float64
}

// Meter judges whether a node is overloaded: when any measure has been at its High or above for the dwell time, until all
// have been at their Low or below for as long.
type Meter struct {
	limits     []Limit
	dwell      time.Duration
	highSince  []time.Duration
	lowSince   time.Duration
	overloaded bool
}

const never = time.Duration(math.MaxInt64)

// NewMeter returns a meter that has seen nothing: not overloaded.
func NewMeter(limits []Limit, dwell time.Duration) *Meter {
	m := &Meter{limits: limits, dwell: dwell, highSince: make([]time.Duration, len(limits)), lowSince: never}
	for i := range m.highSince {
		m.highSince[i] = never
	}
	return m
}

// Sample takes in the values of the limits, in their order, at an instant. A value that could not be measured is NaN and
// changes nothing. why names the measure that turned it, when changed.
func (m *Meter) Sample(now time.Duration, values []float64) (overloaded, changed bool, why string) {
	allLow, blind := true, false
	for i, l := range m.limits {
		v := values[i]
		switch {
		case math.IsNaN(v):
			blind = true
			continue
		case v >= l.High:
			m.highSince[i] = min(m.highSince[i], now)
			if !m.overloaded && now-m.highSince[i] >= m.dwell {
				m.overloaded, changed, why = true, true, fmt.Sprintf("%s %.4g, high mark %.4g", l.Name, v, l.High)
			}
			allLow = false // also where both marks are the same
		default:
			m.highSince[i] = never
		}
		allLow = allLow && v <= l.Low
	}
	switch {
	case !m.overloaded || !allLow:
		m.lowSince = never
	case blind: // what cannot be measured neither begins nor ends it
	default:
		m.lowSince = min(m.lowSince, now)
		if now-m.lowSince >= m.dwell {
			m.overloaded, changed, why, m.lowSince = false, true, "every measure is at its low mark", never
		}
	}
	return m.overloaded, changed, why
}
