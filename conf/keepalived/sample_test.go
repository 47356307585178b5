// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples are those that Debian's package of keepalived 2.2.7 installs with its documentation: what is said about each,
// by line and the beginning of the text, and what `keepalived -t` exits with. They are not in this repository.
func TestTheSamplesOfKeepalivedAreAccepted(t *testing.T) {
	t.Parallel()
	const dir = "/usr/share/doc/keepalived/samples/"
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("REGENT_REQUIRE_NETWORK") != "" {
			t.Fatal(err)
		}
		t.Skip("Debian's package keepalived is not installed")
	}
	const (
		router  = "is the load balancer's"
		nothing = "there is no vrrp_instance"
	)
	for name, want := range map[string]struct {
		instances int
		status    int
		said      []string
	}{
		"vrrp":                  {4, 0, nil},
		"vrrp.sync":             {9, 0, nil},
		"vrrp.scripts":          {3, 0, nil},
		"vrrp.localcheck":       {9, 0, nil}, // 6 there, for scripts that root would run: that is not for a parser to know
		"track_interface":       {1, 5, []string{"31:9 the route to 192.168.112.0/24 names no interface"}},
		"conditional_conf":      {1, 5, []string{"6:1 vrrp_script check_VI_0 has no script", "25:3 vrrp_instance VI_0: track_script check_VI_0: there is no such vrrp_script"}},
		"vrrp.static_ipaddress": {1, 5, []string{"25:9 the route to 192.168.112.0/24 names no interface"}},
		"vrrp.routes": {1, 5, []string{"29:9 the route to 192.168.112.0/24 names no interface", "30:9 the route to 192.168.113.0/24 names no interface",
			"30:46 virtual_routes: or is an old word", "31:2 the route to 192.168.113.1/32 names no interface", "32:9 the route to 0.0.0.0/0 names no interface",
			"32:19 virtual_routes: gw is an old word"}},
		"vrrp.rules": {1, 5, []string{"10:5 static_rules: the rule has no preference; 16384", `11:8 static_rules: "192.168.100./24" is no address`,
			"25:9 virtual_rules: the rule has no preference; 16383", `26:12 virtual_rules: "192.168.200./24" is no address`}},
		"vrrp.lvs_syncd": {3, 5, []string{"3:1 vrrp_sync_group VG1 has no members", `4:3 unknown keyword "VI_2" in vrrp_sync_group VG1: instances stand in group`,
			`5:3 unknown keyword "VI_3" in vrrp_sync_group VG1: instances stand in group`, "11:5 lvs_sync_daemon_interface eth1 " + router, "50:1 virtual_server 192.168.200.19 80 " + router}},
		"sample": {1, 0, []string{"26:1 virtual_server 10.10.10.2 1358 " + router}},
		// The one error: AH cannot be spoken, and those who speak it would not hear us.
		"SSL_GET": {1, 5, []string{"20:19 ERROR auth_type AH: Regent does not speak IPsec AH", "30:1 virtual_server 192.168.200.100 443 " + router, "55:1 virtual_server 192.168.200.100 80 " + router}},

		"HTTP_GET.port":        {0, 0, []string{"13:1 " + nothing, "13:1 virtual_server 192.168.200.100 443 " + router}},
		"IPv6":                 {0, 0, []string{"7:1 " + nothing, "7:1 virtual_server_group IPv6_group " + router, "13:1 virtual_server ae00::1 80 " + router}},
		"PING_CHECK":           {0, 0, []string{"14:1 " + nothing, "14:1 virtual_server 10.10.10.2 1358 " + router}},
		"SMTP_CHECK":           {0, 0, []string{"25:1 " + nothing, "25:1 virtual_server 192.168.200.100 25 " + router}},
		"UDP_CHECK":            {0, 0, []string{"14:1 " + nothing, "14:1 virtual_server 10.10.10.2 1358 " + router}},
		"fwmark":               {0, 0, []string{"7:1 " + nothing, "7:1 virtual_server fwmark 1 " + router}},
		"inhibit":              {0, 0, []string{"13:1 " + nothing, "13:1 virtual_server 10.10.10.2 1358 " + router}},
		"misc_check":           {0, 0, []string{"14:1 " + nothing, "14:1 virtual_server 10.10.10.2 1358 " + router}},
		"misc_check_arg":       {0, 0, []string{"13:1 " + nothing, "13:1 virtual_server 10.10.10.2 1358 " + router}},
		"quorum":               {0, 0, []string{"23:1 " + nothing, "23:1 virtual_server 10.0.1.1 80 " + router}},
		"status_code":          {0, 0, []string{"14:1 " + nothing, "14:1 virtual_server 192.168.200.100 443 " + router}},
		"virtual_server_group": {0, 0, []string{"13:1 " + nothing, "13:1 virtual_server_group VSG_1 " + router, "22:1 virtual_server group VSG_1 " + router}},
		"virtualhost":          {0, 0, []string{"13:1 " + nothing, "13:1 virtual_server 192.168.200.100 80 " + router}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, ps := Parse(dir+"keepalived.conf."+name, Options{Files: os.DirFS("/"), ConfigID: "other", Host: "lb1"})
			var said []string
			for i, p := range ps {
				text := strings.TrimPrefix(p.String(), p.File+":")
				text = strings.Replace(strings.Replace(text, ": warning: ", " ", 1), ": error: ", " ERROR ", 1)
				if i < len(want.said) && strings.HasPrefix(text, want.said[i]) {
					text = want.said[i]
				}
				said = append(said, text)
			}
			if diff := cmp.Diff(want.said, said); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
			if len(c.Instances) != want.instances || ps.TestStatus() != want.status {
				t.Errorf("%d instances, status %d; want %d, %d", len(c.Instances), ps.TestStatus(), want.instances, want.status)
			}
			for _, i := range c.Instances {
				if len(i.Addresses) == 0 {
					t.Errorf("%s has lost its addresses", i.Name)
				}
			}
		})
	}
	found, err := filepath.Glob(dir + "keepalived.conf.*")
	if err != nil || len(found) != 25 {
		t.Errorf("%d samples, want the 25 above: %v", len(found), err)
	}
}

// The two machines of the sample for conditions.
func TestTheConditionalSample(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/share/doc/keepalived/samples"); err != nil && os.Getenv("REGENT_REQUIRE_NETWORK") == "" {
		t.Skip("Debian's package keepalived is not installed")
	}
	for id, priority := range map[string]int{"high": 170, "low": 85} {
		c, ps := Parse("/usr/share/doc/keepalived/samples/keepalived.conf.conditional_conf", Options{Files: os.DirFS("/"), ConfigID: id})
		if err := ps.Err(); err != nil {
			t.Fatal(err)
		}
		if c.Daemon.Namespace.V != id || len(c.Instances) != 1 || c.Instances[0].Priority.V != priority || len(c.Scripts) != 1 ||
			c.Scripts[0].Script.V.Args[0] != "/etc/keepalived/scripts/check_"+id+"_VI_0.sh" {
			t.Errorf("%s: %+v", id, c.Instances)
		}
	}
}
