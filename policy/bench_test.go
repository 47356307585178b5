// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"testing"
)

func BenchmarkForecast(b *testing.B) {
	v := large(200, 500)
	b.ReportAllocs()
	for b.Loop() {
		v.Changed()
		if len(Forecast(v)) == 0 {
			b.Fatal("no forecast")
		}
	}
}

// BenchmarkForecastOfTwoFailures is for failures_to_tolerate = 2.
func BenchmarkForecastOfTwoFailures(b *testing.B) {
	v := large(200, 500)
	v.Cluster.Tolerate = 2
	for i := range v.Cluster.Nodes {
		v.Cluster.Nodes[i].Capacity = 140
	}
	for b.Loop() {
		v.Changed()
		if f := Forecast(v); f[0].Placed == nil {
			b.Fatalf("%+v", f[0])
		}
	}
}

// BenchmarkForecastCrowded is a cluster that has to be searched.
func BenchmarkForecastCrowded(b *testing.B) {
	v := crowd(12, 10, 7, 13, 110).view()
	for b.Loop() {
		v.Changed()
		Forecast(v)
	}
}

func BenchmarkDecideAll(b *testing.B) {
	v := large(200, 500)
	for b.Loop() {
		v.Changed()
		for s := range v.Cluster.Services {
			Decide(v, s, 7)
		}
	}
}

// large is a cluster that is nearly full.
func large(nodes, services int) *View {
	s := scene{tolerate: 1}
	for i := range nodes {
		s.nodes = append(s.nodes, Node{Name: fmt.Sprintf("n%03d", i), Capacity: 100})
	}
	for i := range services {
		svc := Service{Name: fmt.Sprintf("s%03d", i), Owner: fmt.Sprintf("n%03d", i%nodes), Takeover: Allow, Demand: 20 + i%15}
		for k := range 5 {
			svc.Standbys = append(svc.Standbys, fmt.Sprintf("n%03d", (i*7+k*13+1)%nodes))
		}
		s.services = append(s.services, svc)
	}
	return s.view()
}
