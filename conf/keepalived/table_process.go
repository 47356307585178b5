// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strconv"
	"strings"
	"time"
)

// globalProcess are the keywords of global_defs about the process, reloads and dumps.
func (p *parser) globalProcess() []Keyword {
	d := &p.cfg.Daemon
	return in("global_defs",
		kw("max_auto_priority", Common, "N", "-1", p.number(&d.MaxAutoPriority, -1, 99), accepted(ownTime)),
		kw("min_auto_priority_delay", Rare, "MICROSECONDS", "1000000", p.times(&d.MinAutoDelay, time.Microsecond, time.Microsecond, 10*time.Second), accepted(ownTime)),
		kw("vrrp_priority", Rare, "NICE", "-10", p.number(&d.Nice, -20, 19), accepted(ownTime)),
		kw("vrrp_rt_priority", Rare, "N", "50", p.number(&d.RealtimePriority, 1, 99), note("any value is realtime = true")),
		kw("vrrp_no_swap", Rare, "", "", p.bare(&d.NoSwap, true), accepted("realtime = true keeps the memory from being swapped out")),
		kw("vrrp_cpu_affinity", Rare, "CPU …", "0 1", action{needs: 1, limit: -1, do: p.cpus}, accepted(ownTime)),
		kw("vrrp_rlimit_rttime", Rare, "MICROSECONDS", "10000", p.times(&d.RealtimeLimit, time.Microsecond, time.Microsecond, unbounded), accepted(ownTime)),
		kw("vrrp_rlimit_rtime", Rare, "MICROSECONDS", "10000", p.times(&d.RealtimeLimit, time.Microsecond, time.Microsecond, unbounded), accepted("old name of vrrp_rlimit_rttime: "+ownTime)),
		kw("process_names", Rare, "", "", p.bare(&d.ProcessNames, true), accepted(oneDaemon)),
		kw("process_name", Rare, "STR", "ka", nothing(), accepted(oneDaemon)),
		kw("vrrp_process_name", Rare, "STR", "ka_vrrp", nothing(), accepted(oneDaemon)),
		kw("bfd_process_name", Rare, "STR", "ka_bfd", nothing(), accepted(oneDaemon)),
		kw("umask", Rare, "NUMBER|BIT|BIT…", "0177", action{needs: 1, limit: -1, do: p.umask}, note(asProcess)),
		kw("vrrp_netlink_cmd_rcv_bufs", Rare, "BYTES", "100000", p.number(&d.CommandBuffer, 0, 1<<31-1), accepted(ownSizes)),
		kw("vrrp_netlink_cmd_rcv_bufs_force", Rare, "[BOOL]", "on", nothing(), accepted("Regent always asks for the size beyond the limit first")),
		kw("vrrp_netlink_monitor_rcv_bufs", Rare, "BYTES", "100000", p.number(&d.MonitorBuffer, 0, 1<<31-1), accepted(ownSizes)),
		kw("vrrp_netlink_monitor_rcv_bufs_force", Rare, "[BOOL]", "on", nothing(), accepted("Regent always asks for the size beyond the limit first")),
		kw("process_monitor_rcv_bufs", Rare, "BYTES", "100000", p.number(&d.ProcessBuffer, 0, 1<<31-1), accepted(ownSizes)),
		kw("process_monitor_rcv_bufs_force", Rare, "[BOOL]", "on", nothing(), accepted("Regent always asks for the size beyond the limit first")),
		kw("vrrp_rx_bufs_policy", Rare, "MTU|ADVERT|BYTES", "ADVERT", action{needs: 1, limit: 1, do: p.bufferPolicy}, accepted(ownSizes)),
		kw("vrrp_rx_bufs_multiplier", Rare, "N", "3", p.number(&d.ReceiveMultiplier, 1, 1<<31-1), accepted(ownSizes)),
		kw("random_seed", Rare, "N", "7", action{needs: 1, limit: 1, do: func(n *node) {
			if _, err := parseUint(n.args()[0].Text); err != nil {
				p.warn(n.args()[0].At, "random_seed: want a number, not %q; the line is ignored", n.args()[0].Text)
			}
		}}),
		kw("reload_check_config", Common, "[LOGFILE]", "/var/log/reload", action{limit: 1, do: func(n *node) {
			set(p, &d.ReloadCheck, true, n.at())
			if a := n.args(); len(a) > 0 {
				set(p, &d.ReloadCheckLog, a[0].Text, a[0].At)
			}
		}}, accepted("the whole new file is judged before a reload in any case")),
		kw("reload_time_file", Rare, "PATH", "/run/reload.time", p.word(&d.ReloadTimeFile), note(asProcess)),
		kw("reload_repeat", Rare, "", "", p.bare(&d.ReloadRepeat, true), note(asProcess)),
		kw("reload_file", Rare, "[PATH]", "/run/reloading", p.maybe(&d.ReloadFile, ""), note(asProcess)),
		kw("include_check", Rare, "[read] [match] [wildcard_match] [brace_match]", "read match", action{limit: 4}),
		kw("config_save_dir", Rare, "DIR", "/var/lib/ka", p.word(&d.SavedConfig), accepted("Regent logs what a reload changes")),
		kw("tmp_config_directory", Rare, "DIR", "/var/tmp", p.word(&d.TemporaryConfig), accepted("the files are read once, into memory")),
		kw("data_use_instance", Rare, "[BOOL]", "on", p.boolean(&d.DumpWithInstance), note(asProcess)),
		kw("state_dump_file", Rare, "PATH", "/run/ka.data", p.word(&d.StateDump), since("2.3.2"), note(asProcess)),
		kw("stats_dump_file", Rare, "PATH", "/run/ka.stats", p.word(&d.StatsDump), since("2.3.2"), note(asProcess)),
		kw("json_dump_file", Rare, "PATH", "/run/ka.json", p.word(&d.JSONDump), since("2.3.2"), note(asProcess)),
		kw("json_version", Rare, "1|2", "2", p.number(&d.JSONVersion, 1, 2), since("2.2.8"), note(asProcess)),
		kw("iproute_usr_dir", Rare, "DIR", "/usr/share/iproute2", p.word(&d.IPRouteUser), since("2.3.0"), note(asProcess)),
		kw("iproute_etc_dir", Rare, "DIR", "/etc/iproute2", p.word(&d.IPRouteEtc), since("2.3.0"), note(asProcess)),

		kw("bfd_priority", Rare, "NICE", "-10", nothing(), accepted(oneDaemon)),
		kw("bfd_no_swap", Rare, "", "", nothing(), accepted(oneDaemon)),
		kw("bfd_rt_priority", Rare, "N", "50", nothing(), accepted(oneDaemon)),
		kw("bfd_cpu_affinity", Rare, "CPU …", "0", nothing(), accepted(oneDaemon)),
		kw("bfd_rlimit_rttime", Rare, "MICROSECONDS", "10000", nothing(), accepted(oneDaemon)),
		kw("bfd_rlimit_rtime", Rare, "MICROSECONDS", "10000", nothing(), accepted(oneDaemon)),

		kw("checker_priority", Foreign, "NICE", "-10", nothing(), accepted(balancer)),
		kw("checker_no_swap", Foreign, "", "", nothing(), accepted(balancer)),
		kw("checker_rt_priority", Foreign, "N", "50", nothing(), accepted(balancer)),
		kw("checker_cpu_affinity", Foreign, "CPU …", "0", nothing(), accepted(balancer)),
		kw("checker_rlimit_rttime", Foreign, "MICROSECONDS", "10000", nothing(), accepted(balancer)),
		kw("checker_rlimit_rtime", Foreign, "MICROSECONDS", "10000", nothing(), accepted(balancer)),
		kw("checker_process_name", Foreign, "STR", "ka_check", nothing(), accepted(balancer)),
		kw("lvs_process_name", Foreign, "STR", "ka_check", nothing(), accepted(balancer)),
		kw("lvs_timeouts", Foreign, "[tcp N] [tcpfin N] [udp N]", "tcp 900", nothing(), accepted(balancer)),
		kw("lvs_flush", Foreign, "", "", nothing(), accepted(balancer)),
		kw("lvs_flush_on_stop", Foreign, "[VS]", "", nothing(), accepted(balancer)),
		kw("lvs_flush_onstop", Foreign, "[VS]", "", nothing(), accepted(balancer)),
		kw("lvs_sync_daemon", Foreign, "IF [INST] …", "eth0 VI_1", action{limit: -1, do: p.virtual}, accepted(balancer)),
		kw("lvs_netlink_cmd_rcv_bufs", Foreign, "BYTES", "100000", nothing(), accepted(balancer)),
		kw("lvs_netlink_cmd_rcv_bufs_force", Foreign, "[BOOL]", "on", nothing(), accepted(balancer)),
		kw("lvs_netlink_monitor_rcv_bufs", Foreign, "BYTES", "100000", nothing(), accepted(balancer)),
		kw("lvs_netlink_monitor_rcv_bufs_force", Foreign, "[BOOL]", "on", nothing(), accepted(balancer)),

		kw("snmp_socket", Rare, "ADDR", "unix:/var/agentx/master", nothing(), accepted(metrics)),
		kw("enable_snmp_vrrp", Rare, "", "", nothing(), warned(metrics)),
		kw("enable_snmp_keepalived", Rare, "", "", nothing(), warned(metrics)),
		kw("enable_snmp_rfc", Rare, "", "", nothing(), warned(metrics)),
		kw("enable_snmp_rfcv2", Rare, "", "", nothing(), warned(metrics)),
		kw("enable_snmp_rfcv3", Rare, "", "", nothing(), warned(metrics)),
		kw("enable_traps", Rare, "", "", nothing(), warned(metrics)),
		kw("enable_snmp_checker", Foreign, "", "", nothing(), accepted(balancer)),
		kw("snmp_vs_stats_update_interval", Foreign, "SECS", "5", nothing(), accepted(balancer)),
		kw("snmp_rs_stats_update_interval", Foreign, "SECS", "5", nothing(), accepted(balancer)),
		kw("enable_dbus", Rare, "", "", nothing(), warned(noBus)),
		kw("dbus_service_name", Rare, "STR", "org.keepalived.Vrrp1", nothing(), accepted(noBus)),
		kw("dbus_no_interface_name", Rare, "STR", "none", nothing(), accepted(noBus), since("2.2.8")),
	)
}

func (p *parser) cpus(n *node) {
	for _, a := range n.args() {
		if i, ok := p.integer(n.name(), a, 0, 8191); ok {
			p.cfg.Daemon.CPUs = append(p.cfg.Daemon.CPUs, Value[int]{i, a.At})
		}
	}
}

func (p *parser) bufferPolicy(n *node) {
	a := n.args()[0]
	if a.Text != "MTU" && a.Text != "ADVERT" {
		if _, ok := p.integer(n.name(), a, 1, 1<<31-1); !ok {
			return
		}
	}
	set(p, &p.cfg.Daemon.ReceiveBuffer, a.Text, a.At)
}

// umask reads a number in C's notation, or names of bits with | between them.
func (p *parser) umask(n *node) {
	var all strings.Builder
	for _, a := range n.args() {
		all.WriteString(a.Text)
	}
	at := n.args()[0].At
	if mask, ok := ParseUmask(all.String()); ok {
		set(p, &p.cfg.Daemon.Umask, mask, at)
		return
	}
	p.warn(at, "umask: want a number up to 0777, or bits such as IRGRP|IROTH, not %q; the line is ignored", all.String())
}

// ParseUmask reads a mask as the keyword umask and the flag -u have it: a number in C's notation, or names of bits such
// as IRGRP with | between them.
func ParseUmask(s string) (uint32, bool) {
	if mask, err := strconv.ParseUint(s, 0, 32); err == nil && !strings.ContainsRune(s, '_') {
		return uint32(mask), mask <= 0o777
	}
	bits := map[string]uint32{
		"IRUSR": 0o400, "IWUSR": 0o200, "IXUSR": 0o100, "IRWXU": 0o700,
		"IRGRP": 0o040, "IWGRP": 0o020, "IXGRP": 0o010, "IRWXG": 0o070,
		"IROTH": 0o004, "IWOTH": 0o002, "IXOTH": 0o001, "IRWXO": 0o007,
	}
	mask := uint32(0)
	for name := range strings.SplitSeq(s, "|") {
		b, ok := bits[strings.TrimPrefix(strings.Trim(name, blanks), "S_")]
		if !ok {
			return 0, false
		}
		mask |= b
	}
	return mask, true
}
