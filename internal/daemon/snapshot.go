// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/regent-ha/regent/internal/status"
	"github.com/regent-ha/regent/vrrp"
)

// snapshot is the status of this instant. It runs in the actor.
func (d *Daemon) snapshot() status.Snapshot {
	s := status.Snapshot{
		Version: status.SchemaVersion, Node: d.cfg.Node, Started: d.started,
		Services: make([]status.Service, 0, len(d.routers)), Nodes: []status.Node{},
	}
	states := make(map[vrrp.ID]vrrp.Status, len(d.routers))
	err := d.loop.Do(func(_ vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range d.routers {
			if st, ok := v.Status(r.id); ok {
				states[r.id] = st
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
	s.Global.KernelDrops, s.Global.SendErrors = t.KernelDrops, t.Congested+t.NotReady+t.Refused
	for _, r := range d.routers {
		s.Services = append(s.Services, d.serviceStatus(r, states[r.id]))
	}
	return s
}

func (d *Daemon) serviceStatus(r *router, st vrrp.Status) status.Service {
	v := status.Service{
		Name: r.service.Name, Family: r.vrrp.Family.String(), Interface: r.service.Interface, VirtualRouterID: int(r.vrrp.VRID),
		State: r.state.String(), Duty: string(r.currentDuty()), Priority: int(r.vrrp.Priority), EffectivePriority: int(st.Priority),
		Since: r.since, Reason: r.reason, Mechanism: d.respond.Mechanism(), Checks: []status.Check{},
		Counters: counters(st.Counters),
	}
	for _, p := range r.prefixes {
		v.Addresses = append(v.Addresses, p.String())
	}
	if st.ActiveAddress.IsValid() {
		v.ActiveAddress = st.ActiveAddress.String()
	}
	return v
}

func counters(c vrrp.Counters) status.Counters {
	return status.Counters{
		MasterTransitions: c.MasterTransitions, AdvertisementRcvd: c.AdvertisementRcvd, AdvertisementSent: c.AdvertisementSent,
		IntervalErrors: c.IntervalErrors, PriorityZeroPktsRcvd: c.PriorityZeroPktsRcvd, PriorityZeroPktsSent: c.PriorityZeroPktsSent,
		InvalidTypePktsRcvd: c.InvalidTypePktsRcvd, AddressListErrors: c.AddressListErrors, PacketLengthErrors: c.PacketLengthErrors,
	}
}
