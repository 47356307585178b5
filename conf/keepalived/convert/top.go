// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"time"

	"github.com/regent-ha/regent/conf/keepalived"
)

func (v *converter) heading() {
	name := "keepalived.conf"
	if len(v.cfg.Files) > 0 {
		name = v.cfg.Files[0]
	}
	v.comment("Converted from " + name + ".")
}

// top writes the keys that stand before all tables.
func (v *converter) top() {
	g, d := &v.cfg.Global, &v.cfg.Daemon
	some := func() {
		if len(v.places) == 1 {
			v.line(keepalived.Place{}, "")
		}
	}
	if d.RealtimePriority.V > 0 {
		some()
		v.set(d.RealtimePriority.At, "realtime", true)
	}
	if t := within(v, g.StartupDelay, "vrrp_startup_delay", 0, time.Hour); t > 0 {
		some()
		v.set(g.StartupDelay.At, "start_delay", t)
	}
	if t := within(v, g.DelayAfterBoot, "vrrp_delay_after_boot", 0, time.Hour); t > 0 {
		some()
		v.set(g.DelayAfterBoot.At, "boot_delay", t)
	}
	for _, l := range []struct {
		key  string
		list []element
	}{
		{"static_addresses", unlike(v.addressLines(v.cfg.StaticAddresses, nil))},
		{"static_routes", v.good(routeLines(v.cfg.StaticRoutes), v.Route)},
		{"static_rules", v.good(ruleLines(v.cfg.StaticRules), v.Rule)},
	} {
		if len(l.list) > 0 {
			some()
			v.list(l.key, l.list)
		}
	}
}

// group writes a [[sync_group]].
func (v *converter) group(g *keepalived.SyncGroup) {
	v.table(g.At, "[[sync_group]]", g.Comment)
	v.set(g.At, "name", v.groups[g.Name])
	names := make([]string, len(g.Members))
	for i, m := range g.Members {
		names[i] = v.services[m.V]
	}
	v.set(g.Members[0].At, "services", names)
	if g.Weights.V {
		v.set(g.Weights.At, "weights", true)
	}
	v.mailed(&g.Notify)
	v.programs("sync_group", &g.Notify)
	v.checks("sync_group", &g.Tracks)
}

// announcements writes garp, of which keepalived and Regent have the same defaults.
func (v *converter) announcements(i *keepalived.Instance) {
	const (
		mostRepeat = 100
		mostDelay  = 10 * time.Minute
		mostPause  = time.Second
	)
	g, glob := &i.GARP, &v.cfg.Global
	who := "vrrp_instance " + i.Name + ": "
	place := func(own, global keepalived.Place) keepalived.Place {
		if own.IsSet() {
			return own
		}
		return global
	}
	repeat := within(v, g.Repeat, who+"garp_master_repeat", 1, mostRepeat)
	if repeat != 5 {
		v.set(place(g.Repeat.At, glob.GARP.Repeat.At), "garp.repeat", repeat)
	}
	delay := within(v, g.Delay, who+"garp_master_delay", 0, mostDelay)
	if delay != 5*time.Second {
		v.set(place(g.Delay.At, glob.GARP.Delay.At), "garp.delay", delay)
	}
	if t := within(v, g.Refresh, who+"garp_master_refresh", 0, 24*time.Hour); t > 0 {
		v.set(place(g.Refresh.At, glob.GARP.Refresh.At), "garp.refresh", t)
		if n := min(max(g.RefreshRepeat.V, 1), mostRepeat); n != 1 {
			v.set(place(g.RefreshRepeat.At, glob.GARP.RefreshRepeat.At), "garp.refresh_repeat", n)
		}
	}
	if t := within(v, g.LowerPrioDelay, who+"garp_lower_prio_delay", 0, mostDelay); t != delay {
		v.set(place(g.LowerPrioDelay.At, glob.GARP.LowerPrioDelay.At), "garp.lower_prio_delay", t)
	}
	if n := within(v, g.LowerPrioRepeat, who+"garp_lower_prio_repeat", 0, mostRepeat); n != repeat {
		v.set(place(g.LowerPrioRepeat.At, glob.GARP.LowerPrioRepeat.At), "garp.lower_prio_repeat", n)
	}
	arp, na := v.pace(i.Interface.V)
	pause := within(v, arp, who+"garp_interval", 0, mostPause)
	if pause > 0 {
		v.set(arp.At, "garp.interval", pause)
	}
	if t := within(v, na, who+"gna_interval", 0, mostPause); t != pause {
		v.set(na.At, "garp.na_interval", t)
	}
	if g.ExtraInterval.V > 0 {
		at := place(g.ExtraInterval.At, glob.GARP.ExtraInterval.At)
		v.set(at, "garp.extra", g.ExtraInterval.V)
		if g.ExtraAll {
			v.set(at, "garp.extra_all", true)
		}
	}
}

// pace returns the pauses between announcements on an interface: those of its garp_group, or the global ones.
func (v *converter) pace(link string) (arp, na keepalived.Value[time.Duration]) {
	for _, g := range v.cfg.GARPGroups {
		if slices.ContainsFunc(g.Interfaces, func(n keepalived.Value[string]) bool { return n.V == link }) {
			return g.GARPInterval, g.GNAInterval
		}
	}
	return v.cfg.Global.GARPInterval, v.cfg.Global.GNAInterval
}
