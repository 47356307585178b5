// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// samplesDir is where Debian's package puts keepalived's own samples.
const samplesDir = "/usr/share/doc/keepalived/samples/keepalived.conf."

// sampleLinks are the interfaces that the samples speak of.
var sampleLinks = []Interface{
	{Name: "eth0", Prefixes: []string{"192.168.200.2/24"}},
	{Name: "eth1", Prefixes: []string{"192.168.201.2/24"}},
	{Name: "eth2", Network: "n2", Prefixes: []string{"192.168.100.1/24"}},
	{Name: "vlan1", Network: "n4", Prefixes: []string{"192.168.203.2/24"}},
	{Name: "eth3", Network: "n3", Prefixes: []string{"192.168.212.2/24"}},
}

// samples are the VRRP and mixed samples that are played, with what is replaced in each.
var samples = []struct {
	name    string
	replace []string
	node    Node
	until   Until
	chance  string
}{
	{name: "vrrp"},
	{name: "vrrp.sync", replace: []string{"/usr/local/bin/", "/run/bin/"}, node: Node{Programs: []string{"vrrp.back", "vrrp.mast", "vrrp.fault"}}},
	{name: "vrrp.scripts", replace: []string{"/usr/local/bin/", "/run/bin/"}, node: Node{Programs: []string{"vrrp.back", "vrrp.mast", "vrrp.fault", "vrrp.sh"}}},
	{name: "vrrp.localcheck", chance: `Changing effective priority`}, // five scripts end at once, in any order
	{name: "vrrp.static_ipaddress"},
	{name: "vrrp.routes"},
	{name: "vrrp.rules"},
	// A VLAN's name; not each kernel has VLANs, and nothing asks what kind of interface it is.
	{name: "track_interface", replace: []string{"eth0.1", "vlan1"}},
	// The namespace would have to be made first; the rest of the file is what the sample shows.
	{name: "conditional_conf", node: Node{Args: []string{"-i", "high"}}, chance: `Changing effective priority`, // or with it from the start
		replace: []string{"@high net_namespace high\n", "", "/etc/keepalived/scripts/check_high_VI_0.sh", "/run/bin/check high", "advert_int 12", "advert_int 2"}},
	{name: "sample"},
	// Without what needs IPVS in the kernel.
	{name: "vrrp.lvs_syncd", replace: []string{"    lvs_sync_daemon_interface eth1\n", ""}},
}

// unplayed are the samples that are not, and why.
var unplayed = map[string]string{
	"SSL_GET":              "authentication by AH, which Regent refuses by name",
	"HTTP_GET.port":        "a load balancer alone, no VRRP",
	"IPv6":                 "a load balancer alone, no VRRP",
	"PING_CHECK":           "a load balancer alone, no VRRP",
	"SMTP_CHECK":           "a load balancer alone, no VRRP",
	"UDP_CHECK":            "a load balancer alone, no VRRP",
	"fwmark":               "a load balancer alone, no VRRP",
	"inhibit":              "a load balancer alone, no VRRP",
	"misc_check":           "a load balancer alone, no VRRP",
	"misc_check_arg":       "a load balancer alone, no VRRP",
	"quorum":               "a load balancer alone, no VRRP",
	"status_code":          "a load balancer alone, no VRRP",
	"virtual_server_group": "a load balancer alone, no VRRP",
	"virtualhost":          "a load balancer alone, no VRRP",
}

// sampleCases reads the samples; none are there where Debian's documentation is not installed.
func sampleCases(t *testing.T) []Case {
	t.Helper()
	var list []Case
	for _, s := range samples {
		text, err := os.ReadFile(samplesDir + s.name)
		if err != nil {
			t.Logf("no samples: %v", err)
			return nil
		}
		n := s.node
		n.Conf = replaced(t, string(text), s.replace...)
		n.Interfaces = sampleLinks
		c := slow("sample "+s.name, n, s.until...)
		c.Chance = s.chance
		list = append(list, c)
	}
	packaged, err := os.ReadFile("/etc/keepalived/keepalived.conf.sample")
	if err != nil {
		t.Logf("no packaged configuration: %v", err)
		return list
	}
	c := slow("sample packaged", Node{Conf: string(packaged), Interfaces: sampleLinks})
	c.Kernel = true
	return append(list, c)
}

// slow plays a start and a stop of one node with adverts each second.
func slow(name string, n Node, until ...string) Case {
	if len(until) == 0 {
		until = Until{"a settled"}
	}
	return Case{
		Name: name, Nodes: []Node{n}, Quiet: 1200 * time.Millisecond, Limit: 15 * time.Second,
		Steps: []Step{{"start", Start("a"), until}, {"stop", Stop("a"), Until{"a ended"}}},
	}
}

// replaced replaces texts by others, each of which must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("there is no %q to replace", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// TestEverySampleIsPlayedOrSaysWhyNot finds samples of a newer package.
func TestEverySampleIsPlayedOrSaysWhyNot(t *testing.T) {
	files, err := filepath.Glob(samplesDir + "*")
	if err != nil || len(files) == 0 {
		t.Skipf("no samples installed: %v", err)
	}
	played := map[string]bool{}
	for _, s := range samples {
		played[s.name] = true
	}
	for _, f := range files {
		name := strings.TrimPrefix(f, samplesDir)
		if played[name] == (unplayed[name] != "") {
			t.Errorf("sample %s: played %v, and the reason not to is %q", name, played[name], unplayed[name])
		}
	}
}
