// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"net"
	"net/netip"
	"os/user"
	"slices"
	"strconv"
	"time"

	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/status"
)

// keepalivedState puts together what the file says and what the daemon tells, in keepalived's terms.
func keepalivedState(k keepalivedConf, now status.Snapshot, netifs []dump.Interface) dump.Snapshot {
	c := k.model
	s := dump.Snapshot{Global: keepalivedGlobal(k), Interfaces: netifs}
	services := map[string]*status.Service{}
	for i := range now.Services {
		v := &now.Services[i]
		services[cmp.Or(k.result.Process.Names[v.Name], v.Name)] = v
	}
	results := map[string]status.Check{} // by name: the same check of several services has one result
	for _, v := range now.Services {
		for _, r := range v.Checks {
			results[r.Name] = r
		}
	}
	groups := map[string]string{}
	for _, g := range c.SyncGroups {
		for _, m := range g.Members {
			groups[m.V] = g.Name
		}
	}
	states := map[string]dump.State{}
	watchers := map[string]map[string][]dump.Track{"script": {}, "file": {}, "process": {}, "bfd": {}, "interface": {}}
	vmacs := c.VMACNames()
	for _, v := range c.Instances {
		i := instanceState(k, v, vmacs[v], services[v.Name], netifs)
		i.SyncGroup = groups[v.Name]
		states[v.Name] = i.State
		s.Instances = append(s.Instances, i)
		for kind, list := range map[string][]keepalived.Track{"script": v.Tracks.Scripts, "file": v.Tracks.Files, "process": v.Tracks.Processes,
			"bfd": v.Tracks.BFDs, "interface": v.Tracks.Interfaces} {
			for _, t := range list {
				watchers[kind][t.Name] = append(watchers[kind][t.Name], dump.Track{Name: v.Name, Weight: t.Weight.V.N, Reverse: t.Weight.V.Reverse})
			}
		}
		if !v.DontTrackPrimary.V {
			watchers["interface"][i.Interface] = append(watchers["interface"][i.Interface], dump.Track{Name: v.Name})
		}
	}
	for _, g := range c.SyncGroups {
		s.Groups = append(s.Groups, groupState(k, g, states))
	}
	for _, t := range c.Scripts {
		s.Scripts = append(s.Scripts, scriptState(k, t, results[t.Name], watchers["script"][t.Name]))
	}
	for _, t := range c.TrackFiles {
		s.Files = append(s.Files, dump.File{Name: t.Name, Path: t.File.V, Status: int(results[t.Name].Value), Weight: t.Weight.V.N, Tracking: watchers["file"][t.Name]})
	}
	for _, t := range c.TrackProcesses {
		s.Processes = append(s.Processes, processState(t, results[t.Name], watchers["process"][t.Name]))
	}
	for _, t := range c.BFDs {
		session, up := sessionState(t, now.Sessions)
		s.BFDs = append(s.BFDs, dump.BFD{Name: t.Name, Weight: t.Weight.V.N, Reverse: t.Weight.V.Reverse, Up: up, Tracking: watchers["bfd"][t.Name], Session: session})
	}
	for i := range s.Interfaces {
		s.Interfaces[i].Tracking = watchers["interface"][s.Interfaces[i].Name]
	}
	return s
}

// stateOf is keepalived's word for a state. A router of a running daemon that has not started is what keepalived calls FAULT.
func stateOf(v *status.Service) dump.State {
	switch {
	case v == nil:
		return dump.Init
	case v.State == "active":
		return dump.Master
	case v.State == "backup":
		return dump.Backup
	}
	return dump.Fault
}

// instanceState is one instance: what the file says, then what the daemon tells, if it does. vmac is what the file comes to for the name
// of its VMAC.
func instanceState(k keepalivedConf, v *keepalived.Instance, vmac string, now *status.Service, netifs []dump.Interface) dump.Instance {
	if now != nil {
		vmac = cmp.Or(now.VMACInterface, vmac)
	}
	i := instanceOf(k, v, vmac)
	i.State = stateOf(now)
	i.Wanted = i.State
	if !i.Source.IsValid() {
		i.Source = sourceOf(v, netifs)
	}
	if i.IPv6 {
		for _, n := range netifs {
			if n.Name == i.Interface {
				i.MulticastIndex = n.Index
			}
		}
	}
	if now == nil {
		return i
	}
	i.LastTransition = now.Since
	if i.State != dump.Fault {
		i.EffectivePriority = now.EffectivePriority
		i.TotalPriority = now.EffectivePriority
	} else {
		i.Faults = 1
		i.EffectivePriority = cmp.Or(now.Priority, i.EffectivePriority) // as it was before
	}
	if a, err := netip.ParseAddr(now.ActiveAddress); err == nil && i.State == dump.Backup {
		i.Master = a
	}
	if now.ActivePriority > 0 {
		i.MasterAdvertInterval = seconds(now.ActiveInterval)
	}
	i.MasterPriority = int(now.Statistics.MasterPriority) // of the other node, also while this one is Active
	if now.ActiveDown > 0 {
		i.MasterDown = seconds(now.ActiveDown)
	}
	if i.State == dump.Master {
		i.AddressesSet = true
		for _, list := range [][]dump.Address{i.Addresses, i.Excluded} {
			for j := range list {
				list[j].Set = true
				list[j].Silent = !i.Accept && i.Priority != 255
			}
		}
	}
	if i.VMAC != nil {
		for _, n := range netifs {
			if n.Name == i.VMAC.Name {
				i.VMAC.Up = n.Up
			}
		}
	}
	c := now.Statistics
	i.Counters = dump.Counters{
		AdvertsReceived: c.AdvertRcvd, AdvertsSent: c.AdvertSent, BecameMaster: c.BecomeMaster, ReleasedMaster: c.ReleaseMaster,
		LengthErrors: c.PacketLenErr, TTLErrors: c.IPTTLErr, TypeErrors: c.InvalidTypeRcvd, IntervalErrors: c.AdvertIntervalErr, ListErrors: c.AddrListErr,
		AuthTypeErrors: c.InvalidAuthType, AuthMismatches: c.AuthTypeMismatch, AuthFailures: c.AuthFailure,
		HMACMissing: c.AuthExtMissing, HMACMalformed: c.AuthExtMalformed, HMACUnknownKey: c.AuthExtUnknownKey, HMACInvalid: c.AuthExtInvalidHMAC,
		HMACOld: c.AuthExtStale, HMACReplayed: c.AuthExtReplay, ZeroReceived: c.PriZeroRcvd, ZeroSent: c.PriZeroSent,
	}
	return i
}

// seconds is a number of seconds as a duration.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// sourceOf is the address that adverts come from when the file names none: of IPv6 the link-local one.
func sourceOf(v *keepalived.Instance, netifs []dump.Interface) netip.Addr {
	for _, n := range netifs {
		switch {
		case n.Name != v.Interface.V:
		case v.IPv6:
			return n.IPv6
		default:
			return n.IPv4
		}
	}
	return netip.Addr{}
}

// masterDown is the Active_Down_Interval (RFC 9568 section 6.1).
func masterDown(v *keepalived.Instance) time.Duration {
	skew := v.Interval.V
	if v.Version.V == 2 {
		skew = time.Second
	}
	return time.Duration(v.DownTimerAdverts.V)*v.Interval.V + time.Duration(256-v.Priority.V)*skew/256
}

func groupState(k keepalivedConf, g *keepalived.SyncGroup, states map[string]dump.State) dump.Group {
	out := dump.Group{Name: g.Name, Weights: g.Weights.V, Mail: g.Notify.Mail.V, Notify: notifyOf(k, &g.Notify), TrackScripts: tracksOf(k, g.Tracks.Scripts)}
	out.State = dump.Master
	for _, m := range g.Members {
		out.Members = append(out.Members, m.V)
		switch states[m.V] {
		case dump.Fault:
			out.Fault++
		case dump.Init:
			out.Init++
		case dump.Backup:
			out.State = dump.Backup
		case dump.Master:
		}
	}
	switch {
	case out.Fault > 0:
		out.State = dump.Fault
	case out.Init > 0:
		out.State = dump.Init
	}
	return out
}

func scriptState(k keepalivedConf, t *keepalived.Script, r status.Check, watchers []dump.Track) dump.Script {
	s := dump.Script{Name: t.Name, Command: *commandOf(k, t.Script.V), Interval: t.Interval.V, Weight: t.Weight.V.N, Reverse: t.Weight.V.Reverse,
		Rise: t.Rise.V, Fall: t.Fall.V, InitFailed: t.InitFail.V, Good: r.OK, Tracking: watchers}
	if t.Readable.V != "" {
		s.Args = []string{"<" + t.Readable.V}
	}
	if t.Timeout.IsSet() {
		s.Timeout = t.Timeout.V
	}
	if r.OK {
		s.Result = s.Rise + s.Fall - 1
	}
	return s
}

func processState(t *keepalived.TrackProcess, r status.Check, watchers []dump.Track) dump.Process {
	p := dump.Process{Name: t.Name, Current: int(r.Value), Min: t.Quorum.V, Max: max(t.QuorumMax.V, 0), Quorum: r.OK, Weight: t.Weight.V.N, Reverse: t.Weight.V.Reverse,
		TerminateDelay: t.TerminateDelay.V, ForkDelay: t.ForkDelay.V, FullCommand: t.FullCommand.V, Tracking: watchers,
		Match: map[keepalived.ParamMatch]string{keepalived.MatchExact: "exact", keepalived.MatchPartial: "partial", keepalived.MatchInitial: "initial"}[t.Match.V]}
	if n := t.Process.V; len(n) > 0 {
		p.Command = n[0]
		if len(n) > 1 {
			p.Parameters = dump.Quote(n[1:])
		}
	}
	return p
}

// links are this machine's interfaces, with the first address of each family that is not a virtual one.
func links(c *keepalived.Config) []dump.Interface {
	virtual := map[netip.Addr]bool{}
	for _, v := range c.Instances {
		for _, a := range slices.Concat(v.Addresses, v.Excluded) {
			virtual[a.Prefix.Addr()] = true
		}
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []dump.Interface
	for _, l := range all {
		n := dump.Interface{Name: l.Name, Index: l.Index, MTU: l.MTU, Up: l.Flags&net.FlagUp != 0, Running: l.Flags&net.FlagRunning != 0,
			Loopback: l.Flags&net.FlagLoopback != 0, Multicast: l.Flags&net.FlagMulticast != 0}
		if len(l.HardwareAddr) > 0 {
			n.MAC, n.Broadcast = l.HardwareAddr.String(), "ff:ff:ff:ff:ff:ff"
		}
		addrs, err := l.Addrs()
		if err != nil {
			continue // it went away
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			switch {
			case err != nil, virtual[p.Addr().WithZone("")]:
			case p.Addr().Is4() && !n.IPv4.IsValid():
				n.IPv4 = p.Addr()
			case p.Addr().IsLinkLocalUnicast() && !n.IPv6.IsValid():
				n.IPv6 = p.Addr().WithZone("")
			}
		}
		out = append(out, n)
	}
	return out
}

// idsOf are the numbers of whom a script runs as.
func idsOf(k keepalivedConf, u keepalived.User) (uid, gid int) {
	if u.Name == "" {
		u = k.model.Global.ScriptUser.V
	}
	if u.Name == "" {
		return 0, 0
	}
	found, err := user.Lookup(u.Name)
	if err != nil {
		return number(u.Name), number(u.Group)
	}
	uid, gid = number(found.Uid), number(found.Gid)
	if u.Group != "" {
		if g, err := user.LookupGroup(u.Group); err == nil {
			gid = number(g.Gid)
		} else {
			gid = number(u.Group)
		}
	}
	return uid, gid
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
