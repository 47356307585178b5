// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/vrrp"
)

// play is one schedule: a cluster and a history made from one seed.
type play struct {
	*sim
	interval time.Duration
	faults   int
	nobody   []vrrp.Time // by service: since when nobody answers
	paused   []bool
	// takeovers counts how often a service began to be served
	takeovers int
	was       []bool
}

// variable reads a number from the environment.
func variable(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestSchedules plays clusters whose hosts crash, pause, are cut off and come back, whose records and messages are late, lost
// and stale, whose services fail to start and to stop, whose operators change their minds. REGENT_SIM_SEED plays one seed and
// prints its history, REGENT_SIM_SCHEDULES says how many, REGENT_SIM_FIRST the first.
func TestSchedules(t *testing.T) {
	t.Parallel()
	if seed := variable("REGENT_SIM_SEED", -1); seed >= 0 {
		p := newPlay(uint64(seed))
		p.run()
		t.Log("\n" + strings.Join(p.history, "\n"))
		if p.wrong != "" {
			t.Error(p.wrong)
		}
		return
	}
	first, count := variable("REGENT_SIM_FIRST", 1), variable("REGENT_SIM_SCHEDULES", 10000)
	if testing.Short() {
		count = min(count, 300)
	}
	var next, failed, served atomic.Int64
	var workers sync.WaitGroup
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for failed.Load() < 5 {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				p := newPlay(uint64(first + i))
				p.run()
				served.Add(int64(p.takeovers))
				if p.wrong != "" {
					failed.Add(1)
					mu.Lock()
					t.Errorf("seed %d: %s\nplay it again: REGENT_SIM_SEED=%d go test ./policy/agent -run TestSchedules -v\n%s", first+i, p.wrong, first+i,
						strings.Join(p.history[max(0, len(p.history)-60):], "\n"))
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	if served.Load() < int64(count) {
		t.Errorf("services were performed %d times in %d schedules: the simulation does not do what it is for", served.Load(), count)
	}
	t.Logf("%d schedules, services began to be served %d times", min(int(next.Load()), count), served.Load())
}

func newPlay(seed uint64) *play {
	rng := rand.New(rand.NewPCG(seed, 3))
	chance := func(percent int) bool { return rng.IntN(100) < percent }
	c := &policy.Cluster{Channel: !chance(8), Tolerate: 1, MostFree: chance(30)}
	var names []string
	for i := range 2 + rng.IntN(3) {
		names = append(names, fmt.Sprintf("n%d", i))
		c.Nodes = append(c.Nodes, policy.Node{Name: names[i], Capacity: []int{0, 100, 60}[rng.IntN(3)]})
	}
	for i := range 1 + rng.IntN(3) {
		order := rng.Perm(len(names))
		s := policy.Service{Name: fmt.Sprintf("s%d", i), Owner: names[order[0]], Takeover: policy.Allow, ServeAt: policy.AtInherited, Demand: []int{0, 40, 50}[rng.IntN(3)],
			Failback: policy.FailbackAutomatic, FailbackDelay: 3 * time.Second, FailureThreshold: 3, FailureWindow: 15 * time.Second, Control: chance(60)}
		for _, k := range order[1 : 1+rng.IntN(len(order))] {
			s.Standbys = append(s.Standbys, names[k])
		}
		switch {
		case chance(15):
			s.Takeover = policy.Forbid
		case chance(25):
			s.ServeAt = policy.AtOwn
		}
		if chance(30) {
			s.Failback = []policy.Failback{policy.FailbackManual, policy.FailbackDelayed}[rng.IntN(2)]
		}
		c.Services = append(c.Services, s)
	}
	interval := time.Second
	if chance(20) {
		interval = 100 * time.Millisecond
	}
	p := &play{sim: newSim(seed, c, interval, c.Channel && chance(40), 10000), interval: interval, nobody: make([]vrrp.Time, len(c.Services)), paused: make([]bool, len(names)), was: make([]bool, len(c.Services))}
	p.startFails, p.stopFails = []float64{0, 0.1, 0.3}[rng.IntN(3)], []float64{0, 0, 0.1}[rng.IntN(3)]
	return p
}

// run plays it: troubles, one after the other or at once, then a long calm.
func (p *play) run() {
	for i := range p.nodes {
		p.After(time.Duration(p.rng.Int64N(int64(2*time.Second))), func() { p.start(i) })
	}
	p.until(5 * time.Second)
	for range 3 + p.rng.IntN(6) {
		p.trouble()
		p.until(time.Duration(p.rng.Int64N(int64(8 * time.Second))))
		if p.rng.IntN(4) == 0 {
			p.until(25 * time.Second)
		}
		if p.wrong != "" {
			return
		}
	}
	p.until(20 * time.Second) // what was begun ends
	p.startFails, p.stopFails = 0, 0
	for i, m := range p.nodes {
		clear(m.broken)
		if b := m.brain; b != nil {
			p.do(i, func(now time.Duration) {
				b.a.SetDrained(now, false)
				b.a.Loaded(now, 0, false, "")
				for k := range p.services {
					b.check(now, k)
				}
			})
		}
	}
	p.changed()
	p.until(60 * time.Second)
	p.judgeEnd()
}

// do lets something happen to a daemon now.
func (p *play) do(i int, f func(now time.Duration)) { p.later(p.nodes[i], 0, f) }

// until lets time pass and looks at everything that happens.
func (p *play) until(d time.Duration) {
	end := p.Now().Add(d)
	for p.wrong == "" && p.Step(end) {
		p.judge()
	}
}

// changed: something was done that takes a while to settle.
func (p *play) changed() { p.calm = p.Now() }

// fault begins a trouble that ends after a while.
func (p *play) fault(d time.Duration, format string, args ...any) (end func(func())) {
	text := fmt.Sprintf(format, args...)
	p.note("trouble for %s: %s", d, text)
	p.faults++
	p.changed()
	return func(undo func()) {
		p.After(d, func() {
			p.note("end of: %s", text)
			undo()
			p.faults--
			p.changed()
		})
	}
}

func (p *play) seconds(from, to float64) time.Duration {
	return time.Duration((from + p.rng.Float64()*(to-from)) * float64(time.Second))
}

// trouble does one thing to the cluster.
func (p *play) trouble() {
	i := p.rng.IntN(len(p.nodes))
	m, n := p.nodes[i], p.Nodes[i]
	k := p.rng.IntN(len(p.services))
	name := p.policy.Services[k].Name
	switch p.rng.IntN(13) {
	case 0, 1:
		if m.brain == nil || p.paused[i] {
			return
		}
		end := p.fault(p.seconds(1, 20), "n%d crashed", i)
		p.crash(i)
		end(func() { p.start(i) })
	case 2:
		if m.brain == nil || p.paused[i] {
			return
		}
		end := p.fault(50*time.Millisecond, "n%d: worker died", i)
		p.kill(i)
		end(func() { p.start(i) })
	case 3:
		if m.brain == nil || p.paused[i] {
			return
		}
		end := p.fault(p.seconds(0.1, 9), "n%d paused", i)
		p.paused[i] = true
		n.Pause()
		end(func() { p.paused[i] = false; n.Wake() })
	case 4, 5:
		group := make([]int, len(p.nodes))
		for j := range group {
			group[j] = p.rng.IntN(2)
		}
		side := p.rng.IntN(2)
		end := p.fault(p.seconds(1, 12), "split %v, arbiter with %d", group, side)
		p.LAN.Partition(group)
		for j, m := range p.nodes {
			m.reaches = group[j] == side
		}
		end(func() {
			p.LAN.Heal()
			for _, m := range p.nodes {
				m.reaches = true
			}
		})
	case 6:
		end := p.fault(p.seconds(1, 8), "loss")
		p.LAN.Loss, p.loss = p.rng.Float64()*0.3, p.rng.Float64()*0.6
		end(func() { p.LAN.Loss, p.loss = 0, 0 })
	case 7:
		end := p.fault(p.seconds(1, 12), "no channel")
		p.loss = 1
		end(func() { p.loss = 0 })
	case 8:
		end := p.fault(p.seconds(1, 12), "no arbiter")
		for _, m := range p.nodes {
			m.reaches = false
		}
		end(func() {
			for _, m := range p.nodes {
				m.reaches = true
			}
		})
	case 9:
		end := p.fault(p.seconds(0.5, 12), "%s broken on n%d", name, i)
		tell := func() {
			if m.brain != nil {
				p.do(i, func(now time.Duration) { m.brain.check(now, k) })
			}
		}
		m.broken[k] = true
		tell()
		end(func() { m.broken[k] = false; tell() })
	case 10:
		if m.brain == nil || p.paused[i] {
			return
		}
		yes := p.rng.IntN(2) == 0
		p.note("operator: n%d drained %t", i, yes)
		p.changed()
		p.do(i, func(now time.Duration) { m.brain.a.SetDrained(now, yes) })
	case 11:
		if m.brain == nil || p.paused[i] {
			return
		}
		to := []policy.Takeover{policy.Allow, policy.Allow, policy.Forbid}[p.rng.IntN(3)]
		p.note("operator: takeover of %s %s, on n%d", name, to, i)
		p.changed()
		p.do(i, func(now time.Duration) {
			if _, err := m.brain.a.SetTerms(now, name, to, nil); err != nil {
				p.fail("%v", err)
			}
		})
	case 12:
		if m.brain == nil || p.paused[i] {
			return
		}
		yes := p.rng.IntN(2) == 0
		p.note("n%d overloaded %t", i, yes)
		p.changed()
		p.do(i, func(now time.Duration) { m.brain.a.Loaded(now, 1, yes, "as the simulation wants") })
	}
}

// quiet reports whether there has been no trouble for a while.
func (p *play) quiet(d time.Duration) bool { return p.faults == 0 && p.Now().Sub(p.calm) > d }

// down is more than every Active_Down_Interval.
func (p *play) down() time.Duration { return 4 * p.interval }

// judge holds what is true at every instant.
func (p *play) judge() {
	for k := range p.services {
		svc := &p.policy.Services[k]
		serving, holding, running := 0, 0, 0
		for i, m := range p.nodes {
			if m.processes[k] {
				running++
			}
			if p.Nodes[i].Holds(vrrp.ID(k + 1)) {
				holding++
			}
			if !p.serves(m, k) {
				continue
			}
			serving++
			b := m.brain
			if s := b.a.services[k]; !p.paused[i] && (s.phase != Serving || s.conf.Owner != b.a.o.Node && !allowed(s, b.a.o.Node)) {
				p.fail("n%d serves %s in phase %s, terms %+v", i, svc.Name, s.phase, s.terms)
			}
		}
		now := p.Now()
		switch {
		case serving < 2:
			p.double[k] = 0
		case p.arbiter:
			p.fail("%s is served by %d nodes at once in spite of the arbiter", svc.Name, serving)
		case p.double[k] == 0:
			p.double[k] = now
		case p.quiet(p.down()+time.Second) && now.Sub(p.double[k]) > 100*time.Millisecond:
			p.fail("%s is served by %d nodes for %s, and nothing is wrong", svc.Name, serving, now.Sub(p.double[k]))
		}
		if serving > 0 && !p.was[k] {
			p.takeovers++
		}
		p.was[k] = serving > 0
		if running < 2 {
			p.twice[k] = 0
		} else if p.twice[k] == 0 {
			p.twice[k] = now
			if p.quiet(10*time.Second) && p.policy.Channel {
				p.fail("%s runs on %d nodes at once, and nothing is wrong", svc.Name, running)
			}
		}
		switch {
		case holding > 0:
			p.nobody[k] = 0
		case p.nobody[k] == 0:
			p.nobody[k] = now
		case p.quiet(p.down()+time.Second) && now.Sub(p.nobody[k]) > p.down()+time.Second:
			p.fail("nobody has answered for %s for %s", svc.Name, now.Sub(p.nobody[k]))
		}
	}
}

// allowed: the terms that the node knows let it perform the service.
func allowed(s *service, node string) bool {
	if s.terms == nil {
		return s.conf.Takeover == policy.Allow && slices.Contains(s.conf.Standbys, node)
	}
	return s.terms.Takeover == policy.Allow && slices.Contains(s.terms.Standbys, node)
}

// judgeEnd holds what a long calm must come to.
func (p *play) judgeEnd() {
	if p.wrong != "" {
		return
	}
	for k := range p.services {
		svc := &p.policy.Services[k]
		serving, performing, active := 0, 0, -1
		for i, m := range p.nodes {
			if m.brain == nil {
				p.fail("n%d does not run", i)
				return
			}
			if p.serves(m, k) {
				serving++
			}
			if m.brain.a.services[k].phase == Serving {
				performing++
			}
			if m.brain.a.services[k].state == Active {
				active = i
			}
		}
		if active < 0 {
			p.fail("nobody is active for %s", svc.Name)
			return
		}
		a := p.nodes[active].brain.a
		d := policy.Decide(a.View(), k, active)
		own := svc.ServeAt == policy.AtOwn && svc.Owner != a.o.Node
		switch {
		case len(d.Candidates) == 0 && p.policy.Channel && performing > 0:
			p.fail("%s is performed, and no node may", svc.Name)
		case len(d.Candidates) > 0 && performing != 1:
			p.fail("%s is performed by %d nodes, n%d is active; candidates %v; %s", svc.Name, performing, active, d.Candidates, a.reason(a.services[k]))
		case len(d.Candidates) > 0 && !own && serving != 1:
			p.fail("%s is served by %d nodes; candidates %v; %s", svc.Name, serving, d.Candidates, a.reason(a.services[k]))
		case len(d.Candidates) > 0 && svc.Failback == policy.FailbackAutomatic && d.Candidates[0] == svc.Owner && a.o.Node != svc.Owner:
			p.fail("%s has not gone back to its owner", svc.Name)
		}
		if p.policy.Channel {
			p.judgeMark(a, k)
		}
	}
}

// judgeMark holds that a forbid of the forecast is there while its cause is, and no longer.
func (p *play) judgeMark(a *Agent, k int) {
	name := p.policy.Services[k].Name
	_, mark := policy.InForce(a.View(), k)
	forbid := mark != nil && mark.Forbid
	for _, f := range policy.Forecast(a.View()) {
		switch {
		case !slices.Contains(f.Services, name):
		case f.Placed != nil && forbid:
			p.fail("%s is still forbidden, although it has a place: %+v, mark %+v", name, f, mark)
		case f.Unprotected != nil && !forbid:
			p.fail("%s is unprotected and not forbidden: %+v", name, f)
		}
	}
}
