// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Data writes what USR1 asks for: the settings, every instance, sync groups, what is tracked, the interfaces.
func Data(w io.Writer, s Snapshot) error {
	p := &printer{w: w}
	p.global(&s.Global)
	p.line("------< VRRP Topology >------")
	for i := range s.Instances {
		p.instance(&s.Instances[i])
	}
	p.sockets(s.Instances)
	if len(s.Groups) > 0 {
		p.line("------< VRRP Sync groups >------")
	}
	for i := range s.Groups {
		p.group(&s.Groups[i])
	}
	p.trackers(&s)
	p.line("------< Interfaces >------")
	for i := range s.Interfaces {
		p.netif(&s.Interfaces[i])
	}
	return p.err
}

// Parent writes what USR1 asks the parent process for: the settings alone.
func Parent(w io.Writer, g Global) error {
	p := &printer{w: w}
	p.global(&g)
	return p.err
}

func (p *printer) instance(v *Instance) {
	p.line(" VRRP Instance = %s", v.Name)
	p.line("   VRRP Version = %d", v.Version)
	if v.SyncGroup != "" {
		p.line("   Sync group = %s", v.SyncGroup)
	}
	if v.IPv6 {
		p.line("   Using Native IPv6")
	}
	p.line("   State = %s", v.State)
	if v.State == Backup && v.Master.IsValid() {
		p.line("   Master router = %s", v.Master)
		p.line("   Master priority = %d", v.MasterPriority)
		if v.Version == 3 {
			p.line("   Master advert int = %.2f sec", v.MasterAdvertInterval.Seconds())
		}
	}
	p.line("   Flags:")
	if v.Unicast != nil {
		p.line("     Using unicast")
	}
	p.line("   Wantstate = %s", v.Wanted)
	p.line("   Number of config faults = %d", v.ConfigFaults)
	p.line("   Number of interface and track script faults = %d", v.Faults)
	p.line("   Number of track scripts init = %d", v.ScriptsInit)
	p.line("   Last transition = %s", moment(v.LastTransition))
	if v.ReadTimeout.IsZero() {
		p.line("   Read timeout = DISABLED")
	} else {
		p.line("   Read timeout = %s", moment(v.ReadTimeout))
	}
	p.line("   Master down timer = %d usecs", v.MasterDown.Microseconds())
	p.attachment(v)
	p.behaviour(v)
	p.holdings(v)
	p.tracks(v)
	p.line("   Using smtp notification = %s", yesNo(v.Mail))
	p.line("   Notify deleted = %s", map[bool]string{false: "Fault", true: "Deleted"}[v.NotifyDeleted])
	p.notify(&v.Notify)
	p.line("   Notify priority changes = %t", v.PriorityChanges)
}

// attachment is where an instance sends and receives.
func (p *printer) attachment(v *Instance) {
	if m := v.VMAC; m != nil {
		p.line("   Use VMAC, i/f name %s, is_up = %t, xmit_base = %t", m.Name, m.Up, m.TransmitBase)
		base := ""
		if m.TransmitBase {
			base = ", xmit base i/f"
		}
		p.line("   Interface = %s, vmac on %s%s", m.Name, v.Interface, base)
	} else {
		p.line("   Interface = %s", v.Interface)
	}
	if v.DontTrackPrimary {
		p.line("   VRRP interface tracking disabled")
	}
	if v.SkipCheckAdverts {
		p.line("   Skip checking advert IP addresses")
	}
	if v.Strict {
		p.line("   Enforcing strict VRRP compliance")
	}
	from := ""
	if v.SourceConfigured {
		from = " (from configuration)"
	}
	if v.Source.IsValid() {
		p.line("   Using src_ip = %s%s", v.Source, from)
	}
	switch {
	case v.Unicast != nil || !v.Multicast.IsValid():
	case v.IPv6:
		p.line("   Multicast address %s, ifindex %d", v.Multicast, v.MulticastIndex)
	default:
		p.line("   Multicast address %s", v.Multicast)
	}
}

// behaviour is what an instance does and when.
func (p *printer) behaviour(v *Instance) {
	p.line("   Gratuitous ARP delay = %d", seconds(v.GARP.Delay))
	p.line("   Gratuitous ARP repeat = %d", v.GARP.Repeat)
	p.line("   Gratuitous ARP refresh = %d", seconds(v.GARP.Refresh))
	p.line("   Gratuitous ARP refresh repeat = %d", v.GARP.RefreshRepeat)
	p.line("   Gratuitous ARP lower priority delay = %d", seconds(v.GARP.LowerPrioDelay))
	p.line("   Gratuitous ARP lower priority repeat = %d", v.GARP.LowerPrioRepeat)
	p.line("   Down timer adverts = %d", v.DownTimerAdverts)
	p.line("   Send advert after receive lower priority advert = %t", !v.LowerPrioNoAdvert)
	p.line("   Send advert after receive higher priority advert = %t", v.HigherPrioSendAdvert)
	p.line("   Virtual Router ID = %d", v.VRID)
	p.line("   Priority = %d", v.Priority)
	p.line("   Effective priority = %d", v.EffectivePriority)
	p.line("   Total priority = %d", v.TotalPriority)
	if v.Version == 2 && v.AdvertInterval%time.Second == 0 {
		p.line("   Advert interval = %d sec", seconds(v.AdvertInterval))
	} else {
		p.line("   Advert interval = %d milli-sec", v.AdvertInterval.Milliseconds())
	}
	if v.Version == 3 && v.State == Backup && v.Master.IsValid() {
		p.line("   Master advert interval = %d milli-sec", v.MasterAdvertInterval.Milliseconds())
	}
	p.line("   Accept = %s", enabled(v.Accept))
	p.line("   Preempt = %s", enabled(!v.NoPreempt))
	if v.PreemptDelay > 0 {
		p.line("   Preempt delay = %s secs", number(v.PreemptDelay.Seconds()))
	}
	p.line("   Promote_secondaries = %s", enabled(v.PromoteSecondaries))
	switch {
	case v.HMAC:
		p.line("   Authentication type = HMAC")
	case v.Version == 2 && v.Password:
		p.line("   Authentication type = SIMPLE_PASSWORD")
		p.line("   Password = %s", hidden)
	case v.Version == 2:
		p.line("   Authentication type = none")
	}
}

// hidden is what is shown of a secret.
const hidden = "********"

// holdings are addresses, peers, routes and rules.
func (p *printer) holdings(v *Instance) {
	p.line("   Virtual IP (%d):", len(v.Addresses))
	for _, a := range v.Addresses {
		p.line("     %s", a)
	}
	if len(v.Excluded) > 0 {
		p.line("   Virtual IP Excluded :")
	}
	for _, a := range v.Excluded {
		p.line("     %s", a)
	}
	if u := v.Unicast; u != nil {
		p.line("   Unicast TTL = %d", u.TTL)
		p.line("   Check unicast src : %s", yesNo(u.CheckSource))
		p.line("   Unicast Peer :")
		for _, peer := range u.Peers {
			p.line("     %s min_ttl %d max_ttl %d", peer.Address, peer.MinTTL, peer.MaxTTL)
		}
		p.line("   Unicast checksum compatibility = %s", map[bool]string{false: "no", true: "config"}[u.OldChecksum])
	}
	p.line("   fd_in %d, fd_out %d", v.FDIn, v.FDOut)
	p.items("Virtual Routes", v.Routes)
	p.items("Virtual Rules", v.Rules)
}

func (p *printer) items(title string, items []Item) {
	if len(items) > 0 {
		p.line("   %s :", title)
	}
	for _, i := range items {
		p.line("     %s", i.Text)
	}
}

func (p *printer) notify(n *Notify) {
	for _, s := range []struct {
		name string
		c    *Command
	}{{"Backup", n.Backup}, {"Master", n.Master}, {"Fault", n.Fault}, {"Stop", n.Stop}, {"Deleted", n.Deleted}, {"Generic", n.Any}, {"Master rx lower pri", n.LowerPriority}} {
		if s.c != nil {
			p.line("   %s state transition script = %s, uid:gid %d:%d", s.name, Quote(s.c.Args), s.c.UID, s.c.GID)
		}
	}
}

// sockets lists who shares a socket: multicast by interface and family, unicast by source as well.
func (p *printer) sockets(instances []Instance) {
	p.line("------< VRRP Sockpool >------")
	type key struct {
		link    string
		ipv6    bool
		unicast bool
		source  netip.Addr
	}
	var order []key
	users := map[key][]*Instance{}
	for i := range instances {
		v := &instances[i]
		k := key{link: v.Interface, ipv6: v.IPv6, unicast: v.Unicast != nil}
		if v.VMAC != nil && !v.VMAC.TransmitBase {
			k.link = v.VMAC.Name
		}
		if k.unicast {
			k.source = v.Source
		}
		if users[k] == nil {
			order = append(order, k)
		}
		users[k] = append(users[k], v)
	}
	for _, k := range order {
		first := users[k][0]
		p.line(" fd_in %d fd_out = %d", first.FDIn, first.FDOut)
		p.line("   Interface = %s", k.link)
		p.line("   Family = %s", map[bool]string{false: "IPv4", true: "IPv6"}[k.ipv6])
		p.line("   Protocol = VRRP")
		p.line("   Type = %s", map[bool]string{false: "Multicast", true: "Unicast"}[k.unicast])
		if k.source.IsValid() {
			p.line("   Address = %s", k.source)
		}
		p.line("   Rx buf size = 0")
		p.line("   VRRP instances")
		for _, v := range users[k] {
			p.line("     %s vrid %d", v.Name, v.VRID)
		}
	}
}

func (p *printer) group(g *Group) {
	p.line(" VRRP Sync Group = %s, %s", g.Name, g.State)
	p.line("   Num member fault %d, num member init %d", g.Fault, g.Init)
	p.line("   VRRP member instances :")
	for _, m := range g.Members {
		p.line("     %s", m)
	}
	if g.Weights {
		p.line("   sync_group_tracking_weight set")
	}
	p.line("   Using smtp notification = %s", yesNo(g.Mail))
	p.notify(&g.Notify)
	p.listed("Tracked scripts", g.TrackScripts, " ")
}

// listed is a list of what is tracked, with a weight each.
func (p *printer) listed(title string, ts []Track, between string) {
	if len(ts) > 0 {
		p.line("   %s :", title)
	}
	for _, t := range ts {
		p.line("     %s", cmp.Or(t.Name, "-")+between+weight(t.Weight, t.Reverse))
	}
}

func (p *printer) tracks(v *Instance) {
	p.listed("Tracked interfaces", v.TrackInterfaces, " ")
	p.listed("Tracked scripts", v.TrackScripts, " ")
	p.listed("Tracked files", v.TrackFiles, ", ")
	p.listed("Tracked processes", v.TrackProcesses, ", ")
	p.listed("Tracked BFDs", v.TrackBFDs, ": ")
}

// whole writes seconds with six decimals.
func whole(d time.Duration) string { return fmt.Sprintf("%.6fs", d.Seconds()) }
