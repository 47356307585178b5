// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"time"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/policy/agent"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// leastPause is between two thoughts that nothing but the time asks for.
const leastPause = time.Millisecond

// clock is the agent's: CLOCK_BOOTTIME, like the protocol's.
func clock() time.Duration { return time.Duration(transport.Now()) }

// think lets the agent do what is due, and does what it asks for.
func (d *Daemon) think() {
	now := clock()
	if now < d.mind.Deadline() {
		return
	}
	d.wishes = d.mind.Step(now, d.wishes[:0])
	var elections, handing []*router
	for i := range d.wishes {
		switch w := &d.wishes[i]; w.Kind {
		case agent.Prefer:
			p := d.preferences[w.Service]
			p.priority, p.preemptBelow = w.Priority, w.PreemptBelow
			d.preferences[w.Service] = p
			elections = append(elections, d.routersOf(w.Service)...)
		case agent.TakePart:
			p := d.preferences[w.Service]
			p.takes = w.Yes
			d.preferences[w.Service] = p
			elections = append(elections, d.routersOf(w.Service)...)
		case agent.HandOver:
			handing = append(handing, d.routersOf(w.Service)...)
		case agent.SetDuty:
			d.setDuty(w.Service, duty(w.Duty), w.Until)
		default:
			d.wish(w)
		}
	}
	d.prefer(unique(elections))
	d.handOver(handing)
	d.alarm.Reset(max(leastPause, d.mind.Deadline()-clock()))
}

// wish does what has nothing to do with elections and addresses.
func (d *Daemon) wish(w *agent.Action) {
	switch w.Kind {
	case agent.Start, agent.Stop:
		d.startOrStop(w)
	case agent.Want:
		d.lessor.Want(w.Service)
	case agent.Drop:
		d.lessor.Drop(w.Service)
	case agent.Hurry:
		d.checks.Hurry(w.Service)
	case agent.Publish:
		d.publish(&w.Record)
	case agent.Send:
		d.send(w.To, w.Message)
	case agent.Save:
		d.store.save(w.Number, w.Saved)
	case agent.Tell:
		d.tell(w.Note)
	case agent.Prefer, agent.TakePart, agent.HandOver, agent.SetDuty: // see think
	}
}

// startOrStop starts or stops a service; the agent hears how it went.
func (d *Daemon) startOrStop(w *agent.Action) {
	name := w.Service
	s := d.service(name)
	start := w.Kind == agent.Start
	told := func(err error) {
		failure := ""
		if err != nil {
			failure = err.Error()
		}
		d.post(func() {
			if start {
				d.mind.Started(clock(), name, failure)
			} else {
				d.mind.Stopped(clock(), name, failure)
			}
		})
	}
	k := d.controls[name]
	if s != nil && s.Control != nil {
		k = s.Control
	}
	switch {
	case k == nil: // it was configured away; what is to be stopped cannot be
		go told(fmt.Errorf("service %q has no control any more", name))
	case start:
		d.controls[name] = k
		d.performer.start(d.life, name, k, told)
	default:
		d.performer.stop(d.life, name, k, told)
	}
}

// routersOf are the virtual routers of a service that stay.
func (d *Daemon) routersOf(service string) []*router {
	var out []*router
	for _, r := range d.routers {
		if r.service.Name == service && !r.leaving {
			out = append(out, r)
		}
	}
	return out
}

// prefer passes priorities on to the loop, and lets routers begin or end taking part.
func (d *Daemon) prefer(rs []*router) {
	if len(rs) == 0 || d.stopping {
		return
	}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range rs {
			p := d.preferences[r.service.Name]
			if p.priority == 0 {
				continue
			}
			r.vrrp.Priority, r.vrrp.PreemptBelow = vrrp.Priority(p.priority), vrrp.Priority(p.preemptBelow)
			out = v.SetPriority(now, r.id, r.vrrp.Priority, out)
			out = v.SetPreemptBelow(now, r.id, r.vrrp.PreemptBelow, out)
		}
		return out
	})
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("set priorities: %v", err))
		return
	}
	var begin []*router
	for _, r := range rs {
		takes := d.preferences[r.service.Name].takes
		if takes == !r.silent {
			continue
		}
		r.silent = !takes
		begin = append(begin, r)
	}
	if len(begin) > 0 {
		d.attachAll(begin)
	}
}

// setDuty changes what is done with the addresses of a service. An address that is not here yet gets its duty with its
// arrival: see apply.
func (d *Daemon) setDuty(service string, to duty, until time.Duration) {
	p := d.preferences[service]
	p.duty = to
	d.preferences[service] = p
	d.moved = true
	var refuse, serve []takeover.Address
	for _, r := range d.routersOf(service) {
		was := r.duty
		r.duty, r.until = to, until
		for a := range r.held {
			switch {
			case !r.guarded:
			case to == dutyServe:
				serve = append(serve, a)
			case was == dutyServe:
				refuse = append(refuse, a)
			}
		}
	}
	if len(serve) > 0 {
		d.closeAddresses() // what takes no packets does not while it is not refused
	}
	if len(serve) > 0 && !d.stopping {
		d.refusal("serve", d.respond.Serve(plain(serve), remaining(until)))
	}
	if len(refuse) > 0 {
		d.refusal("end serving", d.respond.Withdraw(plain(refuse)))
		d.closeAddresses()
		if _, err := d.kernel.DestroySockets(plain(refuse)); err != nil {
			d.o.Log.Warn("connections to a refused address were not all reset", "service", service, "error", err)
		}
	}
}

// remaining is how long until an instant of the agent's clock, as the timeout of a serve element; 0 is without end.
func remaining(until time.Duration) time.Duration {
	if until == 0 {
		return 0
	}
	return max(time.Millisecond, until-clock())
}

// handOver releases services as a planned stop does, and comes back as Backup.
func (d *Daemon) handOver(rs []*router) {
	if d.stopping {
		return
	}
	var give []*router
	for _, r := range rs {
		if r.active() && !r.releasing {
			r.returning = true
			give = append(give, r)
		}
	}
	d.giveUp(give)
}

// comeBack lets routers that handed their addresses over take part again.
func (d *Daemon) comeBack(rs []*router) {
	var back []*router
	for _, r := range rs {
		if r.returning && !r.releasing && !r.leaving && r.link != 0 && !d.stopping {
			r.returning = false
			back = append(back, r)
		}
	}
	if len(back) == 0 {
		return
	}
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range back {
			out = v.Up(now, r.id, vrrp.Link{Interface: r.link, Source: r.source}, out)
		}
		return out
	})
	if err != nil {
		d.o.Log.Error(fmt.Sprintf("take part again: %v", err))
	}
}

// turned tells the agent how a service's virtual routers stand: it is Active as soon as one of them is.
func (d *Daemon) turned(service *conf.Service, silence bool) {
	d.doubts.Settle(service.Name)
	if service.Raw {
		d.showByHand(service)
		return
	}
	state := agent.Initialize
	for _, r := range d.routersOf(service.Name) {
		switch {
		case r.state == vrrp.Active || r.releasing: // it answers until its heir is heard
			state = agent.Active
		case r.state == vrrp.Backup && state == agent.Initialize:
			state = agent.Backup
		}
	}
	d.mind.State(clock(), service.Name, state, silence)
}

// topics are the events of the agent's notes.
var topics = map[agent.Topic]event.ID{
	agent.DutyChanged: event.DutyChanged, agent.StartFailed: event.StartFailed, agent.StopFailed: event.StopFailed,
	agent.NoCandidate: event.NoCandidate, agent.CandidateFound: event.Candidate, agent.Unprotected: event.Unprotected,
	agent.Protected: event.Protected, agent.TermsChanged: event.TermsChanged, agent.Drained: event.Drained,
	agent.Undrained: event.Undrained, agent.Overloaded: event.Overloaded, agent.Relieved: event.Relieved,
	agent.Instructed: event.Instructed, agent.Declined: event.Declined, agent.LeaseDenied: event.LeaseDenied,
	agent.LeaseGranted: event.LeaseGranted, agent.NodeAlive: event.NodeAlive, agent.NodeDead: event.NodeDead,
	agent.ConfigDiffers: event.ConfigDiffers, agent.ConfigAgrees: event.ConfigAgrees, agent.CheckFailed: event.CheckFailed,
	agent.CheckPassed: event.CheckPassed, agent.FailbackDue: event.FailbackDue,
}

// tell reports a note.
func (d *Daemon) tell(n agent.Note) {
	var text string
	var fields []any
	if n.Service != "" {
		fields = append(fields, "service", n.Service)
	}
	if n.Node != "" && n.Node != d.cfg.Node {
		fields = append(fields, "peer_node", n.Node)
	}
	switch n.Topic {
	case agent.DutyChanged:
		text = fmt.Sprintf("%s: duty %s", n.Service, n.To)
		fields = append(fields, "from", string(n.From), "duty", string(n.To))
	case agent.StartFailed:
		text = n.Service + " could not be performed here"
	case agent.StopFailed:
		text = n.Service + " could not be stopped; it counts as performed here until it is"
	case agent.NoCandidate:
		text = n.Service + " is refused: no node may perform it"
	case agent.CandidateFound:
		text = n.Service + ": a node may perform it again"
	case agent.Unprotected:
		text = n.Service + " is unprotected and must not be taken over"
	case agent.Protected:
		text = n.Service + " is protected again"
	case agent.TermsChanged:
		text = n.Service + ": new terms"
	case agent.Drained:
		text = "this node is drained"
	case agent.Undrained:
		text = "this node is no longer drained"
	case agent.Overloaded:
		text = "this node is overloaded"
	case agent.Relieved:
		text = "this node is no longer overloaded"
	case agent.Instructed:
		text = fmt.Sprintf("%s is to be performed by %s", n.Service, n.Node)
	case agent.Declined:
		text = fmt.Sprintf("%s is not performed by %s", n.Service, n.Node)
	case agent.LeaseDenied:
		text = n.Service + ": the arbiter's lease is not held"
	case agent.LeaseGranted:
		text = n.Service + ": the arbiter granted the lease"
	case agent.NodeAlive:
		text = n.Node + " is heard over the cluster channel"
	case agent.NodeDead:
		text = n.Node + " has left the cluster channel or died"
	case agent.ConfigDiffers:
		text = n.Node + " has another configuration"
	case agent.ConfigAgrees:
		text = n.Node + " has the same configuration"
	case agent.CheckFailed:
		text = n.Service + ": its check fails"
	case agent.CheckPassed:
		text = n.Service + ": its check passes"
	case agent.FailbackDue:
		text = n.Service + " goes back to its owner"
	}
	if n.Reason != "" {
		text += ": " + n.Reason
		fields = append(fields, "reason", n.Reason)
	}
	d.report.Report(topics[n.Topic], text, fields...)
}

// activeAndServing reports whether this node performs a service at its address and the loop that defends it is alive.
func (d *Daemon) activeAndServing(service string) bool {
	if d.loopLate() || d.stopping {
		return false
	}
	for _, r := range d.routersOf(service) {
		if r.active() && r.duty == dutyServe {
			return true
		}
	}
	return false
}
