// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/vrrpsim"
)

// sim is a whole cluster under a virtual clock: the real protocol core and the real agent on each node, on a network, a
// cluster channel, disks, services and an arbiter that only the simulation moves.
type sim struct {
	*vrrpsim.Cluster
	rng      *rand.Rand
	policy   *policy.Cluster
	services []vrrpsim.Service
	nodes    []*machine
	starting int
	arbiter  bool
	leases   []simLease // by service
	// of the cluster channel
	loss  float64
	delay time.Duration
	// of services
	startFails, stopFails float64

	calm    vrrp.Time // when the last fault was over
	history []string
	wrong   string
	double  []vrrp.Time // by service: since when two serve
	twice   []vrrp.Time // by service: since when two processes run
}

// machine is a host: what outlives its daemon.
type machine struct {
	index     int
	disk      Saved
	lives     int
	processes []bool // by service: it runs here
	broken    []bool // by service: its check fails whatever happens
	brain     *brain // of the daemon that runs; nil when none does
	reaches   bool   // the arbiter
}

// simLease is the arbiter's word on one service, in true time.
type simLease struct {
	holder int // −1: nobody
	end    vrrp.Time
}

// leaseTTL is the arbiter's, and what a client uses of it.
const (
	leaseTTL = 5 * time.Second
	leaseUse = leaseTTL - leaseTTL/10
)

// brain is the daemon of one node: the protocol core with the agent on top.
type brain struct {
	*vrrp.Router
	s         *sim
	m         *machine
	a         *Agent
	inputs    []func(now time.Duration) // while it is paused
	returning map[vrrp.ID]bool
	silent    []bool
	duty      []policy.Duty
	until     []time.Duration
	jobs      []int // by service: number of the last start or stop
	wants     []bool
	heard     []time.Duration
	record    []byte
	acts      []Action
	last      map[int]order
}

// newSim makes a cluster; clocks drift by up to drift parts in a million.
func newSim(seed uint64, c *policy.Cluster, interval time.Duration, arbiter bool, drift int64) *sim {
	s := &sim{Cluster: vrrpsim.New(seed), rng: rand.New(rand.NewPCG(seed, 7)), policy: c, arbiter: arbiter, starting: -1}
	for i := range c.Services {
		s.services = append(s.services, s.AddService(vrrpsim.Service{VRID: vrrp.VRID(i + 1), Families: []vrrp.Family{vrrp.IPv4}, Interval: interval}))
		s.leases = append(s.leases, simLease{holder: -1})
		s.double, s.twice = append(s.double, 0), append(s.twice, 0)
	}
	for i := range c.Nodes {
		rate := vrrpsim.Rate{Offset: vrrp.Time(s.rng.Int64N(int64(time.Hour)))}
		if drift > 0 {
			rate.PPM = s.rng.Int64N(2*drift+1) - drift
		}
		n := s.AddNode(vrrpsim.NodeOptions{Rate: rate, Latency: time.Millisecond})
		for k := range s.services {
			n.Join(s.services[k], vrrpsim.Role{Priority: 1})
		}
		s.nodes = append(s.nodes, &machine{index: i, processes: make([]bool, len(c.Services)), broken: make([]bool, len(c.Services)), reaches: true})
	}
	s.NewCore = func() vrrpsim.Core { return s.boot(s.nodes[s.starting]) }
	s.delay = 2 * time.Millisecond
	return s
}

func (s *sim) note(format string, args ...any) {
	s.history = append(s.history, fmt.Sprintf("%9.3fs ", float64(s.Now())/1e9)+fmt.Sprintf(format, args...))
	if len(s.history) > 250 {
		s.history = s.history[len(s.history)-200:]
	}
}

// fail notes the first thing that went wrong.
func (s *sim) fail(format string, args ...any) {
	if s.wrong == "" {
		s.wrong = fmt.Sprintf("%9.3fs ", float64(s.Now())/1e9) + fmt.Sprintf(format, args...)
	}
}

// boot makes the daemon of a host.
func (s *sim) boot(m *machine) *brain {
	n := s.Nodes[m.index]
	now := time.Duration(n.Now())
	b := &brain{Router: vrrp.NewRouter(), s: s, m: m, returning: map[vrrp.ID]bool{}, silent: make([]bool, len(s.services)),
		duty: make([]policy.Duty, len(s.services)), until: make([]time.Duration, len(s.services)), jobs: make([]int, len(s.services)),
		wants: make([]bool, len(s.services)), heard: make([]time.Duration, len(s.nodes))}
	m.lives++
	m.brain = b
	saved := m.disk
	b.a = New(now, Options{Node: s.policy.Nodes[m.index].Name, Cluster: s.policy, Digest: "x", Arbiter: s.arbiter, Saved: saved,
		Timing: Timing{Prove: 2 * time.Second}})
	for k := range s.services {
		k := k
		s.later(m, time.Duration(s.rng.Int64N(int64(50*time.Millisecond))), func(now time.Duration) { b.check(now, k) })
	}
	s.tick(m)
	return b
}

// tick is what a daemon does each second on its channel: its record as a sign of life, and who is no longer heard.
func (s *sim) tick(m *machine) {
	s.later(m, time.Second, func(now time.Duration) {
		b := m.brain
		b.spread()
		for i := range b.heard {
			if i != m.index && b.heard[i] != 0 && now-b.heard[i] > 2500*time.Millisecond {
				b.a.Present(now, s.policy.Nodes[i].Name, false)
				b.heard[i] = 0
			}
		}
		s.tick(m)
	})
}

// later lets something happen to the daemon of a host, if that is the same life then. A paused one finds it when it wakes.
func (s *sim) later(m *machine, d time.Duration, do func(now time.Duration)) {
	life := m.lives
	s.After(d, func() {
		if m.brain == nil || m.lives != life {
			return
		}
		b := m.brain
		b.inputs = append(b.inputs, do)
		s.Nodes[m.index].Do(func(now vrrp.Time, _ vrrpsim.Core, out []vrrp.Action) []vrrp.Action {
			return b.think(now, len(out), out)
		})
	})
}

func (b *brain) Up(now vrrp.Time, id vrrp.ID, l vrrp.Link, out []vrrp.Action) []vrrp.Action {
	return b.think(now, len(out), b.Router.Up(now, id, l, out))
}

func (b *brain) Down(now vrrp.Time, id vrrp.ID, why vrrp.Reason, out []vrrp.Action) []vrrp.Action {
	return b.think(now, len(out), b.Router.Down(now, id, why, out))
}

func (b *brain) Release(now vrrp.Time, id vrrp.ID, out []vrrp.Action) []vrrp.Action {
	b.a.Stop(time.Duration(now))
	return b.think(now, len(out), b.Router.Release(now, id, out))
}

func (b *brain) Receive(now vrrp.Time, p vrrp.Packet, out []vrrp.Action) []vrrp.Action {
	return b.think(now, len(out), b.Router.Receive(now, p, out))
}

func (b *brain) Expire(now vrrp.Time, out []vrrp.Action) []vrrp.Action {
	return b.think(now, len(out), b.Router.Expire(now, out))
}

func (b *brain) Deadline() vrrp.Time {
	return min(b.Router.Deadline(), vrrp.Time(b.a.Deadline()))
}

// think is the daemon's actor: facts go to the agent, and what it wants is done.
func (b *brain) think(now vrrp.Time, from int, out []vrrp.Action) []vrrp.Action {
	for _, in := range b.inputs {
		in(time.Duration(now))
	}
	b.inputs = b.inputs[:0]
	for {
		for ; from < len(out); from++ {
			out = b.handle(now, out[from], out)
		}
		if time.Duration(now) < b.a.Deadline() {
			return out
		}
		b.acts = b.a.Step(time.Duration(now), b.acts[:0])
		for i := range b.acts {
			out = b.do(now, &b.acts[i], out)
		}
	}
}

// handle takes in an action of the protocol core.
func (b *brain) handle(now vrrp.Time, a vrrp.Action, out []vrrp.Action) []vrrp.Action {
	name := b.s.policy.Services[a.ID-1].Name
	switch a.Kind {
	case vrrp.Enter:
		to := map[vrrp.State]State{vrrp.Initialize: Initialize, vrrp.Backup: Backup, vrrp.Active: Active}[a.To]
		b.s.note("n%d %s is %s: %s", b.m.index, name, to, a.Reason)
		b.a.State(time.Duration(now), name, to, a.Reason == vrrp.ReasonTimeout)
	case vrrp.Inherited:
		if b.returning[a.ID] {
			delete(b.returning, a.ID)
			return b.Router.Up(now, a.ID, b.link(), out)
		}
	case vrrp.SendAdvert, vrrp.Announce, vrrp.Discarded, vrrp.Suspect:
	}
	return out
}

func (b *brain) link() vrrp.Link {
	return vrrp.Link{Interface: 2, Source: netip.AddrFrom4([4]byte{10, 0, 0, byte(b.m.index + 1)})}
}

// do does what the agent wants.
func (b *brain) do(now vrrp.Time, w *Action, out []vrrp.Action) []vrrp.Action {
	s, m := b.s, b.m
	k := s.policy.Service(w.Service)
	id := vrrp.ID(k + 1)
	switch w.Kind {
	case Prefer:
		out = b.Router.SetPriority(now, id, vrrp.Priority(w.Priority), out)
		out = b.Router.SetPreemptBelow(now, id, vrrp.Priority(w.PreemptBelow), out)
	case TakePart:
		if b.silent[k] == !w.Yes {
			break
		}
		b.silent[k] = !w.Yes
		if w.Yes {
			out = b.Router.Up(now, id, b.link(), out)
		} else {
			out = b.Router.Down(now, id, vrrp.ReasonLink, out)
		}
	case HandOver:
		s.note("n%d hands %s over", m.index, w.Service)
		if st, _ := b.Status(id); st.State == vrrp.Active {
			b.returning[id] = true
			out = b.Router.Release(now, id, out)
		}
	case SetDuty:
		b.duty[k], b.until[k] = w.Duty, w.Until
	case Start, Stop:
		b.job(w, k)
	case Want:
		b.wants[k] = true
		s.ask(m, k)
	case Drop:
		b.wants[k] = false
		s.later(m, s.hop(), func(time.Duration) {
			if m.reaches && s.leases[k].holder == m.index && !m.brain.wants[k] {
				s.leases[k].holder = -1
			}
		})
	case Hurry:
		s.later(m, s.hop(), func(now time.Duration) { b.check(now, k) })
	case Publish:
		text, err := policy.AppendRecord(nil, &w.Record)
		if err != nil {
			s.fail("record: %v", err)
		}
		b.record = text
		b.spread()
	case Send:
		s.carry(m.index, s.policy.Node(w.To), w.Message)
	case Save:
		saved, number := w.Saved, w.Number
		s.later(m, time.Duration(1+s.rng.IntN(10))*time.Millisecond, func(now time.Duration) {
			m.disk = saved
			b.a.Durable(now, number, true)
		})
	case Tell:
		s.note("n%d tells %s", m.index, tellText(w.Note))
		if w.Note.Topic == DutyChanged && w.Note.Reason == "" {
			s.fail("n%d: duty of %s changed to %s without a reason", m.index, w.Service, w.Note.To)
		}
	}
	return out
}

func tellText(n Note) string {
	return strings.TrimSpace(fmt.Sprintf("topic %d %s %s %s→%s %s", n.Topic, n.Service, n.Node, n.From, n.To, n.Reason))
}

func (s *sim) hop() time.Duration {
	return s.delay/2 + time.Duration(s.rng.Int64N(int64(s.delay)+1))
}

// job starts or stops a service.
func (b *brain) job(w *Action, k int) {
	s, m, name := b.s, b.m, w.Service
	b.jobs[k]++
	number, start := b.jobs[k], w.Kind == Start
	took := time.Duration(20+s.rng.IntN(400)) * time.Millisecond
	fails := s.rng.Float64() < s.startFails
	if !start {
		fails = s.rng.Float64() < s.stopFails
	}
	s.note("n%d %s %s (fails %t)", m.index, map[bool]string{true: "starts", false: "stops"}[start], name, fails)
	life := m.lives
	s.After(took, func() {
		if m.lives != life || b.jobs[k] != number {
			return // the host is gone, or a stop ended the start
		}
		if !fails {
			m.processes[k] = start
		}
	})
	s.later(m, took+time.Millisecond, func(now time.Duration) {
		failure := ""
		if fails {
			failure = "as the simulation wants"
		}
		if start {
			if b.jobs[k] != number {
				failure = "given up"
			}
			b.a.Started(now, name, failure)
			b.check(now, k)
			return
		}
		b.a.Stopped(now, name, failure)
		b.check(now, k)
	})
}

// check tells the agent how a service is.
func (b *brain) check(now time.Duration, k int) {
	alive := !b.m.broken[k]
	if b.s.policy.Services[k].Control {
		alive = alive && b.m.processes[k]
	}
	b.a.Checked(now, b.s.policy.Services[k].Name, true, alive, "as the simulation wants")
}

// spread sends the record to all others.
func (b *brain) spread() {
	for i := range b.s.nodes {
		if i != b.m.index && b.record != nil {
			b.s.carry(b.m.index, i, b.record)
		}
	}
}

// carry brings something over the cluster channel: it may be late, lost, doubled and out of order. Records that are overtaken
// are dropped, as package cluster does.
func (s *sim) carry(from, to int, what any) {
	if to < 0 || from == to {
		return
	}
	sender := s.nodes[from]
	life, sent := sender.lives, s.Now()
	for range 1 + s.rng.IntN(50)/49 {
		if s.rng.Float64() < s.loss || !s.LAN.Connected(from, to) {
			return
		}
		s.later(s.nodes[to], s.hop(), func(now time.Duration) {
			b := s.nodes[to].brain
			switch what := what.(type) {
			case Message:
				text, err := AppendMessage(nil, what)
				if err == nil {
					what, err = ParseMessage(text)
				}
				if err != nil {
					s.fail("message: %v", err)
				}
				b.a.Message(now, s.policy.Nodes[from].Name, what)
			case []byte:
				k := order{from, life, sent}
				if s.nodes[to].newer(k) {
					r, err := policy.ParseRecord(what)
					if err != nil {
						s.fail("record: %v", err)
					}
					b.heard[from] = now
					b.a.Heard(now, r)
				}
			}
		})
	}
}

// order says which of two records of a node is newer.
type order struct {
	from, life int
	sent       vrrp.Time
}

func (m *machine) newer(k order) bool {
	b := m.brain
	if b.last == nil {
		b.last = map[int]order{}
	}
	was, ok := b.last[k.from]
	if ok && (k.life < was.life || k.life == was.life && k.sent <= was.sent) {
		return false
	}
	b.last[k.from] = k
	return true
}

// ask is a node's request for the lease of a service, and every renewal of it.
func (s *sim) ask(m *machine, k int) {
	b := m.brain
	asked := time.Duration(s.Nodes[m.index].Now())
	again := func(d time.Duration) {
		s.later(m, d, func(time.Duration) {
			if b.wants[k] {
				s.ask(m, k)
			}
		})
	}
	if !m.reaches {
		s.later(m, time.Second, func(now time.Duration) {
			if b.wants[k] && !b.granted(now, k) {
				b.a.Leased(now, s.policy.Services[k].Name, false, 0, "no answer")
			}
		})
		again(time.Second)
		return
	}
	s.later(m, s.hop(), func(time.Duration) { // at the arbiter, then back
		l := &s.leases[k]
		if !b.wants[k] || !m.reaches {
			return
		}
		if l.holder >= 0 && l.end <= s.Now() {
			l.holder = -1
		}
		if l.holder < 0 || l.holder == m.index {
			l.holder, l.end = m.index, s.Now().Add(leaseTTL)
			s.later(m, s.hop(), func(now time.Duration) {
				if b.wants[k] && asked+leaseUse > now {
					b.a.Leased(now, s.policy.Services[k].Name, true, asked+leaseUse, "")
				}
			})
			return
		}
		s.later(m, s.hop(), func(now time.Duration) {
			if b.wants[k] && !b.granted(now, k) {
				b.a.Leased(now, s.policy.Services[k].Name, false, 0, "another node holds it")
			}
		})
	})
	again(leaseTTL / 3)
}

// granted: a lease that was held has not run out yet.
func (b *brain) granted(now time.Duration, k int) bool {
	s := b.a.services[k]
	return s.leased && s.until > now
}

// serves reports whether the kernel of a host lets clients through to a service now, whatever its daemon does.
func (s *sim) serves(m *machine, k int) bool {
	n := s.Nodes[m.index]
	b := m.brain
	if b == nil || !n.Holds(vrrp.ID(k+1)) || n.Condition() == vrrpsim.Off || b.duty[k] != policy.Serve {
		return false
	}
	return b.until[k] == 0 || time.Duration(n.Now()) < b.until[k]
}

// start, crash and kill are a host's.
func (s *sim) start(i int) {
	s.starting = i
	s.note("n%d starts", i)
	s.Nodes[i].Start(0)
}

func (s *sim) crash(i int) {
	s.note("n%d crashes", i)
	s.Nodes[i].Crash()
	s.nodes[i].brain = nil
	s.nodes[i].lives++
	clear(s.nodes[i].processes)
}

func (s *sim) kill(i int) {
	s.note("n%d: worker killed", i)
	s.Nodes[i].Kill()
	s.nodes[i].brain = nil
	s.nodes[i].lives++
}
