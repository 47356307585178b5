// SPDX-License-Identifier: Apache-2.0

package convert

import "github.com/regent-ha/regent/conf/keepalived"

// without names what an instance asks for and Regent has not.
func (v *converter) without(i *keepalived.Instance) {
	if i.HigherPrioSendAdvert.V {
		at := i.HigherPrioSendAdvert.At
		if !at.IsSet() {
			at = v.cfg.Global.HigherPrioSendAdvert.At
		}
		v.warn(at, "vrrp_instance %s: higher_prio_send_advert has no effect: Regent gives way without a last advert; who wins is the same", i.Name)
	}
	if i.TimerExpiredBackup.V >= 0 {
		v.note(i.TimerExpiredBackup.At, "vrrp_instance %s: timer_expired_backup is not needed: a node that stood still listens before it sends again", i.Name)
	}
	if i.TrackSource.V {
		v.warn(i.TrackSource.At, "vrrp_instance %s: track_src_ip is done in Regent's own way: a service whose source address is gone cannot send and says so", i.Name)
	}
	if i.Linkbeat.V {
		v.note(i.Linkbeat.At, "linkbeat_use_polling has no effect: the kernel tells Regent of links at once")
	}
}

// elsewhere names what the rest of the file asks for and Regent has not.
func (v *converter) elsewhere() {
	c := v.cfg
	if c.Daemon.LinkbeatPolling.V {
		v.note(c.Daemon.LinkbeatPolling.At, "linkbeat_use_polling has no effect: the kernel tells Regent of links at once")
	}
	for _, l := range c.Linkbeats {
		v.note(l.Interface.At, "linkbeat_interfaces %s has no effect: the kernel tells Regent of links at once", l.Interface.V)
	}
	for _, d := range c.InterfaceDelays {
		if d.Down > 0 || d.Up > 0 {
			v.warn(d.Interface.At, "interface_up_down_delays of %s has no effect: Regent acts on links at once", d.Interface.V)
		}
	}
	told := map[string]bool{}
	for _, a := range c.StaticAddresses {
		v.tracked(a.TrackGroup, a.At, told)
	}
	for _, r := range c.StaticRoutes {
		v.tracked(r.TrackGroup, r.At, told)
	}
	for _, r := range c.StaticRules {
		v.tracked(r.TrackGroup, r.At, told)
	}
	for _, f := range c.TrackFiles {
		if f.Init.V && (f.InitValue != 0 || f.Overwrite) {
			v.note(f.Init.At, "track_file %s: init_file is done when this file is run; a regent.toml has no key for it: let systemd-tmpfiles make %s", f.Name, f.File.V)
		}
	}
	for _, b := range c.BFDs {
		if !b.VRRP.V {
			v.note(b.VRRP.At, "bfd_instance %s is for checkers only, which are the load balancer's", b.Name)
		}
	}
}

// tracked says, once for each group, that its static items bring no fault.
func (v *converter) tracked(group string, at keepalived.Place, told map[string]bool) {
	if group == "" || told[group] {
		return
	}
	told[group] = true
	v.warn(at, "track_group %s: Regent puts a static item that vanishes back, and its instances stay as they are", group)
}
