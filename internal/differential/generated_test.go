// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus is where the files in the shape of generators are.
const corpus = "../../testdata/keepalived/"

// generated are the files that are played: their interfaces, and what is replaced so that the programs which they name
// are there.
var generated = []struct {
	name    string
	replace []string
	node    Node
	kernel  bool
	until   Until
	chance  string
}{
	{name: "kubeadm", replace: []string{"/etc/keepalived/check_apiserver.sh", "/run/bin/check api"},
		node: Node{Interfaces: []Interface{{Name: "ens192", Prefixes: []string{"192.0.2.2/24"}}}, Checks: map[string]int{"api": 1}}},
	{name: "kolla", replace: []string{"/check_alive.sh", "/run/bin/check alive"},
		node: Node{Interfaces: []Interface{{Name: "eth0", Prefixes: []string{"10.30.0.11/24"}}}}},
	{name: "neutron", replace: []string{"/var/lib/neutron/ha_confs/r1/ha_check_script_1.sh", "/run/bin/check ha"},
		node: Node{Interfaces: []Interface{
			{Name: "ha-8ba1e1a8-1f", Prefixes: []string{"169.254.192.2/18"}},
			{Name: "qr-2aa9a1ec-50", Network: "qr"}, {Name: "qg-f4e1ab7c-c2", Network: "qg"},
		}}},
	{name: "nginx-plus", replace: []string{"/usr/lib/keepalived/nginx-ha-manual-failover", "/run/bin/check manual",
		"/usr/lib/keepalived/nginx-ha-check", "/run/bin/check nginx", "/usr/lib/keepalived/nginx-ha-notify", "/run/bin/any"},
		node: Node{Interfaces: []Interface{{Name: "eth0", Prefixes: []string{"192.168.100.100/24"}}}, Programs: recorders, Checks: map[string]int{"manual": 1}}},
	{name: "octavia", replace: []string{"/var/lib/octavia/vrrp/check_script.sh", "/run/bin/check amphora"},
		node: Node{Interfaces: []Interface{{Name: "eth1", Prefixes: []string{"198.51.100.11/24", "2001:db8:51::11/64"}}}}},
	{name: "oefenweb", node: Node{Interfaces: []Interface{{Name: "eth1", Prefixes: []string{"192.0.2.2/24"}}}}},
	{name: "openshift", replace: []string{"/etc/keepalived/chk_ocp_script.sh", "/run/bin/check lb", "/etc/keepalived/chk_ocp_script_both.sh", "/run/bin/check both"},
		node: Node{Interfaces: []Interface{{Name: "br-ex", Prefixes: []string{"192.0.2.21/24", "2001:db8::21/64"}}}, Checks: map[string]int{"both": 1}}},
	{name: "openstack-ansible", until: Until{"a says VRRP_Script(haproxy_check_script) failed"}, replace: []string{"/etc/keepalived/haproxy_notify.sh", "/run/bin/any"},
		node: Node{ScriptUser: true, Programs: recorders,
			Interfaces: []Interface{{Name: "br-ext", Prefixes: []string{"203.0.113.2/24"}}, {Name: "br-mgmt", Prefixes: []string{"172.29.236.2/24"}}}}},
	{name: "packaged", kernel: true, node: Node{Interfaces: []Interface{{Name: "eth0", Prefixes: []string{"192.0.2.2/24"}}}}},
	// Without what 2.2.7 wants of the machine (SNMP, D-Bus, real time, IPVS) or Regent refuses (iptables).
	{name: "puppet", replace: []string{"bond0.10", "bond10", "/usr/local/bin/check web", "/run/bin/check web", "/usr/local/bin/", "/run/bin/", "  enable_snmp_vrrp\n  enable_traps\n  enable_dbus\n", "",
		"  vrrp_rt_priority 50\n", "", "  vrrp_iptables INPUT OUTPUT\n  vrrp_ipsets keepalived keepalived6\n", "", "  lvs_sync_daemon_interface bond0\n", ""},
		kernel: true,
		node: Node{Programs: []string{"notify", "garp"},
			Interfaces: []Interface{{Name: "bond0", Network: "n1", Prefixes: []string{"192.0.3.2/24"}}, {Name: "bond1", Network: "n2"}, {Name: "bond10", Prefixes: []string{"192.0.2.2/24"}}}}},
	// Preemption is delayed by three minutes.
	{name: "vyos", chance: ` STOP `, until: Until{"a says VRRP_Script(healthcheck_WAN) succeeded"}, kernel: true,
		replace: []string{"/usr/libexec/vyos/system/keepalived-fifo.py", "/run/bin/read", "/config/scripts/check.sh", "/run/bin/check", "/config/scripts/", "/run/bin/",
			// 2.2.7 never leaves FAULT where an instance and its group track the same script.
			"    track_script {\n        healthcheck_WAN\n    }\n}\n\nvrrp_instance LAN", "}\n\nvrrp_instance LAN",
			"    vrrp_startup_delay 20\n", ""}, // which 2.2.7 never ends for a group whose script succeeds
		node: Node{Programs: []string{"up.sh", "down.sh"}, Files: map[string]string{"keepalived/README": ""}, // the directory of the FIFO
			Interfaces: []Interface{
				{Name: "eth0", Prefixes: []string{"203.0.113.2/25"}}, {Name: "eth1", Prefixes: []string{"10.0.0.2/24"}},
				{Name: "eth2", Network: "n2"}, {Name: "eth3", Network: "n3"},
			}}},
}

// ungenerated are the files that are not played, and why.
var ungenerated = map[string]string{
	"keywords": "one of nearly every keyword; newer ones are unknown to 2.2.7, and no machine has all it names",
}

func generatedCases(t *testing.T) []Case {
	t.Helper()
	var list []Case
	for _, g := range generated {
		text, err := os.ReadFile(corpus + g.name + ".conf")
		if err != nil {
			t.Fatal(err)
		}
		g.node.Conf = replaced(t, string(text), g.replace...)
		c := slow("generated "+g.name, g.node, g.until...)
		c.Kernel, c.Chance = g.kernel, g.chance
		list = append(list, c)
	}
	return list
}

// TestEveryGeneratedFileIsPlayedOrSaysWhyNot finds new files of the corpus.
func TestEveryGeneratedFileIsPlayedOrSaysWhyNot(t *testing.T) {
	files, err := filepath.Glob(corpus + "*.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	played := map[string]bool{}
	for _, g := range generated {
		played[g.name] = true
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".conf")
		if played[name] == (ungenerated[name] != "") {
			t.Errorf("%s: played %v, and the reason not to is %q", f, played[name], ungenerated[name])
		}
	}
}
