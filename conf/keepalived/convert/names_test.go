// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A name that Regent does not allow becomes one that it does, and nobody else's; what was said of it is kept.
func TestNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	instance := func(name, vrid string) string {
		return "vrrp_instance \"" + name + "\" {\n interface eth0\n virtual_router_id " + vrid + "\n virtual_ipaddress { 10.0.0." + vrid + " }\n}\n"
	}
	long := strings.Repeat("x", 70)
	_, r, ps := text(instance("a b", "1") + instance("a/b", "2") + instance("a-b-2", "3") + instance("über", "4") + instance(long, "5") +
		instance("fine.1_2-3", "6") + "vrrp_sync_group \"a b\" {\n group {\n \"a b\"\n \"a/b\"\n }\n}\n")
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a-b": "a b", "a-b-3": "a/b", "-ber": "über", long[:63]: long, "a-b-4": "a b"}
	if diff := cmp.Diff(want, r.Process.Names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, line := range []string{`name = "fine.1_2-3"`, `name = "a-b-2"`, `services = ["a-b", "a-b-3"]`} {
		if !strings.Contains(string(r.TOML), line+"\n") {
			t.Errorf("no line %s in\n%s", line, r.TOML)
		}
	}
	for _, said := range []string{`1:1: warning: vrrp_instance "a b" is called "a-b": `, `31:1: warning: vrrp_sync_group "a b" is called "a-b-4": `} {
		if !strings.Contains(ps.Diagnostics().String(), "/k.conf:"+said) {
			t.Errorf("not said: %s\n%s", said, ps.Diagnostics())
		}
	}
}

// A line of the text comes from the line of the file that sets it, or from the block it stands in.
func TestEachLineKnowsWhereItComesFrom(t *testing.T) {
	t.Parallel()
	_, r, _ := text("global_defs {\n vrrp_garp_master_delay 7\n script_user nobody\n}\n# The gateway.\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n priority 7\n" +
		" virtual_ipaddress {\n 10.0.0.1\n 10.0.0.2\n }\n track_script { s weight 5 }\n}\nvrrp_script s {\n script \"/bin/s a\"\n}\n")
	want := map[string]int{
		"[notify]": 0, `user = "nobody"`: 3, "# The gateway.": 6, "[[service]]": 6, "priority = 7": 9, "addresses = [": 11, `  "10.0.0.2/32",`: 12,
		`on_fault = "release"`: 6, `garp.delay = "7s"`: 2, "[[service.check]]": 14, `exec = ["/bin/s", "a"]`: 17, "weight = 5": 14, `name = "s"`: 16,
	}
	lines := strings.Split(string(r.TOML), "\n")
	for i, l := range lines[:len(lines)-1] {
		if line, ok := want[l]; ok && r.Places[i].Line != line {
			t.Errorf("%q is from line %d, want %d", l, r.Places[i].Line, line)
		}
		delete(want, l)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v\n%s", want, r.TOML)
	}
	for i := range lines {
		if at := r.Place(i + 1); i > 10 && !at.IsSet() {
			t.Errorf("line %d has no place", i+1)
		}
	}
}
