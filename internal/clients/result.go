// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"slices"
)

// Outcome is what became of a client.
type Outcome string

// The outcomes.
const (
	Moved Outcome = "moved on" // it was served at the second address
	Stops Outcome = "stops"    // it ended without having been served
	Hangs Outcome = "hangs"    // it was still trying when the patience of the measurement ended
	Wrong Outcome = "wrong"    // it reached a server that has nothing to do with the service: a fault of Regent
)

// Trial is one takeover and what a client did.
type Trial struct {
	Outcome Outcome
	MS      float64 // from the takeover to the client's end
	Got     Got     // what it got at the first address
	Said    string  // what it printed
}

// Result is what a client does about one answer.
type Result struct {
	Answer  string    `json:"answer"` // value in [service.respond]; [Default]
	Got     Got       `json:"got"`
	Outcome Outcome   `json:"outcome"` // the worst of the runs
	Moved   int       `json:"moved"`   // runs in which it moved on
	Runs    []float64 `json:"runs_ms"` // from the takeover to the client's end
	Median  float64   `json:"median_ms"`
	Max     float64   `json:"max_ms"`
	Said    string    `json:"said,omitempty"` // printed in the first run that did not move on; of a held client, in the first
}

// Summary makes a result of trials, of which there is at least one.
func Summary(answer string, trials []Trial) Result {
	r := Result{Answer: answer, Got: trials[0].Got, Outcome: Moved}
	for _, t := range trials {
		r.Runs = append(r.Runs, t.MS)
		if t.Outcome == Moved {
			r.Moved++
		} else if r.Said == "" {
			r.Said = t.Said
		}
		if severity(t.Outcome) > severity(r.Outcome) {
			r.Outcome, r.Got = t.Outcome, t.Got
		}
	}
	sorted := slices.Sorted(slices.Values(r.Runs))
	r.Max = sorted[len(sorted)-1]
	r.Median = sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		r.Median = (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
	}
	return r
}

func severity(o Outcome) int { return slices.Index([]Outcome{Moved, Stops, Hangs, Wrong}, o) }

// Row is everything that was measured of one client.
type Row struct {
	Client      string   `json:"client"`
	How         string   `json:"knows"`
	Note        string   `json:"note,omitempty"` // why it does so
	Version     string   `json:"version"`
	Port        string   `json:"port"`
	Server      string   `json:"server"`
	Undisturbed float64  `json:"undisturbed_ms"` // median of the client's time when nothing is lost
	Results     []Result `json:"results"`        // the default answer first
	Configure   []string `json:"configure"`      // the answers that move it soonest; none does if empty
}

// Differences in time, in ms.
const (
	near  = 50   // is as good for one client
	worth = 1000 // is reason enough to have a port say something else than the default
)

// best returns the answers that move a client in every run, without those that are slower by more than near.
func best(results []Result) []string {
	var all []string
	soonest := -1.0
	for _, r := range results {
		if r.Outcome == Moved && (soonest < 0 || r.Median < soonest) {
			soonest = r.Median
		}
	}
	for _, r := range results {
		if r.Outcome == Moved && r.Median <= soonest+near {
			all = append(all, r.Answer)
		}
	}
	return all
}

// PortAdvice is the answers of a port, each with the clients that it does not move.
type PortAdvice struct {
	Port    string
	Answers []string
	Stays   map[string][]string // answer → labels of clients
	Slowest map[string]float64  // answer → the highest median of those that moved, ms
}

// Advise gathers rows by port, in their order.
func Advise(rows []Row) []PortAdvice {
	var ports []PortAdvice
	for _, row := range rows {
		i := slices.IndexFunc(ports, func(p PortAdvice) bool { return p.Port == row.Port })
		if i < 0 {
			i = len(ports)
			ports = append(ports, PortAdvice{Port: row.Port, Stays: map[string][]string{}, Slowest: map[string]float64{}})
		}
		p := &ports[i]
		for _, r := range row.Results {
			if !slices.Contains(p.Answers, r.Answer) {
				p.Answers = append(p.Answers, r.Answer)
			}
			if r.Outcome != Moved {
				p.Stays[r.Answer] = append(p.Stays[r.Answer], row.Client+" by "+row.How)
				continue
			}
			p.Slowest[r.Answer] = max(p.Slowest[r.Answer], r.Median)
		}
	}
	return ports
}

// Choice is the answer that leaves the fewest clients behind, and of several such the default, unless another one moves the
// slowest of them so much sooner that it is worth it.
func (p PortAdvice) Choice() string {
	choice := p.Answers[0]
	for _, a := range p.Answers[1:] {
		fewer := len(p.Stays[a]) - len(p.Stays[choice])
		if fewer < 0 || fewer == 0 && p.Slowest[a]+worth < p.Slowest[choice] {
			choice = a
		}
	}
	return choice
}
