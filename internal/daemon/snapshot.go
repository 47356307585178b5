// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"net/netip"

	"github.com/regent-ha/regent/internal/status"
	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/vrrp"
	"github.com/regent-ha/regent/vrrp/transport"
)

// snapshot is the status of this instant. It runs in the actor.
func (d *Daemon) snapshot() status.Snapshot {
	s := status.Snapshot{
		Version: status.SchemaVersion, Node: d.cfg.Node, Started: d.started,
		Services: make([]status.Service, 0, len(d.routers)), Nodes: []status.Node{}, Sessions: d.sessionStatus(),
	}
	states := make(map[vrrp.ID]vrrp.Status, len(d.routers))
	counted := make(map[vrrp.ID]vrrp.Statistics, len(d.routers))
	err := d.loop.Do(func(_ vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range d.routers {
			if st, ok := v.Status(r.id); ok {
				states[r.id] = st
				counted[r.id], _ = v.Statistics(r.id)
			}
		}
		g := v.Global()
		s.Global = status.Global{ChecksumErrors: g.ChecksumErrors, VersionErrors: g.VersionErrors, VRIDErrors: g.VRIDErrors,
			TTLErrors: g.TTLErrors, LengthErrors: g.PacketLengthErrors}
		return out
	})
	if err != nil {
		d.o.Log.Warn("status without the protocol's counters", "error", err)
	}
	t := d.loop.Stats()
	s.Global.Lateness = lateness(t)
	s.Global.KernelDrops, s.Global.SendErrors = t.KernelDrops, t.Congested+t.NotReady+t.Refused
	answered := d.answered()
	for _, r := range d.routers {
		v := d.serviceStatus(r, states[r.id])
		v.Statistics = status.Statistics(counted[r.id])
		for _, a := range r.addresses() {
			c := answered[a]
			v.Answered.Resets += c.Resets
			v.Answered.Unreachables += c.Unreachables
			v.Answered.Answers += c.Answers
			v.Answered.Tickles += c.Tickles
		}
		s.Services = append(s.Services, v)
	}
	s.Nodes = d.nodeStatus()
	return s
}

// answered is what clients got instead of a service, by address.
func (d *Daemon) answered() map[netip.Addr]status.Answered {
	all := map[netip.Addr]status.Answered{}
	refused, err := d.respond.Counters()
	if err != nil {
		d.o.Log.Warn("status without the counters of the refusing rules", "error", err)
	}
	for a, c := range refused {
		all[a] = status.Answered{Resets: c.Resets, Unreachables: c.Unreachables}
	}
	if d.speaker != nil {
		for a, c := range d.speaker.Counters() {
			s := all[a]
			s.Resets += c.Resets
			s.Unreachables += c.Unreachables
			s.Answers = c.Answers
			all[a] = s
		}
	}
	if d.tickler != nil {
		for a, n := range d.tickler.Sent() {
			s := all[a]
			s.Tickles = n
			all[a] = s
		}
	}
	return all
}

// nodeStatus is what is known of the nodes.
func (d *Daemon) nodeStatus() []status.Node {
	v := d.mind.View()
	out := []status.Node{}
	for i := range v.Cluster.Nodes {
		n, sight := &v.Cluster.Nodes[i], &v.Sights[i]
		s := status.Node{Name: n.Name, Presence: [...]string{policy.Unknown: "unknown", policy.Alive: "alive", policy.Dead: "dead"}[sight.Presence],
			Alive: sight.Presence == policy.Alive, Capacity: n.Capacity, Performs: []string{}, Duties: map[string]string{}}
		if s.Alive {
			s.Load, s.Overloaded, s.Drained = sight.Record.Load, sight.Record.Overloaded, sight.Record.Drained || n.Maintenance
			for _, st := range sight.Record.Services {
				s.Duties[st.Service] = string(st.Duty)
				if st.Performs {
					s.Performs = append(s.Performs, st.Service)
				}
			}
		}
		out = append(out, s)
	}
	return out
}

func (d *Daemon) serviceStatus(r *router, st vrrp.Status) status.Service {
	v := status.Service{
		Name: r.service.Name, Family: r.vrrp.Family.String(), Interface: r.service.Interface, VirtualRouterID: int(r.vrrp.VRID),
		State: r.state.String(), Duty: string(r.currentDuty()), Priority: int(r.vrrp.Priority), EffectivePriority: int(st.Priority),
		Since: r.since, Reason: r.reason, Mechanism: d.respond.Mechanism(), Checks: []status.Check{},
		Counters: counters(st.Counters), ActiveDown: st.ActiveDownInterval.Seconds(),
	}
	if p, ok := d.mind.Report(r.service.Name); ok {
		v.Protected, v.ForbiddenBy, v.Phase, v.DutyReason = p.Protected, string(p.Forbidden), p.Phase.String(), p.Reason
	} else {
		v.DutyReason = d.preferences[r.service.Name].why
	}
	for i, c := range d.results[r.service.Name] {
		if c != nil {
			v.Checks = append(v.Checks, status.Check{Name: nameOf(d.watched[r.service.Name][i]), OK: c.OK, Since: c.Since, Detail: c.Detail, Value: c.Value})
		}
	}
	if r.service.VMAC {
		v.VMACInterface = r.virtual[r.service.Interface].Name
	}
	for _, p := range r.prefixes {
		v.Addresses = append(v.Addresses, p.String())
	}
	if st.ActiveAddress.IsValid() {
		v.ActiveAddress, v.ActivePriority, v.ActiveInterval = st.ActiveAddress.String(), int(st.ActivePriority), st.ActiveInterval.Seconds()
	}
	return v
}

func counters(c vrrp.Counters) status.Counters {
	return status.Counters{
		MasterTransitions: c.MasterTransitions, AdvertisementRcvd: c.AdvertisementRcvd, AdvertisementSent: c.AdvertisementSent,
		IntervalErrors: c.IntervalErrors, PriorityZeroPktsRcvd: c.PriorityZeroPktsRcvd, PriorityZeroPktsSent: c.PriorityZeroPktsSent,
		InvalidTypePktsRcvd: c.InvalidTypePktsRcvd, AddressListErrors: c.AddressListErrors, PacketLengthErrors: c.PacketLengthErrors,
		AuthenticationErrors: c.AuthErrors, SourceErrors: c.SourceErrors, DestinationErrors: c.DestinationErrors,
	}
}

// lateness is the loop's, as the status has it.
func lateness(t transport.Stats) status.Lateness {
	out := status.Lateness{Counts: t.Lateness.Counts[:], Sum: t.Lateness.Sum.Seconds(), Worst: t.MaxLateness.Seconds()}
	for _, b := range t.Lateness.Bounds() {
		out.Bounds = append(out.Bounds, b.Seconds())
	}
	return out
}
