// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf/keepalived"
)

// As keepalived 2.2.7: what cannot be run is not tracked, so that a forgotten script is no fault.
func TestScriptsThatCannotBeRunAreNotTracked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	text := "global_defs {\n script_user root\n @SECURITY@\n}\n"
	var names []string
	for _, s := range [][2]string{{"good", "/bin/true x"}, {"missing", dir + "/none"}, {"plain", put("plain", 0o644)}, {"directory", dir}, {"unknown", "is-not-in-path x"},
		{"insecure", put("insecure", 0o777)}, {"file", "</etc/passwd"}} {
		text += "vrrp_script " + s[0] + " {\n script \"" + s[1] + "\"\n}\n"
		names = append(names, s[0])
	}
	tracks := "track_script {\n" + strings.Join(names, "\n") + "\n}\n"
	text += "vrrp_instance a {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n}\n" + tracks + "}\n" +
		"vrrp_instance b {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress {\n 10.0.0.2\n}\n}\n" +
		"vrrp_instance c {\n interface eth0\n virtual_router_id 3\n virtual_ipaddress {\n 10.0.0.3\n}\n}\n" +
		"vrrp_sync_group g {\n group {\n b\n c\n}\n" + tracks + "}\n"
	for security, want := range map[string][]string{"": {"good", "insecure", "file"}, "enable_script_security": {"good", "file"}} {
		path := filepath.Join(dir, "keepalived.conf")
		if err := os.WriteFile(path, []byte(strings.Replace(text, "@SECURITY@", security, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		k := readToRun(path, keepalived.Options{})
		if k.config == nil {
			t.Fatalf("refused: %v", k.problems)
		}
		for what, list := range map[string][]keepalived.Track{"instance": k.model.Instances[0].Tracks.Scripts, "group": k.model.SyncGroups[0].Tracks.Scripts} {
			var got []string
			for _, track := range list {
				got = append(got, track.Name)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%q, %s: -want +got\n%s", security, what, d)
			}
		}
		said := 0
		for _, p := range k.problems {
			if strings.HasPrefix(p.Text, "Disabling track script ") {
				said++
			}
		}
		if said != len(names)-len(want) {
			t.Errorf("%q: %d are said to be disabled: %v", security, said, k.problems)
		}
	}
}
