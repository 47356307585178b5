// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"math/rand/v2"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Options of [Play].
type Options struct {
	NewCore func() Core  // nil is the real one
	Sink    func(Record) // takes the trace
}

// Result is what a schedule was.
type Result struct {
	Sum         uint64         // equal for equal histories
	Lasted      time.Duration  // of simulated time
	Stretches   int            // quiet ones that were judged
	Elections   uint64         // times that a node became Active
	LateWakeups uint64         // of nodes that run at the end
	Done        map[string]int // what was done, how often
	Failure     *Failure       // nil if all invariants held
}

// Play plays the schedule of a seed.
func Play(seed uint64, o Options) Result {
	p := &player{rng: rand.New(rand.NewPCG(seed, 3)), done: map[string]int{}}
	p.build(seed, o)
	p.history()
	r := Result{Sum: p.c.Sum(), Lasted: time.Duration(p.c.Now()), Stretches: p.stretches, Done: p.done, Failure: p.judge.Failure()}
	for _, n := range p.c.Nodes {
		for i := range p.c.Routers() {
			s := n.Status(vrrp.ID(i + 1))
			r.Elections += s.Counters.MasterTransitions
			r.LateWakeups += s.Counters.LateWakeups
		}
	}
	return r
}

// player makes up a cluster and its history.
type player struct {
	c         *Cluster
	judge     *Judge
	rng       *rand.Rand
	services  []Service
	scale     time.Duration // the smallest interval in play
	largest   time.Duration // the largest one
	group     []int
	stretches int
	done      map[string]int
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// chance is true in percent of the cases.
func (p *player) chance(percent int) bool { return p.rng.IntN(100) < percent }

// upTo is a duration between 0 and d.
func (p *player) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(p.rng.Int64N(int64(d)))
}

// build makes the cluster.
func (p *player) build(seed uint64, o Options) {
	p.c = New(seed)
	p.c.NewCore, p.c.Sink = o.NewCore, o.Sink
	p.scale = pick[time.Duration](p.rng, 10, 10, 20, 50, 100, 200, 500, 1000) * time.Millisecond
	p.largest = p.scale
	l := &p.c.LAN
	l.Delay = 30*time.Microsecond + p.upTo(p.scale/50)
	l.Jitter = p.upTo(min(3*time.Millisecond, p.scale/8))
	l.Garbage = pick(p.rng, 0, 0, 0.05, 0.3)
	l.Duplicate = pick(p.rng, 0, 0, 0.05, 0.3)
	l.Reflect = pick(p.rng, 0, 0, 0.1)
	nodes := 2 + p.rng.IntN(4)
	for range nodes {
		p.c.AddNode(NodeOptions{
			Rate:    Rate{Offset: vrrp.Time(1 + p.rng.Int64N(1e15)), PPM: p.rng.Int64N(601) - 300},
			Latency: p.upTo(min(500*time.Microsecond, p.scale/20)),
			Buffer:  pick(p.rng, 4, 16, 64, 256),
		})
	}
	for i := range 1 + p.rng.IntN(3) {
		p.services = append(p.services, p.addService(vrrp.VRID(51+i)))
	}
	p.groupServices(seed)
	p.judge = NewJudge(p.c)
	p.group = make([]int, nodes)
}

// groupServices makes one sync group of all services, sometimes. Its chance is its own: other histories stay as they are.
func (p *player) groupServices(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	if len(p.services) < 2 || rng.IntN(100) >= 40 {
		return
	}
	p.did("sync group")
	first := p.services[0].first
	for _, n := range p.c.Nodes {
		like := n.configs[first-1]
		for _, s := range p.services {
			r := Role{Priority: like.Priority, PreemptBelow: like.PreemptBelow, PreemptDelay: like.PreemptDelay}
			if n.joined[s.first-1] {
				r.Interval = n.configs[s.first-1].Interval
			}
			if n.joined[first-1] {
				n.Join(s, r)
				continue
			}
			for _, id := range s.IDs() {
				n.joined[id-1] = false
			}
		}
	}
	p.c.AddGroup(p.services...)
}

// addService makes up a service and who takes part in it.
func (p *player) addService(vrid vrrp.VRID) Service {
	s := Service{VRID: vrid, Version: 3, Interval: p.scale * pick[time.Duration](p.rng, 1, 1, 1, 2, 3), Unicast: p.chance(20),
		Checksum: pick(p.rng, vrrp.PseudoHeader, vrrp.MessageOnly)}
	s.Interval = min(s.Interval, time.Second)
	s.Families = pick(p.rng, []vrrp.Family{vrrp.IPv4}, []vrrp.Family{vrrp.IPv6}, []vrrp.Family{vrrp.IPv4, vrrp.IPv6}, []vrrp.Family{vrrp.IPv4, vrrp.IPv6})
	if p.scale == time.Second && len(s.Families) == 1 && s.Families[0] == vrrp.IPv4 && p.chance(60) {
		s.Version = 2
		if p.chance(50) {
			s.Auth = vrrp.Auth{Type: vrrp.AuthPass, Data: [8]byte{'s', 'e', 'c', 'r', 'e', 't'}}
		}
	}
	s = p.c.AddService(s)
	mixed := s.Version == 3 && p.chance(40)
	priorities, edges := p.rng.IntN(4), p.rng.IntN(4)
	delay := time.Duration(0)
	if p.chance(10) {
		delay = p.upTo(10 * s.Interval)
	}
	for i, n := range p.c.Nodes {
		if i >= 2 && p.chance(10) {
			continue // takes no part
		}
		r := Role{Interval: s.Interval, PreemptDelay: delay}
		if mixed {
			r.Interval = p.interval(s)
		}
		p.largest = max(p.largest, r.Interval)
		switch priorities {
		case 0:
			r.Priority = 100
		case 1:
			r.Priority = vrrp.Priority(200 - 20*i)
		default:
			r.Priority = p.priority()
		}
		if priorities == 3 && i == 0 {
			r.Priority = vrrp.Owner
		}
		r.PreemptBelow = []vrrp.Priority{255, 0, p.edge(), p.edge()}[edges]
		n.Join(s, r)
	}
	return s
}

// interval is another interval for a service.
func (p *player) interval(s Service) time.Duration {
	if s.Version == 2 {
		return s.Interval // all have to have the same
	}
	i := min(p.scale*pick[time.Duration](p.rng, 1, 2, 3, 5, 10), time.Second)
	p.largest = max(p.largest, i)
	return i
}

func (p *player) priority() vrrp.Priority {
	return pick(p.rng, 1, 50, 100, 100, 150, 200, 253, 254, vrrp.Priority(1+p.rng.IntN(254)))
}

func (p *player) edge() vrrp.Priority {
	return pick(p.rng, 0, 100, 150, 200, 255, vrrp.Priority(p.rng.IntN(256)))
}

// history is: start, quiet; some times: trouble, quiet, one thing in good order, quiet.
func (p *player) history() {
	for _, n := range p.c.Nodes {
		if p.chance(90) {
			p.c.After(p.upTo(pick(p.rng, time.Millisecond, 4*p.largest)), func() { n.Start(0) })
		}
	}
	p.play(4 * p.largest)
	p.calm()
	for range 1 + p.rng.IntN(3) {
		if p.judge.Failure() != nil {
			return
		}
		if p.chance(80) {
			p.trouble()
			p.calm()
		}
		for range p.rng.IntN(4) {
			p.good()
		}
	}
}

// play plays for some time, or until something fails.
func (p *player) play(d time.Duration) {
	for until := p.c.Now().Add(d); p.judge.Failure() == nil && p.c.Step(until); {
	}
}

// calm repairs the network and judges a quiet stretch.
func (p *player) calm() {
	c := p.c
	c.LAN.Loss = 0
	clear(p.group)
	if p.chance(20) { // a clean split is quiet too
		for i := range p.group {
			p.group[i] = p.rng.IntN(2)
		}
	}
	c.LAN.Partition(p.group)
	for _, n := range c.Nodes {
		if n.condition == Paused && p.chance(80) {
			n.Wake()
		}
		if n.condition == Off && p.chance(60) {
			n.Start(0)
		}
		if n.unplugged && p.chance(70) {
			n.LinkUp()
		}
		for i := range c.Routers() {
			if p.chance(85) && !n.unplugged {
				n.RouterUp(vrrp.ID(i + 1))
			}
		}
	}
	c.Note("quiet, groups %v", p.group)
	p.quiet()
}

// quiet judges a quiet stretch.
func (p *player) quiet() {
	p.stretches++
	p.play(p.judge.Quiet(p.group))
	p.c.Note("settled")
	p.judge.Settled()
	p.play(p.upTo(8 * p.largest))
	p.judge.Rough()
}
