// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"time"

	"github.com/regent-ha/regent/conf"
)

// finish is done when all files are read: names are looked up, defaults filled in, and values that cannot go together
// are settled as keepalived settles them.
func (p *parser) finish() {
	p.index()
	p.settleGlobal()
	p.settleGroups()
	for _, i := range p.cfg.Instances {
		p.settleInstance(i)
	}
	p.settleMembers()
	p.settleStatic()
	p.settleClashes()
	p.settlePaces()
	p.settleDelays()
	p.unused()
	if len(p.cfg.Instances) == 0 && len(p.cfg.LVS) > 0 {
		p.note(p.cfg.LVS[0].At, "there is no vrrp_instance: Regent has nothing to do here")
	}
}

// settleInstance fills and checks one instance.
func (p *parser) settleInstance(i *Instance) {
	if !i.VRID.IsSet() {
		p.refuse(i.At, Mistake, "vrrp_instance %s: virtual_router_id must be set, from 1 to 255", i.Name)
	}
	if !i.Interface.IsSet() && (!i.Unicast || !i.Source.IsSet()) {
		p.refuse(i.At, Mistake, "vrrp_instance %s: interface must be set; only unicast with unicast_src_ip goes without", i.Name)
	}
	p.settleVersion(i)
	p.inherit(i)
	p.settlePriority(i)
	p.settleStrict(i)
	p.settlePreemption(i)
	p.settleInterval(i)
	p.settleTransport(i)
	p.settleAuth(i)
	p.settleItems(i)
	p.settleTracks(i)
}

// settleFamily decides the family of an instance and sorts its addresses. The first advertised address decides.
func (p *parser) settleFamily(i *Instance, unicastWord Place) {
	switch {
	case len(i.Addresses) > 0:
		i.IPv6 = i.Addresses[0].Prefix.Addr().Is6()
	case len(i.Peers) > 0:
		i.IPv6 = i.Peers[0].Addr.Is6()
	case i.Source.IsSet():
		i.IPv6 = i.Source.V.Is6()
	case len(i.Excluded) > 0:
		i.IPv6 = i.Excluded[0].Prefix.Addr().Is6()
	default:
		i.IPv6 = p.nativeIPv6
	}
	const most = 255 // the count of an advert has one byte
	var kept, moved []Address
	for _, a := range i.Addresses {
		switch {
		case a.Prefix.Addr().Is6() != i.IPv6:
			p.warn(a.At, "virtual_ipaddress: %s is not of the family of the first; it is taken for virtual_ipaddress_excluded", a.Prefix.Addr())
			moved = append(moved, a)
		case len(kept) == most:
			p.warn(a.At, "virtual_ipaddress: an advert holds %d addresses; %s is taken for virtual_ipaddress_excluded", most, a.Prefix.Addr())
			moved = append(moved, a)
		default:
			kept = append(kept, a)
		}
	}
	i.Addresses = kept
	i.Excluded = append(moved, i.Excluded...)

	var peers []Peer
	for _, peer := range i.Peers {
		if peer.Addr.Is6() != i.IPv6 {
			p.warn(peer.At, "unicast_peer: %s is not of the family of the instance; it is dropped", peer.Addr)
			continue
		}
		peers = append(peers, peer)
	}
	i.Peers = peers
	i.Unicast = len(peers) > 0 || i.FaultNoPeer.V
	if !i.Unicast && unicastWord.IsSet() {
		p.warn(unicastWord, "vrrp_instance %s has a unicast keyword but no unicast_peer: it uses multicast", i.Name)
	}
	if i.Unicast && len(peers) == 0 {
		p.warn(i.FaultNoPeer.At, "vrrp_instance %s has no unicast_peer: it stays in FAULT", i.Name)
	}
	if i.Source.IsSet() && i.Source.V.Is6() != i.IPv6 {
		p.warn(i.Source.At, "%s is not of the family of the instance; the interface's own address is the source", i.Source.V)
		i.Source = Value[netip.Addr]{}
	}
	if i.Group.IsSet() && (i.Group.V.Is6() != i.IPv6 || !i.Group.V.IsMulticast()) {
		p.warn(i.Group.At, "mcast_dst_ip: %s is no multicast address of the family of the instance; it is ignored", i.Group.V)
		i.Group = Value[netip.Addr]{}
	}
}

func (p *parser) settleVersion(i *Instance) {
	fill(&i.Version, p.cfg.Global.Version.V)
	if i.IPv6 && i.Version.V == 2 {
		if i.Version.IsSet() {
			p.warn(i.Version.At, "version 2 knows no IPv6; version 3 is taken")
		}
		i.Version.V = 3
	}
}

// settlePriority settles priority and state, each of which may stand for the other.
func (p *parser) settlePriority(i *Instance) {
	if !i.Priority.IsSet() {
		i.Priority.V = 100
		if i.State.IsSet() && i.State.V == Master {
			p.note(i.State.At, "state MASTER without a priority: 255 is taken, that of the address owner, which no tracker lowers")
			i.Priority.V = 255
		}
	}
	if i.Priority.V == 255 {
		fill(&i.State, Master)
		if i.OwnerIgnoreAdverts.IsSet() && !i.OwnerIgnoreAdverts.V {
			p.note(i.OwnerIgnoreAdverts.At, "owner_ignore_adverts is on for an owner, whatever follows it: keepalived reads it so")
			i.OwnerIgnoreAdverts.V = true
		}
	}
}

// settleStrict takes away what RFC 3768 and 5798 do not know.
func (p *parser) settleStrict(i *Instance) {
	if !i.Strict.V {
		if !i.Accept.IsSet() {
			i.Accept.V = true
		}
		return
	}
	owner := i.Priority.V == 255
	reset := func(set bool, at Place, what string) {
		if set {
			p.warn(at, "vrrp_instance %s: strict mode allows no %s; it is ignored", i.Name, what)
		}
	}
	if len(i.Addresses) == 0 {
		p.refuse(i.At, Mistake, "vrrp_instance %s: strict mode wants an address in virtual_ipaddress", i.Name)
	} else if a := i.Addresses[0]; i.IPv6 && !a.Prefix.Addr().IsLinkLocalUnicast() {
		p.warn(a.At, "vrrp_instance %s: in strict mode the first IPv6 address should be link-local", i.Name)
	}
	if i.Unicast {
		p.warn(i.At, "vrrp_instance %s: strict mode and unicast do not go together: RFC 5798 knows multicast only; turn strict mode off", i.Name)
	}
	if i.State.IsSet() && (i.State.V == Master) != owner {
		p.warn(i.State.At, "vrrp_instance %s: in strict mode state MASTER is the owner's, of priority 255", i.Name)
	}
	i.State.V = Backup
	if owner {
		i.State.V = Master
	}
	reset(i.PreemptDelay.V > 0, i.PreemptDelay.At, "preempt_delay")
	i.PreemptDelay = Value[time.Duration]{}
	reset(i.Accept.IsSet() && i.Accept.V && i.Version.V == 2, i.Accept.At, "accept with version 2")
	if !i.Accept.IsSet() || i.Version.V == 2 {
		i.Accept = Flag{V: owner}
	}
	reset(i.GARP.LowerPrioDelay.IsSet(), i.GARP.LowerPrioDelay.At, "garp_lower_prio_delay")
	reset(i.GARP.LowerPrioRepeat.IsSet(), i.GARP.LowerPrioRepeat.At, "garp_lower_prio_repeat")
	i.GARP.LowerPrioDelay, i.GARP.LowerPrioRepeat = Value[time.Duration]{}, Value[int]{}
	reset(i.LowerPrioNoAdvert.IsSet() && !i.LowerPrioNoAdvert.V, i.LowerPrioNoAdvert.At, "lower_prio_no_advert off")
	i.LowerPrioNoAdvert.V = true
	reset(i.HigherPrioSendAdvert.IsSet() && i.HigherPrioSendAdvert.V, i.HigherPrioSendAdvert.At, "higher_prio_send_advert")
	i.HigherPrioSendAdvert.V = false
	reset(i.TransmitBase.V, i.TransmitBase.At, "vmac_xmit_base")
	i.TransmitBase = Flag{}
	if i.VMAC != nil && i.VMAC.Own {
		reset(true, i.VMAC.At, "address of one's own with use_vmac")
		i.VMAC.Own, i.VMAC.MAC = false, [6]byte{}
	}
	reset(i.DownTimerAdverts.IsSet() && i.DownTimerAdverts.V != 3, i.DownTimerAdverts.At, "down_timer_adverts but 3")
	i.DownTimerAdverts.V = 3
	if i.HMAC != nil && i.HMAC.Mode.V != HMACEnforce {
		p.refuse(i.HMAC.Mode.At, Mistake, "vrrp_instance %s: in strict mode the mode of auth_hmac must be enforce", i.Name)
	}
	if owner {
		i.OwnerIgnoreAdverts.V = true
	}
	if !i.Password.V.IsZero() {
		reset(i.Version.V == 2, i.Password.At, "authentication")
		if i.Version.V == 2 {
			i.Password = Value[conf.Password]{}
		}
	}
}

// settlePreemption settles what an instance does about a master of lower priority.
func (p *parser) settlePreemption(i *Instance) {
	switch {
	case i.NoPreempt.V && i.Priority.V == 255:
		p.warn(i.NoPreempt.At, "vrrp_instance %s: nopreempt cannot be of priority 255; it is ignored", i.Name)
		i.NoPreempt.V = false
	case i.NoPreempt.V && i.State.V == Master:
		p.warn(i.NoPreempt.At, "vrrp_instance %s: nopreempt needs state BACKUP; it is ignored", i.Name)
		i.NoPreempt.V = false
	}
	switch {
	case i.PreemptDelay.V == 0:
	case i.State.V == Master:
		p.warn(i.PreemptDelay.At, "vrrp_instance %s: preempt_delay needs state BACKUP; it is ignored", i.Name)
		i.PreemptDelay.V = 0
	case i.NoPreempt.V:
		p.warn(i.PreemptDelay.At, "vrrp_instance %s: preempt_delay has no meaning with nopreempt; it is ignored", i.Name)
		i.PreemptDelay.V = 0
	}
	if i.TimerExpiredBackup.IsSet() && !i.NoPreempt.V {
		p.warn(i.TimerExpiredBackup.At, "vrrp_instance %s: timer_expired_backup needs nopreempt; it is ignored", i.Name)
		i.TimerExpiredBackup.V = -1
	}
}

// settleInterval rounds advert_int to what the version can say: whole seconds, or centiseconds up to 40.95 s.
func (p *parser) settleInterval(i *Instance) {
	v := &i.Interval
	said := v.V
	if i.Version.V == 2 {
		v.V = max(said.Round(time.Second), time.Second)
	} else {
		const most = 4095 * 10 * time.Millisecond
		v.V = min(max(said.Round(10*time.Millisecond), 10*time.Millisecond), most)
	}
	if v.V != said {
		p.warn(v.At, "vrrp_instance %s: version %d cannot say an interval of %v; %v is taken", i.Name, i.Version.V, said, v.V)
	}
}

// settleTransport settles what depends on unicast.
func (p *parser) settleTransport(i *Instance) {
	if i.Unicast && i.VMAC != nil && !i.Strict.V {
		i.TransmitBase.V = true
	}
	if i.TransmitBase.V && i.VMAC == nil {
		p.warn(i.TransmitBase.At, "vrrp_instance %s: vmac_xmit_base has no meaning without use_vmac", i.Name)
		i.TransmitBase = Flag{}
	}
	if !i.Unicast {
		i.CheckSource = Flag{}
		i.UnicastTTL = Value[int]{V: -1}
	} else if !i.IPv6 && !i.UnicastTTL.IsSet() {
		i.UnicastTTL.V = 255
	}
	if i.TrackSource.V && !i.Source.IsSet() {
		p.warn(i.TrackSource.At, "vrrp_instance %s: track_src_ip has no source address to track", i.Name)
		i.TrackSource = Flag{}
	}
}

// settleAuth settles passwords and trailers.
func (p *parser) settleAuth(i *Instance) {
	if i.Version.V == 3 && !i.Password.V.IsZero() {
		p.warn(i.Password.At, "vrrp_instance %s: version 3 has no authentication; it is ignored", i.Name)
		i.Password = Value[conf.Password]{}
	}
	if h := i.HMAC; h != nil {
		fill(&h.Window, window(i.Interval.V))
		if !i.Password.V.IsZero() {
			p.warn(i.Password.At, "vrrp_instance %s: auth_hmac takes the place of authentication, which is ignored", i.Name)
			i.Password = Value[conf.Password]{}
		}
	}
}

// settleItems fills in what addresses, routes and rules leave to the instance.
func (p *parser) settleItems(i *Instance) {
	if len(i.Addresses) == 0 && !i.NoAddresses.V && !i.Strict.V {
		p.warn(i.At, "vrrp_instance %s has no address in virtual_ipaddress: say no_virtual_ipaddress if that is meant", i.Name)
	}
	for _, list := range [][]Address{i.Addresses, i.Excluded} {
		p.fillDev(list, i.Interface.V)
		for k := range list {
			list[k].VMAC = list[k].VMAC || i.VMACAddresses.V
		}
	}
	p.untracked(i.Routes, i.Rules)
}

func (p *parser) fillDev(list []Address, dev string) {
	for k := range list {
		if list[k].Dev == "" {
			list[k].Dev, list[k].ImpliedDev = dev, true
		}
	}
}

// untracked names routes whose disappearance nobody would see. What is tracked is known by keepalived's own protocol.
func (p *parser) untracked(routes []Route, rules []Rule) {
	reset := func(protocol *string, loose bool, at Place) {
		if *protocol != "" && !loose {
			p.warn(at, "protocol %s needs no_track: it is left out", *protocol)
			*protocol = ""
		}
	}
	for k := range rules {
		reset(&rules[k].Protocol, rules[k].NoTrack, rules[k].At)
	}
	for k := range routes {
		reset(&routes[k].Protocol, routes[k].NoTrack, routes[k].At)
		if r := &routes[k]; r.Dev == "" && !r.NoTrack {
			p.warn(r.At, "the route to %s names no interface (dev): it is not tracked", r.To)
			r.NoTrack = true
		}
	}
}
