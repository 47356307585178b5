// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"math"
	"slices"
)

// Unit of a series: how its numbers are written.
type Unit string

// The units. Times are kept in milliseconds, memory in MiB.
const (
	Milliseconds Unit = "ms"
	Seconds      Unit = "s"
	Mebibytes    Unit = "MiB"
	Count        Unit = ""
	PerSecond    Unit = "/s"
	Microseconds Unit = "µs"
)

// Series is what one program did in one case, each time it was measured.
type Series struct {
	Part     string    `json:"part"`     // "failover"
	Case     string    `json:"case"`     // "SIGTERM at 1s"
	Quantity string    `json:"quantity"` // "client's longest wait"
	Unit     Unit      `json:"unit"`
	Program  string    `json:"program"`
	Samples  []float64 `json:"samples"` // in the order of the rounds
	// More is better; else less is.
	More bool `json:"more,omitempty"`
}

// Summary of a series. Never is the number of samples that never happened (+Inf): they count as the largest.
type Summary struct {
	N                     int
	Min, Median, P99, Max float64
}

// Summarize sorts nothing in place. Of no samples everything is NaN.
func Summarize(samples []float64) Summary {
	s := slices.Sorted(slices.Values(samples))
	if len(s) == 0 {
		return Summary{Min: math.NaN(), Median: math.NaN(), P99: math.NaN(), Max: math.NaN()}
	}
	return Summary{N: len(s), Min: s[0], Median: quantile(s, 0.5), P99: quantile(s, 0.99), Max: s[len(s)-1]}
}

// quantile of sorted samples by the nearest rank, so that every figure is one that was measured.
func quantile(sorted []float64, q float64) float64 {
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// table collects series in the order in which they were first seen.
type table struct{ list []Series }

// add appends a sample to its series.
func (t *table) add(like Series, sample float64) {
	for i := range t.list {
		s := &t.list[i]
		if s.Part == like.Part && s.Case == like.Case && s.Quantity == like.Quantity && s.Program == like.Program {
			s.Samples = append(s.Samples, sample)
			return
		}
	}
	like.Samples = []float64{sample}
	t.list = append(t.list, like)
}

// merge replaces the parts of older results that were measured again.
func merge(old, fresh []Series, order []string) []Series {
	again := map[string]bool{}
	for _, s := range fresh {
		again[s.Part] = true
	}
	out := slices.DeleteFunc(slices.Clone(old), func(s Series) bool { return again[s.Part] })
	out = append(out, fresh...)
	slices.SortStableFunc(out, func(a, b Series) int {
		return cmp.Compare(slices.Index(order, a.Part), slices.Index(order, b.Part))
	})
	return out
}
