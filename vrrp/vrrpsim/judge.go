// SPDX-License-Identifier: Apache-2.0

package vrrpsim

import (
	"fmt"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Judge holds a cluster to the invariants. It is the cluster's [Observer]; whoever drives the cluster says when it is quiet.
type Judge struct {
	c       *Cluster
	failure *Failure

	beats    [][]beat      // by node and ID-1
	slept    [][]snapshot  // of nodes that are paused
	released [][]vrrp.Time // until when a node that released waits for its heir

	quiet   bool
	since   vrrp.Time
	settled vrrp.Time // from here on nothing changes
	group   []int
	silence [][]silence // by group and ID-1
}

// snapshot is what a virtual router was when its node was paused.
type snapshot struct {
	state    vrrp.State
	down     time.Duration
	interval time.Duration
}

// silence is the time without a holder in a group of nodes.
type silence struct {
	judged bool // somebody has to hold it
	since  vrrp.Time
	silent bool
	most   time.Duration
	why    Invariant
}

// NewJudge watches a cluster whose services and nodes are complete.
func NewJudge(c *Cluster) *Judge {
	j := &Judge{c: c, settled: vrrp.Never, group: make([]int, len(c.Nodes))}
	for range c.Nodes {
		j.beats = append(j.beats, make([]beat, c.Routers()))
		j.slept = append(j.slept, make([]snapshot, c.Routers()))
		j.released = append(j.released, make([]vrrp.Time, c.Routers()))
		j.silence = append(j.silence, make([]silence, c.Routers()))
	}
	c.Observer = j
	return j
}

// Failure is the first invariant that did not hold; nil if all did.
func (j *Judge) Failure() *Failure { return j.failure }

func (j *Judge) fail(i Invariant, format string, args ...any) {
	if j.failure == nil {
		j.failure = &Failure{Seed: j.c.Seed, Invariant: i, At: j.c.now, Text: fmt.Sprintf(format, args...), Tail: j.c.Tail()}
	}
}

// Called judges one call into a core.
func (j *Judge) Called(n *Node, call *Call) {
	if call.Kind == CallReceive && call.Frame.Bad {
		j.judgeBad(n, call)
	}
	if call.Slept > 0 {
		j.judgeWaking(n, call)
	}
	j.judgeBeat(n, call)
	j.judgeGroups(n)
	for i := range call.Actions {
		a := &call.Actions[i]
		switch a.Kind {
		case vrrp.Enter:
			if j.quiet && j.c.now > j.settled {
				i := Steady
				if a.To == vrrp.Active {
					i = OneActive
				}
				j.fail(i, "%s of %s became %s (%s), %s after everything had settled", j.c.name(a.ID), n, a.To, a.Reason, j.c.now.Sub(j.settled))
			}
			if a.To == vrrp.Initialize {
				j.released[n.Index][a.ID-1] = call.Now.Add(n.Status(a.ID).ActiveDownInterval)
			}
			j.judgeSilence(n, a.ID)
		case vrrp.Inherited:
			j.judgeInherited(n, call, a)
			j.judgeSilence(n, a.ID)
		case vrrp.SendAdvert, vrrp.Announce, vrrp.Discarded, vrrp.Suspect, vrrp.Rival:
		}
	}
}

// Changed takes note of a node's new condition.
func (j *Judge) Changed(n *Node) {
	for i := range j.c.Routers() {
		id := vrrp.ID(i + 1)
		j.beats[n.Index][i].valid = false
		if n.condition == Paused {
			s := n.Status(id)
			j.slept[n.Index][i] = snapshot{s.State, s.ActiveDownInterval, n.configs[i].Interval}
		}
		j.judgeSilence(n, id)
	}
}

// judgeBad: a bad packet changes nothing.
func (j *Judge) judgeBad(n *Node, call *Call) {
	for _, a := range call.Actions {
		if a.Kind != vrrp.Discarded {
			j.fail(IgnoresBad, "%s: %s acted on a bad packet (from %s, TTL %d, %x): kind %d, to %s", n, j.c.name(a.ID), call.Frame.Source,
				call.Frame.TTL, call.Frame.Message, a.Kind, a.To)
		}
	}
	if d := n.core.Deadline(); d != call.Due {
		j.fail(IgnoresBad, "%s: a bad packet (from %s, TTL %d, %x) moved a deadline by %s", n, call.Frame.Source, call.Frame.TTL,
			call.Frame.Message, d.Sub(call.Due))
	}
}

// judgeWaking: in the round after a long sleep nothing is said, and nobody is Active. When it went to sleep, an Active's
// next advert was due within the interval and a Backup's silence within the Active_Down_Interval; a machine is late when it
// is called another Active_Down_Interval after that.
func (j *Judge) judgeWaking(n *Node, call *Call) {
	for i, s := range j.slept[n.Index] {
		if s.state == vrrp.Initialize {
			continue
		}
		due := s.down
		if s.state == vrrp.Active {
			due = s.interval
		}
		id := vrrp.ID(i + 1)
		limit := due + s.down
		if lead := j.slept[n.Index][j.c.root(id)-1]; lead.state != vrrp.Initialize { // which decides
			limit = max(limit, 2*lead.down)
		}
		if call.Slept <= limit {
			continue
		}
		for _, a := range call.Actions {
			if a.ID == id && a.Kind == vrrp.SendAdvert && a.Priority != vrrp.Release {
				j.fail(ListensFirst, "%s of %s slept %s and sent priority %d at once", j.c.name(id), n, call.Slept, a.Priority)
			}
		}
		if call.Kind == CallExpire && n.Status(id).State == vrrp.Active {
			j.fail(ListensFirst, "%s of %s slept %s, has heard all that waited, and is active", j.c.name(id), n, call.Slept)
		}
	}
}

// judgeInherited: the releasing node stops answering when it heard its heir, or after an Active_Down_Interval.
func (j *Judge) judgeInherited(n *Node, call *Call, a *vrrp.Action) {
	switch {
	case a.Reason == vrrp.ReasonHeir && call.Kind == CallReceive && !call.Frame.Bad && call.Frame.Message[2] != byte(vrrp.Release):
	case a.Reason == vrrp.ReasonTimeout:
		if early := j.released[n.Index][a.ID-1].Sub(call.Now); early > 0 {
			j.fail(HandsOver, "%s of %s stopped waiting for an heir %s before its Active_Down_Interval was over", j.c.name(a.ID), n, early)
		}
	default:
		j.fail(HandsOver, "%s of %s was inherited (%s) without an heir's advert", j.c.name(a.ID), n, a.Reason)
	}
}

// beat is the rhythm of an Active.
type beat struct {
	valid    bool
	origin   vrrp.Time
	count    int64
	interval time.Duration
}

// slack bounds how early an advert may leave to share a wake-up.
func slack(interval time.Duration) time.Duration { return min(interval/50, 5*time.Millisecond) }

// judgeBeat: the n-th advert of an undisturbed Active is n intervals after the first one, on its own clock.
func (j *Judge) judgeBeat(n *Node, call *Call) {
	beats := j.beats[n.Index]
	disturbed := call.Kind == CallOther || call.Slept > 0 || call.Kind == CallReceive && len(call.Frame.Message) > 2 && call.Frame.Message[2] == 0 && !call.Frame.Bad
	if disturbed {
		for i := range beats {
			beats[i].valid = false
		}
	}
	if call.Kind == CallExpire && !disturbed {
		for _, a := range call.Actions {
			if a.Kind == vrrp.SendAdvert && a.Priority != vrrp.Release {
				j.tick(n, call.Now, a.ID)
			}
		}
	}
	for _, a := range call.Actions {
		if a.Kind == vrrp.Enter {
			beats[a.ID-1] = beat{valid: a.To == vrrp.Active, origin: call.Now, interval: n.configs[a.ID-1].Interval}
		}
	}
}

func (j *Judge) tick(n *Node, now vrrp.Time, id vrrp.ID) {
	b := &j.beats[n.Index][id-1]
	interval := n.configs[id-1].Interval
	if !b.valid || b.interval != interval {
		*b = beat{valid: true, origin: now, interval: interval}
		return
	}
	b.count++
	off := now.Sub(b.origin) - time.Duration(b.count)*interval
	if tolerance := n.Options.Latency + slack(interval) + time.Microsecond; off.Abs() > tolerance {
		j.fail(NoDrift, "advert %d of %s of %s is %s off its interval of %s, want at most %s", b.count, j.c.name(id), n, off, interval, tolerance)
	}
}
