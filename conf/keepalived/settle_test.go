// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body makes a file of a global_defs body and one of an instance, to which what every instance needs is added. Its lines
// begin at line 100, for the places in messages.
func body(global, instance string) string {
	in := ""
	if !strings.Contains(instance, "virtual_ipaddress") {
		in += "virtual_ipaddress { 10.1.0.2 }\n"
	}
	head := "global_defs {\n" + global + "\n}\nvrrp_instance I {\ninterface eth0\nvirtual_router_id 2\n" + in
	return head + strings.Repeat("\n", 99-strings.Count(head, "\n")) + instance + "\n}\n"
}

// What keepalived 2.2.7 shows in its dump for the same lines, but for what came later.
func TestSettlements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		global   string
		instance string
		want     string // lines of the dump of the instance, as they begin
		said     []string
	}{
		{"defaults", "", "", "Priority = 100|Version = 2|Interval = 1s|State -|Accept = true|GARP.Delay = 5s|GARP.Repeat = 5|GARP.Refresh -|GARP.RefreshRepeat = 1|" +
			"GARP.LowerPrioDelay = 5s|GARP.LowerPrioRepeat = 5|DownTimerAdverts = 3|Group = 224.0.0.18|Unicast -|Addresses[0].Prefix = 10.1.0.2/32|Addresses[0].Dev = eth0", nil},
		{"MASTER without a priority", "", "state MASTER", "Priority = 255|State = MASTER @100:7", nil},
		{"MASTER with one", "", "state MASTER\npriority 100", "Priority = 100|State = MASTER", nil},
		{"255 without a state", "", "priority 255", "State = MASTER", nil},
		{"255 as BACKUP", "", "priority 255\nstate BACKUP", "State = BACKUP", nil},
		{"MASTER stays", "", "state MASTER\nstate BACKUP\npriority 9", "State = MASTER", []string{"101:7: warning: state is MASTER already, from line 100, which counts"}},
		{"BACKUP gives way", "", "state BACKUP\nstate MASTER\npriority 9", "State = MASTER", nil},
		{"a state that is none", "", "state FOO", "State = BACKUP", []string{`100:7: warning: state is MASTER or BACKUP, not "FOO"; BACKUP is taken`}},
		{"the last priority counts", "", "priority 10\npriority 20", "Priority = 20 @101:10", nil},
		{"a priority out of range", "", "priority 256", "Priority = 100", []string{"100:10: warning: priority: 256 is out of the range 1 to 255; the line is ignored"}},
		{"a number that begins as one", "", "priority 10x", "Priority = 10", []string{`100:10: warning: priority: "10x" is no whole number; 10 is taken`}},
		{"no number", "", "priority x10", "Priority = 100", []string{`100:10: warning: priority: want a whole number from 1 to 255, not "x10"; the line is ignored`}},

		{"version 2 says seconds", "", "advert_int 0.4", "Interval = 1s", []string{"100:12: warning: vrrp_instance I: version 2 cannot say an interval of 400ms; 1s is taken"}},
		{"and rounds up from a half", "", "advert_int 2.5", "Interval = 3s", []string{"100:12: warning: vrrp_instance I: version 2 cannot say an interval of 2.5s; 3s is taken"}},
		{"up to 255", "", "advert_int 255", "Interval = 4m15s", nil},
		{"not more", "", "advert_int 256", "Interval = 1s", []string{"100:12: warning: advert_int: 256 is out of the range 0.01 to 255 seconds; the line is ignored"}},
		{"version 3 says centiseconds", "vrrp_version 3", "advert_int 1.555", "Interval = 1.56s|Version = 3", []string{"100:12: warning: vrrp_instance I: version 3 cannot say an interval of 1.555s; 1.56s is taken"}},
		{"rounds to the nearest", "", "version 3\nadvert_int 0.014", "Interval = 10ms", []string{"101:12: warning: vrrp_instance I: version 3 cannot say an interval of 14ms; 10ms is taken"}},
		{"up to 40.95", "", "version 3\nadvert_int 50", "Interval = 40.95s", []string{"101:12: warning: vrrp_instance I: version 3 cannot say an interval of 50s; 40.95s is taken"}},
		{"an interval that is none", "", "advert_int abc", "Interval = 1s", []string{`100:12: warning: advert_int: want a number of seconds, not "abc"; the line is ignored`}},
		{"an exponent is none", "", "advert_int 1e1", "Interval = 1s", []string{`100:12: warning: advert_int: want a number of seconds, not "1e1"; the line is ignored`}},

		{"nopreempt of an owner", "", "priority 255\nnopreempt", "NoPreempt = false", []string{"101:1: warning: vrrp_instance I: nopreempt cannot be of priority 255; it is ignored"}},
		{"nopreempt of a MASTER", "", "state MASTER\npriority 9\nnopreempt", "NoPreempt = false", []string{"102:1: warning: vrrp_instance I: nopreempt needs state BACKUP; it is ignored"}},
		{"nopreempt and back", "", "nopreempt\npreempt", "NoPreempt = false @101:1", nil},
		{"preempt_delay of a MASTER", "", "state MASTER\npriority 9\npreempt_delay 5", "PreemptDelay = 0s", []string{"102:15: warning: vrrp_instance I: preempt_delay needs state BACKUP; it is ignored"}},
		{"preempt_delay with nopreempt", "", "nopreempt\npreempt_delay 5", "PreemptDelay = 0s|NoPreempt = true", []string{"101:15: warning: vrrp_instance I: preempt_delay has no meaning with nopreempt; it is ignored"}},
		{"preempt_delay", "", "preempt_delay 4.12", "PreemptDelay = 4.12s", nil},

		{"garp of its own does not move lower_prio", "", "garp_master_delay 10\ngarp_master_repeat 7", "GARP.Delay = 10s|GARP.Repeat = 7|GARP.LowerPrioDelay = 5s|GARP.LowerPrioRepeat = 5", nil},
		{"the global one does", "vrrp_garp_master_delay 3\nvrrp_garp_master_repeat 2", "", "GARP.LowerPrioDelay = 3s|GARP.LowerPrioRepeat = 2", nil},
		{"min_garp", "vrrp_min_garp", "", "GARP.Delay -|GARP.Repeat = 1|GARP.RefreshRepeat -|GARP.LowerPrioDelay -|GARP.LowerPrioRepeat = 1", nil},
		{"min_garp and what is explicit", "vrrp_garp_master_delay 3\nvrrp_min_garp", "garp_master_repeat 4", "GARP.Delay = 3s|GARP.Repeat = 4|GARP.LowerPrioDelay = 3s|GARP.LowerPrioRepeat = 1", nil},
		{"no repeat becomes one", "", "garp_master_repeat 0", "GARP.Repeat = 1", []string{"100:20: warning: garp_master_repeat: 0 is less than 1, which is taken"}},
		{"garp_lower_prio_repeat may be none", "", "garp_lower_prio_repeat 0", "GARP.LowerPrioRepeat = 0 @100:24", nil},
		{"the packaged file", "vrrp_skip_check_adv_addr\nvrrp_strict\nvrrp_garp_interval 0\nvrrp_gna_interval 0", "", "SkipCheckAdvAddr = true|Strict = true|Accept -", []string{
			"4:20: warning: vrrp_garp_interval: 0 is what it is without this line, and keepalived calls it out of range; the line is ignored",
			"5:19: warning: vrrp_gna_interval: 0 is what it is without this line, and keepalived calls it out of range; the line is ignored"}},

		{"strict takes MASTER from those who are not the owner", "vrrp_strict", "state MASTER\npriority 9", "State = BACKUP", []string{"100:7: warning: vrrp_instance I: in strict mode state MASTER is the owner's, of priority 255"}},
		{"strict makes the owner MASTER", "vrrp_strict", "state BACKUP\npriority 255", "State = MASTER|Accept = true|OwnerIgnoreAdverts = true", []string{"100:7: warning: vrrp_instance I: in strict mode state MASTER is the owner's, of priority 255"}},
		{"strict and timers", "vrrp_strict", "preempt_delay 5\ndown_timer_adverts 5\nhigher_prio_send_advert\ngarp_lower_prio_repeat 3", "PreemptDelay -|DownTimerAdverts = 3|HigherPrioSendAdvert = false|LowerPrioNoAdvert = true|GARP.LowerPrioRepeat -|GARP.LowerPrioDelay -", []string{
			"100:15: warning: vrrp_instance I: strict mode allows no preempt_delay; it is ignored",
			"101:20: warning: vrrp_instance I: strict mode allows no down_timer_adverts but 3; it is ignored",
			"102:1: warning: vrrp_instance I: strict mode allows no higher_prio_send_advert; it is ignored",
			"103:24: warning: vrrp_instance I: strict mode allows no garp_lower_prio_repeat; it is ignored"}},
		{"strict and accept", "vrrp_strict", "accept", "Accept -", []string{"100:1: warning: vrrp_instance I: strict mode allows no accept with version 2; it is ignored"}},
		{"strict and accept of version 3", "vrrp_strict\nvrrp_version 3", "accept", "Accept = true", nil},
		{"strict and vmac_xmit_base", "vrrp_strict", "use_vmac\nvmac_xmit_base", "TransmitBase -", []string{"101:1: warning: vrrp_instance I: strict mode allows no vmac_xmit_base; it is ignored"}},
		{"strict and passwords", "vrrp_strict", "authentication {\nauth_type PASS\nauth_pass a\n}", "Password -", []string{"102:11: warning: vrrp_instance I: strict mode allows no authentication; it is ignored"}},
		{"strict and IPv6", "vrrp_strict", "virtual_ipaddress { 2001:db8::1 }", "Version = 3", []string{"100:21: warning: vrrp_instance I: in strict mode the first IPv6 address should be link-local"}},
		{"strict here alone", "vrrp_strict", "strict_mode off", "Strict = false|Accept = true", nil},
		{"no strict mode from what is no word for it", "vrrp_strict maybe", "", "Strict -", []string{`2:13: warning: vrrp_strict: want on, off, true, false, yes or no, in small letters, not "maybe"; the line is ignored`}},

		{"IPv6 is version 3", "", "virtual_ipaddress { fe80::1 }", "Version = 3|IPv6 = true|Group = ff02::12|Addresses[0].Preferred -", nil},
		{"also when it says otherwise", "", "version 2\nvirtual_ipaddress { fe80::1/64 }", "Version = 3|Addresses[0].Preferred = 4294967295", []string{"100:9: warning: version 2 knows no IPv6; version 3 is taken"}},
		{"the first address decides", "", "virtual_ipaddress {\n10.1.2.3\nfe80::1\n10.1.2.4\n}", "IPv6 -|Addresses[1].Prefix = 10.1.2.4/32|Excluded[0].Prefix = fe80::1/128", []string{
			"102:1: warning: virtual_ipaddress: fe80::1 is not of the family of the first; it is taken for virtual_ipaddress_excluded"}},
		{"no address", "", "virtual_ipaddress { }", "Addresses[0].Prefix -", []string{"4:1: warning: vrrp_instance I has no address in virtual_ipaddress: say no_virtual_ipaddress if that is meant"}},
		{"no address is meant", "", "virtual_ipaddress { }\nno_virtual_ipaddress", "Addresses[0].Prefix -", nil},

		{"a password", "", "authentication {\nauth_pass 12345678\nauth_type PASS\n}", "Password = … @101:11", nil},
		{"a long password", "", "authentication {\nauth_type PASS\nauth_pass \"1234 56789\" x\n}", "Password = …", []string{"102:11: warning: auth_pass has 10 characters: only the first 8 are sent and compared"}},
		{"a password in version 3", "", "version 3\nauthentication {\nauth_type PASS\nauth_pass a\n}", "Password -", []string{"103:11: warning: vrrp_instance I: version 3 has no authentication; it is ignored"}},
		{"AH", "", "authentication {\nauth_type AH\nauth_pass a\n}", "Password -", []string{"101:11: error: auth_type AH: Regent does not speak IPsec AH, and without it peers that do would not hear it; use auth_type PASS, or none, on all of them"}},
		{"another type", "", "authentication {\nauth_type PAS\nauth_pass a\n}", "Password -", []string{`101:11: warning: auth_type is PASS or AH, not "PAS": did you mean "PASS"?; the instance goes without authentication`}},
		{"an empty block", "", "authentication { }", "Password -", []string{"100:1: warning: authentication needs auth_type PASS and auth_pass: the instance goes without"}},

		{"unicast", "vrrp_check_unicast_src", "unicast_src_ip 10.0.0.1\nunicast_peer { 10.0.0.2\n10.0.0.3 max_ttl 254\n}", "Unicast = true|UnicastTTL = 255|CheckSource = true|Peers[0].Addr = 10.0.0.2|Peers[0].MaxTTL = 255|Peers[1].MaxTTL = 254", nil},
		{"a ttl checks sources", "", "unicast_peer { 10.0.0.3 min_ttl 254 }", "CheckSource = true @100:25|Peers[0].MinTTL = 254", nil},
		{"one peer on a line", "", "unicast_peer { 10.0.0.3 10.0.0.4 }", "Peers[0].Addr = 10.0.0.3|Peers[1].Addr -", []string{
			`100:25: warning: unicast_peer: unknown option "10.0.0.4"; one peer stands on a line, with min_ttl N and max_ttl N; the rest of the line is ignored`}},
		{"peers of another family", "", "unicast_peer {\nfe80::2\n1.2.3.4\n}", "Peers[0].Addr = 1.2.3.4|Peers[1].Addr -", []string{"101:1: warning: unicast_peer: fe80::2 is not of the family of the instance; it is dropped"}},
		{"a source of another family", "", "mcast_src_ip fe80::1", "Source -", []string{"100:14: warning: fe80::1 is not of the family of the instance; the interface's own address is the source"}},
		{"a unicast keyword alone", "", "unicast_src_ip 10.0.0.1", "Unicast -|Source = 10.0.0.1", []string{"100:1: warning: vrrp_instance I has a unicast keyword but no unicast_peer: it uses multicast"}},
		{"unicast_fault_no_peer", "", "unicast_fault_no_peer", "Unicast = true", []string{"100:1: warning: vrrp_instance I has no unicast_peer: it stays in FAULT"}},
		{"a group that is none", "", "mcast_dst_ip 1.2.3.4", "Group = 224.0.0.18", []string{"100:14: warning: mcast_dst_ip: 1.2.3.4 is no multicast address of the family of the instance; it is ignored"}},
		{"use_vmac", "", "use_vmac v51 netlink_notify_msg group 0x10", "VMAC.Name = \"v51\"|VMAC.Tell = true|VMAC.Group = 16", nil},
		{"use_vmac with a MAC", "", "use_vmac name group 02:00:00:00:00", "VMAC.Name = \"group\"|VMAC.MAC = [2 0 0 0 0 2]|VMAC.Own = true", nil},
		{"use_vmac and unicast", "", "use_vmac\nunicast_peer { 10.0.0.2 }", "TransmitBase = true", nil},
		{"ipvlan", "", "use_ipvlan", "VMAC.At -", []string{"100:1: error: use_ipvlan: Regent does not put addresses on an ipvlan: use use_vmac, or plain addresses"}},

		{"mails", "smtp_alert", "", "Notify.Mail = true", nil},
		{"mails of VRRP", "smtp_alert\nsmtp_alert_vrrp off", "", "Notify.Mail -", nil},
		{"mails here", "smtp_alert_vrrp off", "smtp_alert", "Notify.Mail = true", nil},
		{"what is off is on", "", "skip_check_adv_addr off\npriority 255\nowner_ignore_adverts no", "SkipCheckAdvAddr = true|OwnerIgnoreAdverts = true", nil},
		{"a bare keyword with an argument", "enable_script_security false", "nopreempt false", "NoPreempt = true", nil},
		{"the first script counts", "", "notify_master /a\nnotify_master /b", `Notify.Master = ["/a"] @100:15`, []string{"101:15: warning: notify_master is set already, in line 100, which counts"}},
		{"users of scripts", "", "notify /a root\nnotify_fault /a root:adm\nnotify_stop /a root : adm\nnotify_backup /a root adm", `Notify.Any = ["/a"] as root|Notify.Fault = ["/a"] as root:adm|Notify.Stop = ["/a"] as root:adm|Notify.Backup = ["/a"] as root:adm`, nil},
		{"timer_expired_backup", "", "nopreempt\ntimer_expired_backup 90", "TimerExpiredBackup = 90", nil},
		{"timer_expired_backup and preemption", "", "timer_expired_backup", "TimerExpiredBackup = -1", []string{"100:1: warning: vrrp_instance I: timer_expired_backup needs nopreempt; it is ignored"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, got := said(t, body(tt.global, tt.instance))
			if diff := cmp.Diff(tt.said, got); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			expect(t, c, "Instances[0].", tt.want)
		})
	}
}

// expect compares lines of a dump: "Name = value" as one begins, "Name -" for none that begins so.
func expect(t *testing.T, c *Config, prefix, want string) {
	t.Helper()
	all := "\n" + dump(c)
	for w := range strings.SplitSeq(want, "|") {
		if w == "" {
			continue
		}
		if name, none := strings.CutSuffix(w, " -"); none {
			if at := strings.Index(all, "\n"+prefix+name+" ="); at >= 0 {
				line, _, _ := strings.Cut(all[at+1:], "\n")
				t.Errorf("%s, want none", line)
			}
			continue
		}
		quoted := regexp.MustCompile(`= "([^"]*)"`).ReplaceAllString(all, "= $1")
		if !strings.Contains(all, "\n"+prefix+w) && !strings.Contains(quoted, "\n"+prefix+w) {
			name, _, _ := strings.Cut(w, " =")
			got := "nothing"
			if at := strings.Index(all, "\n"+prefix+name+" "); at >= 0 {
				got, _, _ = strings.Cut(all[at+1:], "\n")
			}
			t.Errorf("want %s%s, got %s", prefix, w, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, want string
		said     string
	}{
		{"10.5.5.5/33", "Prefix = 10.5.5.5/32", `100:21: warning: virtual_ipaddress: "10.5.5.5/33": want a length from 0 to 32, which is taken`},
		{"10.5.5.6/31 brd +", "Broadcast -", "100:37: warning: virtual_ipaddress: a length of 31 leaves no broadcast; it is ignored"},
		{"10.5.5.7/24 brd - preferred_lft 5 scope 7", "Prefix = 10.5.5.7/24|Broadcast = 10.5.5.0|Preferred = 4294967295|Scope = 7", ""},
		{"10.5.5.8/24 brd + scope foo dev eth1 label abc", "Broadcast = 10.5.5.255|Dev = eth1|Label = abc|Scope -|ImpliedDev -",
			`100:45: warning: virtual_ipaddress: scope is global, site, link, host, nowhere or a number up to 255, not "foo"; it is ignored`},
		{"10.5.5.9/24 bogus dev eth1", "Dev = eth1", `100:33: warning: virtual_ipaddress: unknown option "bogus"; it is ignored`},
		{"10.5.5.10/24 dev", " -", "100:34: warning: virtual_ipaddress: dev needs a value; the line is dropped"},
		{"10.5.5.6/24 home peer 1.1.1.1 brd 10.5.5.255", "Prefix = 10.5.5.6/32|Peer = 1.1.1.1/32|Home = true|Broadcast -",
			"100:21: warning: virtual_ipaddress: an address with a peer has no length of its own; /24 is ignored|100:55: warning: virtual_ipaddress: an address has a peer or a broadcast; the broadcast is ignored"},
		{"10.5.5.11 peer 1.1.1.2/24 -nodad", "Peer = 1.1.1.2/24|DAD = true", ""},
		{"127.0.0.9 noprefixroute mngtmpaddr autojoin no_track use_vmac", "Scope = 254|NoPrefix = true|ManageTemp = true|AutoJoin = true|NoTrack = true|VMAC = true", ""},
		{"2001:db8::1 label x", "Prefix = 2001:db8::1/128|Preferred -|Label -", "100:39: warning: virtual_ipaddress: an IPv6 address has no label; it is ignored"},
		{"2001:db8::1 preferred_lft forever", "Preferred = 4294967295", ""},
		{"2001:db8::1/64 preferred_lft 0", "Preferred -", ""},
		{"2001:db8::1/64 scope link", "Scope -", "100:42: warning: virtual_ipaddress: the scope of an IPv6 address cannot be set; it is ignored"},
		{"::ffff:10.0.0.1", "Prefix = 10.0.0.1/32", ""},
		{"10.0.0.1 10.0.0.2", "Prefix = 10.0.0.1/32", `100:30: warning: virtual_ipaddress: unknown option "10.0.0.2"; it is ignored: each address stands on a line of its own`},
		{"10.0.0.1 labl eth0:1", "Label -", `100:30: warning: virtual_ipaddress: unknown option "labl": did you mean "label"?; it is ignored|100:35: warning: virtual_ipaddress: unknown option "eth0:1"; it is ignored`},
		{"10.0.0.1 label sixteen-letters1", "Label -", `100:36: warning: virtual_ipaddress: label "sixteen-letters1" is longer than 15 characters; it is ignored`},
		{"10.0.0.1 track_group G", "TrackGroup -", "100:30: warning: virtual_ipaddress: track_group is for static addresses; it is ignored"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			c, got := said(t, body("", "virtual_ipaddress { "+tt.in+"\n}\nno_virtual_ipaddress"))
			if diff := cmp.Diff(tt.said, strings.Join(got, "|")); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if tt.want == " -" {
				if len(c.Instances[0].Addresses) != 0 {
					t.Errorf("the address is there")
				}
				return
			}
			expect(t, c, "Instances[0].Addresses[0].", tt.want)
		})
	}
}

func TestMoreAddressesThanAnAdvertHolds(t *testing.T) {
	t.Parallel()
	c, got := said(t, body("", "virtual_ipaddress {\n~SEQ(i,1,255) 10.1.0.$i\n~SEQ(i,1,5) 10.1.1.$i\n}"))
	i := c.Instances[0]
	if len(i.Addresses) != 255 || len(i.Excluded) != 5 || len(got) != 5 {
		t.Errorf("%d addresses, %d excluded, said %q", len(i.Addresses), len(i.Excluded), got)
	}
	if want := fmt.Sprint(i.Excluded[4].Prefix); want != "10.1.1.5/32" {
		t.Errorf("the last excluded is %s", want)
	}
}
