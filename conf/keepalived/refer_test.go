// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// three are instances I1 to I3, each with the lines given.
func three(lines string) string {
	var b strings.Builder
	for _, n := range []string{"1", "2", "3"} {
		b.WriteString("vrrp_instance I" + n + " {\ninterface eth" + n + "\nvirtual_router_id " + n + "\nvirtual_ipaddress { 10.0.0." + n + " }\n" + lines + "\n}\n")
	}
	return b.String()
}

func TestReferences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   string
		want string
		said []string
	}{
		{"what is defined later is found", "vrrp_instance I { interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n track_script { s }\n}\nvrrp_script s {\n script /s\n weight -5 reverse\n}\n",
			"Instances[0].Tracks.Scripts[0].Weight = -5 reverse", nil},
		{"a weight of one's own", "vrrp_script s { script /s\n weight 9 }\n" + three("track_script { s weight 5 noreverse }"), "Instances[2].Tracks.Scripts[0].Weight = 5 @19:25", nil},
		{"a weight too large", "vrrp_script s { script /s }\n" + three("track_script { s weight 300 }"), "Instances[0].Tracks.Scripts[0].Weight = 253",
			[]string{"6:25: warning: weight: 300 is out of the range -253 to 253; 253 is taken", "12:25: warning: weight: 300 is out of the range -253 to 253; 253 is taken", "18:25: warning: weight: 300 is out of the range -253 to 253; 253 is taken"}},
		{"what is not there", "vrrp_script check { script /s }\nvrrp_instance I { interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n track_script {\n chekc weight 5\n check S2\n check\n }\n track_bfd { x }\n}\n",
			"Instances[0].Tracks.Scripts[0].Name = check|Instances[0].Tracks.Scripts[1].Name -|Instances[0].Tracks.BFDs[0].Name -", []string{
				`6:2: warning: vrrp_instance I: track_script chekc: there is no such vrrp_script: did you mean "check"?; it is ignored: nothing watches for the instance`,
				`7:8: warning: track_script: unknown option "S2"; one name stands on a line, with weight N and reverse; the rest of the line is ignored`,
				"8:2: warning: vrrp_instance I: track_script check is there already; the second is ignored",
				"10:14: warning: vrrp_instance I: track_bfd x: there is no such bfd_instance; it is ignored: nothing watches for the instance"}},
		{"an interface's own", "vrrp_instance I { interface eth0\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 }\n track_interface {\n eth0\n eth1 weight 10 reverse\n eth1\n eth2 weight\n}\n}\n",
			"Instances[0].Tracks.Interfaces[0].Weight = 10 reverse|Instances[0].Tracks.Interfaces[1].Name = eth2", []string{
				"5:2: warning: vrrp_instance I: track_interface eth0 is its own interface, which is tracked anyway; it is ignored",
				"7:2: warning: vrrp_instance I: track_interface eth1 is there already; the second is ignored",
				"8:7: warning: track_interface: weight needs a number; it is ignored"}},
		{"an owner is not weighed", "track_file f { file /f }\nvrrp_instance I { interface eth0\n virtual_router_id 1\n priority 255\n virtual_ipaddress { 10.0.0.1 }\n track_interface {\n eth1 weight 5\n eth2\n}\n track_file {\n f\n}\n}\n",
			"Instances[0].Tracks.Interfaces[0].Name = eth2|Instances[0].Tracks.Files[0].Name -", []string{
				"7:2: warning: vrrp_instance I: eth1 has a weight, and the priority of the owner, 255, does not change; it is ignored",
				"11:2: warning: vrrp_instance I: f has a weight, and the priority of the owner, 255, does not change; it is ignored"}},
		{"scripts without a script, files without a file", "vrrp_script a {\n interval 5\n}\ntrack_file f {\n}\nvrrp_track_process p {\n}\nbfd_instance b {\n}\n", "Scripts[0].Name -|TrackFiles[0].Name -", []string{
			"1:1: warning: vrrp_script a has no script; it is dropped", "4:1: warning: track_file f has no file; it is dropped",
			"6:1: warning: vrrp_track_process p has no process; it is dropped", "8:1: warning: bfd_instance b has no neighbor_ip; it is dropped"}},
		{"a script's numbers", "vrrp_script a {\n script /a\n interval 0\n fall 0\n rise 3\n timeout 0.0001\n weight -254 reverse\n user a : b\n}\n",
			"Scripts[0].Interval = 1s|Scripts[0].Fall = 1|Scripts[0].Rise = 3|Scripts[0].Timeout = 1s|Scripts[0].Weight = -253 reverse|Scripts[0].Script = [\"/a\"] as a:b", []string{
				"3:11: warning: interval: 0 is less than a millisecond; 1 second is taken", "4:7: warning: fall: 0 is less than 1, which is taken",
				"6:10: warning: timeout: 0.0001 is less than a millisecond; 1 second is taken", "7:9: warning: weight: -254 is out of the range -253 to 253; -253 is taken"}},
		{"a script's times", "vrrp_script a {\n script </dev/tcp\n interval 0.25\n}\n", "Scripts[0].Interval = 250ms|Scripts[0].Timeout = 250ms|Scripts[0].Readable = /dev/tcp|Scripts[0].Rise = 1", nil},
		{"a process", "vrrp_track_process a {\n process '/a b' 'c d' -e\n delay 0.5\n fork_delay 1\n}\n", `TrackProcesses[0].Process = ["/a b" "c d" "-e"]|TrackProcesses[0].Match = 1|TrackProcesses[0].QuorumMax = -1|TrackProcesses[0].ForkDelay = 1s|TrackProcesses[0].TerminateDelay = 500ms`, nil},
		{"bfd", "bfd_instance b {\n neighbour_ip 2001:db8::1\n min_rx 3.312\n checker\n}\n", "BFDs[0].MinRX = 3.312ms|BFDs[0].MinTX = 10ms|BFDs[0].IdleTX = 1s|BFDs[0].Multiplier = 5|BFDs[0].TTL = 64|BFDs[0].VRRP = false", nil},
		{"bfd over several hops", "bfd_instance b {\n neighbor_ip 192.0.2.1\n multihop\n}\n", "BFDs[0].TTL = 255|BFDs[0].Multihop = true @3:2", nil},

		{"a sync group", three("") + "vrrp_sync_group G {\n group {\n I1 I2\n I9\n }\n}\nvrrp_sync_group H {\n group {\n I1\n I3\n }\n}\nvrrp_sync_group N {\n}\n",
			`SyncGroups[0].Members[0] = I1|SyncGroups[0].Members[1] = I2|SyncGroups[1].Members[0] = I3|SyncGroups[2].Name -`, []string{
				`22:2: warning: vrrp_sync_group G: there is no vrrp_instance I9: did you mean "I1"?; it is ignored`,
				"25:1: warning: vrrp_sync_group H has one member, which is probably not what was meant",
				"27:2: warning: vrrp_sync_group H: I1 is in G already; it is ignored here",
				"31:1: warning: vrrp_sync_group N has no members: write group { INSTANCE … }; the group is dropped"}},
		{"weights in a sync group", "vrrp_script s { script /s }\ntrack_file f { file /f }\nvrrp_instance A { interface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\ntrack_script { s weight 5 }\ntrack_file { f }\ntrack_interface { eth9 weight 5 }\n}\n" +
			three("") + "vrrp_sync_group G {\n group { A I1 }\n track_script { s weight 3 }\n}\n",
			"Instances[0].Tracks.Scripts[0].Name -|Instances[0].Tracks.Files[0].Weight -|Instances[0].Tracks.Interfaces[0].Weight = 0|SyncGroups[0].Tracks.Scripts[0].Name -", []string{
				"6:16: warning: vrrp_instance A: s has a weight and is ignored in sync group G: nothing watches for the instance; give it weight 0, or see sync_group_tracking_weight",
				"7:14: warning: vrrp_instance A: the weight of track_file f is ignored in sync group G, and its failure means FAULT; see sync_group_tracking_weight",
				"8:19: warning: vrrp_instance A: the weight of track_interface eth9 is ignored in sync group G, and its failure means FAULT; see sync_group_tracking_weight",
				"30:17: warning: vrrp_sync_group G: s has a weight and is ignored in sync group G: nothing watches for the instance; give it weight 0, or see sync_group_tracking_weight"}},
		{"weights are wanted", "vrrp_script s { script /s }\n" + three("track_script { s weight 5 }") + "vrrp_sync_group G {\n group { I1 I2 }\n sync_group_tracking_weight\n}\n", "Instances[0].Tracks.Scripts[0].Weight = 5", nil},

		{"a group of owners starts as MASTER", strings.ReplaceAll(three(""), "interface", "priority 255\ninterface") + "vrrp_sync_group G {\n group { I1 I2 }\n}\n", "Instances[0].State = MASTER|Instances[1].State = MASTER", nil},
		{"no other does", strings.Replace(three("state MASTER\npriority 9"), "priority 9", "priority 255", 1) + "vrrp_sync_group G {\n group { I1 I2 }\n}\n", "Instances[0].State = BACKUP|Instances[1].State = BACKUP|Instances[2].State = MASTER", nil},

		{"the same name twice", three("") + "vrrp_instance I1 { interface eth9\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.1 } }\n", "", []string{"19:15: error: vrrp_instance I1 is there already, at /k.conf:1:15: give each its own name"}},
		{"the same VRID twice", three("") + "vrrp_instance I4 { interface eth1\n virtual_router_id 1\n virtual_ipaddress { 10.0.0.4 } }\n", "", []string{"20:20: error: I1 and I4 both use virtual_router_id 1 with IPv4 on eth1"}},
		{"the same VRID of two families, groups, or ways", three("") +
			"vrrp_instance I4 { interface eth1\n virtual_router_id 1\n virtual_ipaddress { fe80::4 } }\n" +
			"vrrp_instance I5 { interface eth1\n virtual_router_id 1\n mcast_dst_ip 224.0.0.19\n virtual_ipaddress { 10.0.0.4 } }\n" +
			"vrrp_instance I6 { interface eth1\n virtual_router_id 1\n unicast_peer { 10.9.0.4 }\n virtual_ipaddress { 10.0.0.4 } }\n" +
			"vrrp_instance I7 { interface eth1\n virtual_router_id 1\n unicast_peer { 10.9.0.5 }\n virtual_ipaddress { 10.0.0.4 } }\n", "", nil},
		{"the same VRID and peer", three("unicast_peer { 10.9.0.4 }") + "vrrp_instance I4 { interface eth1\n virtual_router_id 1\n unicast_peer {\n 10.9.0.5\n 10.9.0.4\n }\n virtual_ipaddress { 10.0.0.4 } }\n", "",
			[]string{"20:20: error: I1 and I4 both use virtual_router_id 1 with IPv4 on eth1"}},
		{"no VRID", "vrrp_instance A {\n interface eth0\n virtual_router_id 256\n virtual_ipaddress { 10.0.0.1 }\n}\n", "", []string{
			"1:1: error: vrrp_instance A: virtual_router_id must be set, from 1 to 255", "3:20: warning: virtual_router_id: 256 is out of the range 1 to 255; the line is ignored"}},
		{"unicast with a source needs no interface", "vrrp_instance A {\n virtual_router_id 1\n unicast_src_ip 10.0.0.7\n unicast_peer { 10.0.0.8 }\n virtual_ipaddress { 10.0.0.1 dev eth0 }\n}\n", "Instances[0].Unicast = true", nil},

		{"static items", "global_defs {\n default_interface eth5\n}\ntrack_group T {\n group { I1 }\n}\nstatic_ipaddress {\n 10.9.0.1/24 track_group T\n 10.9.0.2/24 track_group U\n}\n" + three(""),
			"StaticAddresses[0].Dev = eth5|StaticAddresses[0].TrackGroup = T|StaticAddresses[1].TrackGroup -|TrackGroups[0].Members[0] = I1", []string{"4:1: warning: track_group has no effect: a static item that vanishes is put back, and the instances stay as they are",
				"9:2: warning: there is no track_group U; it is ignored"}},
		{"paces", "garp_group {\n garp_interval 0.002\n interfaces { eth0 eth1 }\n}\ngarp_group {\n gna_interval 0.5\n interface eth1\n}\ngarp_group {\n interface eth4\n}\n",
			"GARPGroups[0].GARPInterval = 2ms|GARPGroups[0].Interfaces[1] = eth1|GARPGroups[1].Interfaces[0] -", []string{
				"7:12: warning: garp_group: eth1 is in a group already, in line 3; it is ignored here",
				"9:1: warning: garp_group needs an interface and garp_interval or gna_interval; the group is ignored"}},
		{"delays of interfaces", "interface_up_down_delays {\n eth1 0.5\n eth2 1 2\n eth3\n eth4 256\n}\n" + three(""), "InterfaceDelays[0].Down = 500ms|InterfaceDelays[0].Up = 500ms|InterfaceDelays[1].Down -", []string{
			"3:2: warning: interface_up_down_delays: the delays of eth2 must be less than 2s, after which peers of I2 take over; they are ignored",
			"4:2: warning: interface_up_down_delays: want INTERFACE DOWN [UP], in seconds; the line is ignored",
			"5:7: warning: interface_up_down_delays: 256 is out of the range 0 to 255 seconds; the line is ignored"}},
		{"link polling", "linkbeat_interfaces {\n eth0 mii\n eth1 foo\n eth2\n}\n", "Linkbeats[0].Method = MII|Linkbeats[1].Method -|Linkbeats[2].Interface = eth2", []string{
			`3:7: warning: linkbeat_interfaces: want MII, ETHTOOL or IOCTL, not "foo"; it is ignored`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, got := said(t, tt.in)
			if diff := cmp.Diff(tt.said, got); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			expect(t, c, "", tt.want)
		})
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	const text = "0123456789abcdef0123456789abcdef"
	block := func(s string) string { return body("", "auth_hmac {\n"+s+"\n}") }
	c, got := said(t, block("key 1 "+text+"\nkey 2 hex:"+strings.Repeat("0a", 33)+"\nkey 3 file:/etc/key\nactive_key 2\nmode permissive\nanti_replay monotonic"))
	if len(got) > 0 {
		t.Fatalf("said %q", got)
	}
	h := c.Instances[0].HMAC
	if len(h.Keys) != 3 || h.Keys[0].Key.Reveal() != text || h.Keys[1].Key.Reveal() != strings.Repeat("\n", 33) || h.Keys[2].File != "/etc/key" ||
		h.Active.V != 2 || h.Mode.V != HMACPermissive || h.Replay.V != ReplayMonotonic || h.Window.V.Seconds() != 5 {
		t.Errorf("%+v", h)
	}
	if all := dump(c); strings.Contains(all, text) {
		t.Errorf("a key is printed:\n%s", all)
	}
	for in, want := range map[string]string{
		"active_key 1":                                         "100:1: error: auth_hmac needs a key: key ID VALUE",
		"key 1 " + text:                                        "100:1: error: auth_hmac needs active_key: the number of the key to send with; keepalived goes without trailers",
		"key 1 " + text + "\nactive_key 2":                     "102:12: error: active_key 2: there is no such key in this block",
		"key 1 short\nactive_key 1":                            "100:1: error: auth_hmac needs a key: key ID VALUE|101:7: error: key 1 has 5 bytes: want 32 to 64, as text, hex: or file:",
		"key 1 hex:0g\nactive_key 1":                           "100:1: error: auth_hmac needs a key: key ID VALUE|101:7: error: key 1: hex: is followed by something else than pairs of hexadecimal digits",
		"key 1 " + text + "\nactive_key 1\nmode strict":        `103:6: error: mode is enforce, permissive or receive-only, not "strict"`,
		"key 1 " + text + "\nkey 1 " + text + "\nactive_key 1": "102:5: error: key 1 is there already, in line 101",
		"key 0 " + text + "\nkey 1 " + text + "\nactive_key 1": "101:5: warning: key: 0 is out of the range 1 to 255; the line is ignored",
		"key 1 " + text + "\nactive_key 1\nanti_replay tim":    `103:13: error: anti_replay is time or monotonic, not "tim": did you mean "time"?`,
		"key 1 " + text + "\nactive_key 1\ntime_window 301":    "103:13: warning: time_window: 301 is out of the range 1 to 300; the line is ignored",
	} {
		_, got := said(t, block(in))
		if diff := cmp.Diff(want, strings.Join(got, "|")); diff != "" {
			t.Errorf("%s: said (-want +got):\n%s", in, diff)
		}
		if strings.Contains(strings.Join(got, ""), "short") || strings.Contains(strings.Join(got, ""), text) {
			t.Errorf("a key is told: %q", got)
		}
	}
	_, got = said(t, body("", "authentication {\nauth_type PASS\nauth_pass a\n}\nauth_hmac {\nkey 1 "+text+"\nactive_key 1\n}"))
	if diff := cmp.Diff([]string{"102:11: warning: vrrp_instance I: auth_hmac takes the place of authentication, which is ignored"}, got); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}
