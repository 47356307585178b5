// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"
	"testing"

	"github.com/regent-ha/regent/conf"
)

// minimal wraps a keyword's example in the smallest file where it can stand. What examples refer to exists.
func minimal(k Keyword) string {
	around := map[string][2]string{
		"":                   {"", ""},
		"global_defs":        {"global_defs {\n", "\n}"},
		"vrrp_script":        {"vrrp_script S2 {\n script /usr/bin/true\n", "\n}"},
		"track_file":         {"track_file F2 {\n file /run/f\n", "\n}"},
		"vrrp_track_process": {"vrrp_track_process P2 {\n process p\n", "\n}"},
		"bfd_instance":       {"bfd_instance B2 {\n neighbor_ip 192.0.2.9\n", "\n}"},
		"vrrp_sync_group":    {"vrrp_sync_group G2 {\n sync_group_tracking_weight\n group { VI_3 }\n", "\n}"},
		"garp_group":         {"garp_group {\n garp_interval 0.1\n interface eth7\n", "\n}"},
		"track_group":        {"track_group T2 {\n", "\n}"},
		"authentication":     {"vrrp_instance VI_2 {\n interface eth2\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n authentication {\n auth_type PASS\n auth_pass x\n", "\n}\n}"},
		"auth_hmac": {"vrrp_instance VI_2 {\n interface eth2\n virtual_router_id 2\n virtual_ipaddress { 10.0.0.2 }\n auth_hmac {\n" +
			"key 9 0123456789abcdef0123456789abcdef\n active_key 9\n", "\n}\n}"},
		"vrrp_instance": {"vrrp_instance VI_2 {\n interface eth2\n virtual_router_id 2\n priority 100\n virtual_ipaddress { 192.0.2.2 }\n", "\n}"},
	}[k.Block]
	company := map[string]string{
		"notify_fifo_script": "notify_fifo /run/all.fifo", "vrrp_notify_fifo_script": "vrrp_notify_fifo /run/vrrp.fifo",
		"unicast_src_ip": "unicast_peer { 192.0.2.8 }", "unicast_fault_no_peer": "unicast_peer { 192.0.2.8 }",
		"unicast_ttl": "unicast_peer { 192.0.2.8 }", "check_unicast_src": "unicast_peer { 192.0.2.8 }",
		"old_unicast_checksum": "unicast_peer { 192.0.2.8 }", "vmac_xmit_base": "use_vmac", "track_src_ip": "mcast_src_ip 192.0.2.1",
		"timer_expired_backup": "nopreempt", "thread_timer_expired": "nopreempt",
	}[k.Name]
	return `
vrrp_instance VI_1 { 
 interface eth0
 virtual_router_id 1
 virtual_ipaddress { 10.0.0.1 }
}
vrrp_instance VI_3 {
 interface eth3
 virtual_router_id 3
 virtual_ipaddress { 10.0.0.3 }
}
vrrp_script check { script /usr/bin/true }
track_file load { file /run/load }
vrrp_track_process web { process nginx }
bfd_instance gw { neighbor_ip 192.0.2.254 }
` + around[0] + company + "\n" + k.Example + around[1] + "\n"
}

// Each keyword of keepalived's VRRP half is read where it stands in the table, without a complaint of the kind that would
// mean it was not understood; and what has no effect, or is refused, says so.
func TestEveryKeywordIsRead(t *testing.T) {
	t.Parallel()
	classes := map[Class]int{}
	for _, k := range Keywords() {
		name := strings.TrimPrefix(k.Block+" "+k.Name, " ")
		classes[k.Class]++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, ps := Parse("/k.conf", options(files("/k.conf", minimal(k))))
			told := false
			for _, p := range ps {
				switch p.Kind {
				case Note: // an example in a small file invites advice
				case Unable:
					if !strings.HasPrefix(p.Text, k.Name) {
						continue // it is about what is around the keyword
					}
					told = true
					if wrong := p.Severity == conf.Error; wrong != (k.Support == Refused) {
						t.Errorf("%s is %s, and is told as: %s", name, k.Support, p)
					}
				default:
					if !excused(k, p) {
						t.Errorf("not good: %s\nin:%s", p, minimal(k))
					}
				}
			}
			if told != (k.Support == Warned || k.Support == Refused) {
				t.Errorf("%s is %s: told %v", name, k.Support, told)
			}
			if (k.Support != Supported) != (k.Note != "") && k.Support != Supported {
				t.Errorf("%s is %s without a reason", name, k.Support)
			}
		})
	}
	for class, least := range map[Class]int{Everywhere: 30, Common: 45, Rare: 140, Foreign: 25} {
		if classes[class] < least {
			t.Errorf("%d keywords of class %s, want at least %d: is the table whole?", classes[class], class, least)
		}
	}
}

// excused are settlements that the surroundings of a minimal file cannot avoid.
func excused(k Keyword, p Problem) bool {
	for about, text := range map[string]string{
		"vrrp_sync_group": "one member",
	} {
		if (k.Name == about || k.Block == about) && strings.Contains(p.Text, text) {
			return true
		}
	}
	return false
}

// Every line that the parser takes has arguments enough in its example, so one without is a missing argument.
func TestAMissingArgumentIsNamed(t *testing.T) {
	t.Parallel()
	for _, k := range Keywords() {
		if k.needs == 0 {
			continue
		}
		bare := k
		bare.Example = k.Name
		_, ps := Parse("/k.conf", options(files("/k.conf", minimal(bare))))
		found := false
		for _, p := range ps {
			found = found || p.Kind == Missing && strings.HasPrefix(p.Text, k.Name+" needs an argument")
		}
		if !found || ps.TestStatus() != 2 {
			t.Errorf("%s %s: status %d, said %v", k.Block, k.Name, ps.TestStatus(), ps)
		}
	}
}

// Every keyword that needs a block says so without one; every other refuses one and reads on after it.
func TestBlocksAreWhereTheyBelong(t *testing.T) {
	t.Parallel()
	for _, k := range Keywords() {
		if k.block {
			bare := k
			if bare.Example = k.Name; k.needs > 0 {
				bare.Example += " name"
			}
			_, ps := Parse("/k.conf", options(files("/k.conf", minimal(bare))))
			if !mentions(ps, k.Name+" needs a block: ") {
				t.Errorf("%s %s without a block: %v", k.Block, k.Name, ps)
			}
			continue
		}
		if k.loose {
			continue
		}
		with := k
		with.Example = k.Example + " {\n stray 1 { more }\n}"
		c, ps := Parse("/k.conf", options(files("/k.conf", minimal(with)+"\nvrrp_instance LAST { interface eth9\n virtual_router_id 9\n virtual_ipaddress { 10.0.0.9 } }")))
		if !mentions(ps, "takes no block") {
			t.Errorf("%s %s with a block: %v", k.Block, k.Name, ps)
		}
		if last := c.Instances[len(c.Instances)-1]; last.Name != "LAST" || len(last.Addresses) != 1 {
			t.Errorf("%s %s with a block eats what follows", k.Block, k.Name)
		}
	}
}

func mentions(ps Problems, text string) bool {
	for _, p := range ps {
		if strings.Contains(p.Text, text) {
			return true
		}
	}
	return false
}

// The keywords of the manual's reference that the table must have, by block; those of classes E, C, R and X.
func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, k := range Keywords() {
		if key := k.Block + " " + k.Name; have[key] {
			t.Errorf("%q is in the table twice", key)
		} else {
			have[key] = true
		}
	}
	for block, names := range map[string]string{
		"": `global_defs vrrp_instance vrrp_script vrrp_sync_group track_file vrrp_track_file vrrp_track_process bfd_instance static_ipaddress
static_routes static_rules track_group garp_group linkbeat_use_polling linkbeat_interfaces interface_up_down_delays net_namespace
net_namespace_ipvs namespace_with_ipsets use_pid_dir instance child_wait_time`,
		"global_defs": `router_id notification_email notification_email_from smtp_server smtp_connect_timeout smtp_helo_name smtp_alert
smtp_alert_vrrp no_email_faults smtp_alert_checker no_checker_emails checker_log_all_failures script_user enable_script_security
notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script vrrp_notify_priority_changes fifo_write_vrrp_states_on_reload
startup_script shutdown_script startup_script_timeout shutdown_script_timeout set_supplementary_groups use_symlink_paths
lvs_notify_fifo lvs_notify_fifo_script rs_init_notifies vrrp_version vrrp_mcast_group4 vrrp_mcast_group6 default_interface
vrrp_skip_check_adv_addr vrrp_check_unicast_src vrrp_strict vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_master_refresh
vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_interval vrrp_gna_interval vrrp_min_garp
vrrp_garp_extra_if vrrp_vmac_garp_intvl vrrp_down_timer_adverts vrrp_lower_prio_no_advert vrrp_higher_prio_send_advert
vrrp_owner_ignore_adverts v3_checksum_as_v2 vrrp_startup_delay vrrp_delay_after_boot dynamic_interfaces disable_local_igmp
log_unknown_vrids vmac_prefix vmac_addr_prefix nftables nftables_priority nftables_counters nftables_ifindex vrrp_iptables vrrp_ipsets
nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark max_auto_priority min_auto_priority_delay vrrp_priority vrrp_rt_priority
vrrp_no_swap vrrp_cpu_affinity vrrp_rlimit_rttime vrrp_rlimit_rtime process_names process_name vrrp_process_name bfd_process_name umask
vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force
process_monitor_rcv_bufs process_monitor_rcv_bufs_force vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier random_seed reload_check_config
reload_time_file reload_repeat reload_file include_check config_save_dir tmp_config_directory data_use_instance state_dump_file
stats_dump_file json_dump_file json_version iproute_usr_dir iproute_etc_dir bfd_priority bfd_no_swap bfd_rt_priority bfd_cpu_affinity
bfd_rlimit_rttime bfd_rlimit_rtime checker_priority checker_no_swap checker_rt_priority checker_cpu_affinity checker_rlimit_rttime
checker_rlimit_rtime checker_process_name lvs_process_name lvs_timeouts lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_sync_daemon
lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force snmp_socket
enable_snmp_vrrp enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_traps enable_snmp_checker
snmp_vs_stats_update_interval snmp_rs_stats_update_interval enable_dbus dbus_service_name dbus_no_interface_name`,
		"vrrp_script":        `script interval timeout weight rise fall user init_fail`,
		"track_file":         `file weight init_file`,
		"vrrp_track_process": `process param_match full_command weight quorum quorum_max delay fork_delay terminate_delay`,
		"bfd_instance":       `neighbor_ip neighbour_ip source_ip min_rx min_tx idle_tx multiplier passive ttl hoplimit max_hops multihop weight vrrp checker`,
		"vrrp_sync_group": `group track_interface track_script track_file track_process track_bfd notify_master notify_backup notify_fault notify_stop
notify smtp_alert notify_priority_changes sync_group_tracking_weight global_tracking`,
		"vrrp_instance": `state interface virtual_router_id priority advert_int version virtual_ipaddress virtual_ipaddress_excluded
no_virtual_ipaddress virtual_routes virtual_rules promote_secondaries authentication auth_hmac nopreempt preempt preempt_delay accept
no_accept skip_check_adv_addr strict_mode debug native_ipv6 lvs_sync_daemon_interface unicast_src_ip unicast_peer unicast_fault_no_peer
unicast_ttl check_unicast_src old_unicast_checksum v3_checksum_as_v2 mcast_src_ip mcast_dst_ip track_src_ip vrf use_vmac use_vmac_addr
vmac_xmit_base use_ipvlan kernel_rx_buf_size linkbeat_use_polling track_interface dont_track_primary track_script track_file track_process
track_bfd garp_master_delay garp_master_repeat garp_master_refresh garp_master_refresh_repeat garp_lower_prio_delay garp_lower_prio_repeat
garp_extra_if vmac_garp_intvl down_timer_adverts timer_expired_backup thread_timer_expired lower_prio_no_advert higher_prio_send_advert
owner_ignore_adverts notify_master notify_backup notify_fault notify_stop notify_deleted notify_master_rx_lower_pri notify
notify_priority_changes smtp_alert`,
		"authentication": `auth_type auth_pass`,
		"auth_hmac":      `key active_key time_window anti_replay mode`,
		"garp_group":     `garp_interval gna_interval interface interfaces`,
		"track_group":    `group`,
	} {
		for _, name := range strings.Fields(names) {
			if !have[block+" "+name] {
				t.Errorf("%s %s is not in the table", block, name)
			}
		}
	}
}
