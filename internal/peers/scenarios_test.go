// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// protocol is a way of speaking VRRP that both daemons of a pair know.
type protocol struct {
	name     string
	version  int
	ipv6     bool
	password string
	unicast  bool
}

// The protocols of the matrix.
var (
	v2        = protocol{name: "v2", version: 2}
	v2Pass    = protocol{name: "v2 PASS", version: 2, password: "secret12"}
	v3        = protocol{name: "v3 IPv4", version: 3}
	v3IPv6    = protocol{name: "v3 IPv6", version: 3, ipv6: true}
	v3Unicast = protocol{name: "v3 unicast", version: 3, unicast: true}
)

// router is what both nodes have in common.
func (p protocol) router() Router {
	r := Router{Interface: "eth0", VRID: 51, Version: p.version, Interval: 200 * time.Millisecond, Password: p.password}
	if p.version == 2 {
		r.Interval = time.Second
	}
	addresses := []string{"10.99.0.100/24"}
	if p.ipv6 {
		addresses = []string{"fe80::99:100/64", "2001:db8:99::100/64"}
	}
	for _, a := range addresses {
		r.Addresses = append(r.Addresses, netip.MustParsePrefix(a))
	}
	return r
}

// scenario is one story that two daemons play.
type scenario struct {
	name      string
	story     string // in words
	byAddress bool   // equal priorities
	// figure is the event whose figures the report shows, and which of them.
	figure string
	column func(Verdict) time.Duration
	means  string // what the figure is
	// fits reports whether the story makes sense in the protocol with that daemon on the high node.
	fits func(p protocol, onHigh string) bool
	play func(s *segment)
}

func silence(v Verdict) time.Duration    { return v.Silence }
func advertiser(v Verdict) time.Duration { return v.Advertiser }

// killed is the scenario after which a daemon's addresses may be left.
const killed = "kill -9"

// What figures mean.
const (
	meansSilence = "from the last advert of the old Active to the first of the new one"
	meansRelease = "from the old Active's priority 0 to the first advert of the new one"
	meansAlone   = "until only the winner advertises"
)

// scenarios are all stories.
func scenarios() []scenario {
	return []scenario{
		{
			name: "cold start", figure: "both start", column: advertiser, means: meansAlone + ", processes' start included",
			story: "both start at once; the higher one is Active",
			play:  coldStart,
		},
		{
			name: "priority 0", figure: "high ends", column: silence, means: meansRelease,
			story: "SIGTERM to the Active; the other follows within its skew time",
			play: func(s *segment) {
				coldStart(s)
				s.expect(Stretch{Event: "high ends", Active: low, Window: s.skew(low) + slack, Released: high}, func() {
					s.check(s.daemons[high].Term())
				})
			},
		},
		{
			name: killed, figure: "high is killed", column: silence, means: meansSilence,
			story: "SIGKILL to all processes of the Active; the other follows after its Active_Down_Interval, not sooner",
			play: func(s *segment) {
				coldStart(s)
				killHigh(s)
			},
		},
		{
			name: "higher returns", figure: "high starts", column: advertiser, means: meansAlone + ", the process's start included",
			story: "a higher priority is started beside the Active and pre-empts it",
			play: func(s *segment) {
				lowAlone(s)
				s.expect(Stretch{Event: "high starts", Active: high, Window: s.down(high) + startup}, func() { s.start(high) })
			},
		},
		{
			name: "no preemption", figure: "low ends", column: silence, means: meansRelease,
			story: "the same without pre-emption: nothing changes, until the Active ends",
			play:  noPreemption,
		},
		{
			name: "equal priority", byAddress: true, figure: "heal", column: advertiser, means: meansAlone,
			story: "equal priorities start on a segment cut in two, which is healed: the higher address stays Active",
			play: func(s *segment) {
				s.change(high, func(r *Router) { r.Priority = s.routers[low].Priority })
				s.pause(linkEvents)
				s.check(s.nodes[high].Cut())
				s.expect(Stretch{Event: "both start apart", Active: low, Window: s.down(low) + startup, Split: true}, func() {
					s.start(high, low)
				})
				heal(s)
			},
		},
		{
			name: "learned interval", figure: "high is killed", column: silence, means: meansSilence,
			story: "the Active advertises each 500 ms, the Backup is configured to 100 ms: it waits, and after SIGKILL takes three of the Active's intervals and a skew",
			fits:  func(p protocol, _ string) bool { return p.version == 3 },
			play: func(s *segment) {
				s.change(high, func(r *Router) { r.Interval = 500 * time.Millisecond })
				s.change(low, func(r *Router) { r.Interval = 100 * time.Millisecond })
				coldStart(s)
				killHigh(s)
			},
		},
		{
			name: "cut and heal", figure: "heal", column: advertiser, means: meansAlone,
			story: "the segment is cut in two, both are Active, and it is healed: the higher priority stays Active",
			play: func(s *segment) {
				coldStart(s)
				s.expect(Stretch{Event: "high is cut off", Active: low, Window: s.down(low) + slack, Split: true}, func() {
					s.check(s.nodes[high].Cut())
				})
				heal(s)
			},
		},
		{
			name: "reload", figure: "low is raised", column: advertiser, means: meansAlone,
			story: "the Backup is given a higher priority while it runs, and pre-empts",
			play: func(s *segment) {
				coldStart(s)
				s.change(low, func(r *Router) { r.Priority = 200 })
				s.expect(Stretch{Event: "low is raised", Active: low, Window: s.down(low) + time.Second}, func() {
					s.check(s.daemons[low].Reload(s.context(), s.routers[low]))
				})
			},
		},
		{
			name: "worker killed", figure: "the worker is killed", column: silence, means: meansRelease,
			story: "SIGKILL to the worker of an Active regent: its supervisor says the farewell, and the restarted worker does not pre-empt",
			fits:  func(_ protocol, onHigh string) bool { return onHigh == "regent" },
			play: func(s *segment) {
				coldStart(s)
				s.expect(Stretch{
					Event: "the worker is killed", Active: low, Window: s.skew(low) + slack, Released: high,
				}, func() {
					s.check(s.daemons[high].(*Regent).SignalWorker(unix.SIGKILL))
				})
			},
		},
	}
}

// noPreemption starts a higher node that leaves a lower Active alone.
func noPreemption(s *segment) {
	s.change(high, func(r *Router) { r.NoPreempt = true })
	lowAlone(s)
	s.expect(Stretch{Event: "high starts", Active: low}, func() {
		s.start(high)
		s.pause(time.Second) // its own Active_Down_Interval begins when it is ready
	})
	s.expect(Stretch{Event: "low ends", Active: high, Window: s.skew(high) + slack, Released: low}, func() {
		s.check(s.daemons[low].Term())
	})
}

// linkEvents is how long the kernel may hold back the news of a new carrier. A bridge that gets them enables the port
// again.
const linkEvents = 1200 * time.Millisecond

// coldStart starts both nodes at once. The one that is quicker to start may be Active for a moment.
func coldStart(s *segment) {
	longest := s.routers[high].DownInterval(max(s.routers[high].Interval, s.routers[low].Interval))
	s.expect(Stretch{Event: "both start", Active: high, Window: longest + startup}, func() { s.start(high, low) })
}

// lowAlone starts the low node and waits until it is Active.
func lowAlone(s *segment) {
	s.expect(Stretch{Event: "low starts", Active: low, Window: s.routers[low].DownInterval(s.routers[low].Interval) + startup},
		func() { s.start(low) })
}

// leases is how long addresses of a killed regent may stay at most.
const leases = 6 * time.Second

// killHigh kills the Active without a farewell. FRR cuts its timers to centiseconds, hence 20 ms too soon are fine.
func killHigh(s *segment) {
	s.expect(Stretch{
		Event: "high is killed", Active: low, Window: s.down(low) + slack, Silence: s.down(low) - 20*time.Millisecond,
	}, func() { s.kill(high) })
	if _, ours := s.daemons[high].(*Regent); ours {
		// Its addresses are leases.
		left := func() bool { return s.watcher.Last().Left[high] == 0 }
		s.Await(leases, "regent's addresses leave the kernel after all its processes were killed", left)
	}
}

// heal joins the halves again, when both are Active. The first advert of the high node decides.
func heal(s *segment) {
	held := len(s.run.Addresses)
	s.Await(s.down(high)+startup, "the node that is cut off becomes Active", func() bool {
		return s.watcher.Last().Held[high] == held
	})
	longest := max(s.routers[high].Interval, s.routers[low].Interval)
	s.expect(Stretch{Event: "heal", Active: high, Window: longest + slack}, func() { s.check(s.nodes[high].Heal()) })
}
