// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net"
	"net/netip"
	"time"
)

// globalKeywords are those of global_defs about identity, mail, scripts and the firewall.
func (p *parser) globalKeywords() []Keyword {
	g := &p.cfg.Global
	return in("global_defs",
		kw("router_id", Everywhere, "STR", "lb1", p.word(&g.RouterID)),
		kw("notification_email", Common, "{ ADDR … }", `{ ops@example.com "On Call <oncall@example.com>" }`, p.list(&g.Mail.To)),
		kw("notification_email_from", Common, "ADDR", "lb1@example.com", p.word(&g.Mail.From)),
		kw("smtp_server", Common, "HOST [PORT]", "192.0.2.25 25", action{needs: 1, limit: 2, do: p.smtpServer}),
		kw("smtp_connect_timeout", Common, "SECS", "30", p.seconds(&g.Mail.Timeout, time.Second, unbounded)),
		kw("smtp_helo_name", Rare, "STR", "lb1.example.com", p.word(&g.Mail.Helo)),
		kw("smtp_alert", Rare, "[BOOL]", "on", p.boolean(&g.Mail.Alert)),
		kw("smtp_alert_vrrp", Rare, "[BOOL]", "on", p.boolean(&g.Mail.VRRP)),
		kw("no_email_faults", Rare, "", "", p.bare(&g.Mail.NoFaults, true)),
		kw("smtp_alert_checker", Foreign, "[BOOL]", "on", nothing(), accepted(balancer)),
		kw("no_checker_emails", Foreign, "", "", nothing(), accepted(balancer)),
		kw("checker_log_all_failures", Foreign, "[BOOL]", "on", nothing(), accepted(balancer)),

		kw("script_user", Everywhere, "USER [GROUP]", "root", action{needs: 1, limit: 3, do: func(n *node) {
			u, used := user(n.args())
			set(p, &g.ScriptUser, u, n.args()[0].At)
			p.rest(n.name(), n.args()[used:])
		}}),
		kw("enable_script_security", Everywhere, "", "", p.bare(&g.ScriptSecurity, true)),
		kw("notify_fifo", Rare, "PATH [USER [GROUP]]", "/run/all.fifo root root", p.fifo(&g.FIFO)),
		kw("notify_fifo_script", Rare, "CMD [USER [GROUP]]", `"/usr/bin/reader -v" root`, p.command(&g.FIFO.Script)),
		kw("vrrp_notify_fifo", Common, "PATH [USER [GROUP]]", "/run/vrrp.fifo", p.fifo(&g.VRRPFIFO)),
		kw("vrrp_notify_fifo_script", Common, "CMD [USER [GROUP]]", "/usr/bin/reader", p.command(&g.VRRPFIFO.Script)),
		kw("lvs_notify_fifo", Foreign, "PATH [USER [GROUP]]", "/run/lvs.fifo", nothing(), accepted(balancer)),
		kw("lvs_notify_fifo_script", Foreign, "CMD [USER [GROUP]]", "/usr/bin/reader", nothing(), accepted(balancer)),
		kw("rs_init_notifies", Foreign, "", "", nothing(), accepted(balancer)),
		kw("vrrp_notify_priority_changes", Rare, "[BOOL]", "on", p.boolean(&g.PriorityChanges)),
		kw("fifo_write_vrrp_states_on_reload", Rare, "", "", p.bare(&g.StatesOnReload, true)),
		kw("startup_script", Rare, "CMD [USER [GROUP]]", "/usr/bin/up root", p.command(&g.Startup)),
		kw("startup_script_timeout", Rare, "SECS", "10", p.wholeSeconds(&g.StartupTimeout, 1, 1000)),
		kw("shutdown_script", Rare, "CMD [USER [GROUP]]", "/usr/bin/down root", p.command(&g.Shutdown)),
		kw("shutdown_script_timeout", Rare, "SECS", "10", p.wholeSeconds(&g.ShutdownTimeout, 1, 1000)),
		kw("set_supplementary_groups", Rare, "[BOOL]", "on", p.boolean(&g.Supplementary), since("2.3.0"), accepted("a program has all groups of its user in any case")),
		kw("use_symlink_paths", Rare, "[BOOL]", "on", p.boolean(&g.SymlinkPaths), since("2.2.8"), accepted("programs are run by the path that is written")),

		kw("nftables", Common, "[TABLE]", "vrrp", p.maybe(&g.NFTables, "keepalived"), accepted(ownTables)),
		kw("nftables_priority", Rare, "INT", "-1", p.number(&g.NFTablesPriority, -1<<31, 1<<31-1), accepted(ownTables)),
		kw("nftables_counters", Rare, "", "", p.bare(&g.NFTablesCounters, true), accepted(ownTables)),
		kw("nftables_ifindex", Rare, "", "", p.bare(&g.NFTablesIfindex, true), accepted(ownTables)),
		kw("nftables_ipvs", Foreign, "[TABLE]", "", nothing(), accepted(balancer)),
		kw("nftables_ipvs_priority", Foreign, "INT", "-1", nothing(), accepted(balancer)),
		kw("nftables_ipvs_start_fwmark", Foreign, "INT", "1000", nothing(), accepted(balancer)),
		kw("vrrp_iptables", Common, "[IN [OUT]]", "", action{limit: 2, do: p.iptables}, warned(nftOnly)),
		kw("vrrp_ipsets", Rare, "[NAME …]", "keepalived keepalived6", nothing(), accepted(nftOnly)),
	)
}

func (p *parser) smtpServer(n *node) {
	host, port := n.args()[0].Text, "25"
	if len(n.args()) > 1 {
		if _, ok := p.integer("smtp_server", n.args()[1], 1, 65535); !ok {
			return
		}
		port = n.args()[1].Text
	}
	set(p, &p.cfg.Global.Mail.Server, net.JoinHostPort(host, port), n.args()[0].At)
}

func (p *parser) fifo(f *FIFO) action {
	return action{needs: 1, limit: 4, do: func(n *node) {
		if f.Path.IsSet() {
			p.warn(n.at(), "%s is set already, in line %d, which counts", n.name(), f.Path.At.Line)
			return
		}
		u, used := user(n.args()[1:])
		f.Path, f.User = Value[string]{n.args()[0].Text, n.args()[0].At}, u
		p.rest(n.name(), n.args()[1+used:])
	}}
}

func (p *parser) iptables(n *node) {
	g := &p.cfg.Global
	g.IPTablesIn, g.IPTablesOut = Value[string]{"INPUT", n.at()}, Value[string]{"OUTPUT", n.at()}
	if a := n.args(); len(a) > 0 {
		g.IPTablesIn, g.IPTablesOut = Value[string]{a[0].Text, a[0].At}, Value[string]{"", a[0].At}
		if len(a) > 1 {
			g.IPTablesOut = Value[string]{a[1].Text, a[1].At}
		}
	}
}

// globalProtocol are the keywords of global_defs that each instance may set for itself, and their like.
func (p *parser) globalProtocol() []Keyword {
	g := &p.cfg.Global
	return in("global_defs",
		kw("vrrp_version", Common, "2|3", "3", p.number(&g.Version, 2, 3)),
		kw("vrrp_mcast_group4", Rare, "IP", "224.0.0.18", p.groupAddress(&g.Group4, false)),
		kw("vrrp_mcast_group6", Rare, "IP6", "ff02::12", p.groupAddress(&g.Group6, true)),
		kw("default_interface", Rare, "IF", "eth1", p.word(&g.DefaultInterface)),
		kw("vrrp_skip_check_adv_addr", Common, "[BOOL]", "on", p.lateBoolean(&g.SkipCheckAdvAddr), accepted("adverts with other addresses are taken and reported in any case")),
		kw("vrrp_check_unicast_src", Rare, "", "", p.bare(&g.CheckUnicastSrc, true)),
		kw("vrrp_strict", Common, "[BOOL]", "on", p.lateBoolean(&g.Strict), note("drops packets to addresses of one who is not the owner: they do not answer ping")),
		kw("vrrp_garp_master_delay", Common, "SECS", "5", p.wholeSeconds(&g.GARP.Delay, 0, 1<<31-1)),
		kw("vrrp_garp_master_repeat", Common, "N", "5", p.repeats(&g.GARP.Repeat, 1)),
		kw("vrrp_garp_master_refresh", Common, "SECS", "60", p.wholeSeconds(&g.GARP.Refresh, 0, 1<<31-1)),
		kw("vrrp_garp_master_refresh_repeat", Common, "N", "2", p.repeats(&g.GARP.RefreshRepeat, 1)),
		kw("vrrp_garp_lower_prio_delay", Rare, "SECS", "5", p.wholeSeconds(&g.GARP.LowerPrioDelay, 0, 1<<31-1)),
		kw("vrrp_garp_lower_prio_repeat", Rare, "N", "0", p.repeats(&g.GARP.LowerPrioRepeat, 0)),
		kw("vrrp_garp_interval", Common, "SECS", "0.001", p.pace(&g.GARPInterval)),
		kw("vrrp_gna_interval", Common, "SECS", "0.001", p.pace(&g.GNAInterval)),
		kw("vrrp_min_garp", Common, "[BOOL]", "on", p.boolean(&g.MinGARP)),
		kw("vrrp_garp_extra_if", Rare, "[all] SECS", "all 60", p.extraGARP(&g.GARP, 1)),
		kw("vrrp_vmac_garp_intvl", Rare, "[all] SECS", "60", p.extraGARP(&g.GARP, 1), note("old name of vrrp_garp_extra_if")),
		kw("vrrp_down_timer_adverts", Rare, "N", "3", p.number(&g.DownTimerAdverts, 1, 100)),
		kw("vrrp_lower_prio_no_advert", Rare, "[BOOL]", "on", p.boolean(&g.LowerPrioNoAdvert)),
		kw("vrrp_higher_prio_send_advert", Rare, "[BOOL]", "on", p.boolean(&g.HigherPrioSendAdvert), accepted(oneAdvert)),
		kw("vrrp_owner_ignore_adverts", Rare, "[BOOL]", "on", p.boolean(&g.OwnerIgnoreAdverts), since("2.3.0")),
		kw("v3_checksum_as_v2", Rare, "", "", p.bare(&g.V3ChecksumAsV2, true), since("2.3.0")),
		kw("vrrp_startup_delay", Common, "SECS", "5.5", p.seconds(&g.StartupDelay, 0, unbounded)),
		kw("vrrp_delay_after_boot", Rare, "SECS", "90", p.seconds(&g.DelayAfterBoot, 0, unbounded), since("2.2.8")),
		kw("dynamic_interfaces", Common, "[allow_if_changes]", "allow_if_changes", action{limit: 1, do: func(n *node) {
			set(p, &g.DynamicInterfaces, true, n.at())
			if a := n.args(); len(a) > 0 && a[0].Text == "allow_if_changes" {
				set(p, &g.AllowIfChanges, true, a[0].At)
			} else {
				p.rest(n.name(), a)
			}
		}}, accepted("Regent waits for interfaces in any case")),
		kw("disable_local_igmp", Rare, "", "", p.bare(&g.DisableLocalIGMP, true), note("cannot change at a reload"), warned("set net.ipv4.igmp_link_local_mcast_reports to 0 by sysctl.d")),
		kw("log_unknown_vrids", Rare, "", "", p.bare(&g.LogUnknownVRIDs, true), accepted("adverts that nobody here takes are reported in any case")),
		kw("vmac_prefix", Rare, "STR", "vrrp", p.word(&g.VMACPrefix)),
		kw("vmac_addr_prefix", Rare, "STR", "vip", p.word(&g.VMACAddrPrefix), accepted("further VMACs have names that Regent makes")),
	)
}

// groupAddress is a keyword with a multicast address of one family.
func (p *parser) groupAddress(v *Value[netip.Addr], six bool) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		ip, ok := p.ip(n.name(), a)
		switch {
		case !ok:
		case ip.Is6() != six || !ip.IsMulticast():
			p.warn(a.At, "%s: %s is no multicast address of IPv%s; it is ignored", n.name(), ip, map[bool]string{true: "6", false: "4"}[six])
		default:
			set(p, v, ip, a.At)
		}
	}}
}

// repeats is a number of announcements; what is less than the least becomes the least.
func (p *parser) repeats(v *Value[int], least int) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		i, ok := p.integer(n.name(), a, -1<<31, 1<<31-1)
		if !ok {
			return
		}
		if i < least {
			p.warn(a.At, "%s: %d is less than %d, which is taken", n.name(), i, least)
			i = least
		}
		set(p, v, i, a.At)
	}}
}

// pace is the gap between announcements on an interface. 0, which the configuration that distributions install has, is
// what it is without the line.
func (p *parser) pace(v *Value[time.Duration]) action {
	return action{needs: 1, limit: 1, do: func(n *node) {
		a := n.args()[0]
		if d, ok := p.duration(n.name(), a, time.Second, 0, 4294*time.Second); ok && d == 0 {
			p.warn(a.At, "%s: 0 is what it is without this line, and keepalived calls it out of range; the line is ignored", n.name())
		} else if ok {
			set(p, v, d, a.At)
		}
	}}
}

// extraGARP is [all] SECS.
func (p *parser) extraGARP(g *GARP, least int) action {
	return action{needs: 1, limit: 2, do: func(n *node) {
		a, all := n.args(), false
		if a[0].Text == "all" {
			if a, all = a[1:], true; len(a) == 0 {
				p.refuse(n.at(), Missing, "%s needs a time: %s all SECS", n.name(), n.name())
				return
			}
		}
		if i, ok := p.integer(n.name(), a[0], least, 86400); ok {
			set(p, &g.ExtraInterval, time.Duration(i)*time.Second, a[0].At)
			g.ExtraAll = all
			p.rest(n.name(), a[1:])
		}
	}}
}
