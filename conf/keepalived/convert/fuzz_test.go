// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
)

// Whatever a file holds, what it becomes is TOML with a place for each line, the same each time, and of keys that Regent
// knows. What neither the parser nor the conversion refuses has a service for each instance.
func FuzzConvert(f *testing.F) {
	names, _ := filepath.Glob(corpus + "*.conf")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, k := range keepalived.Keywords() {
		around, hole := stage(k, k.Example)
		f.Add(around + hole)
	}
	f.Add("# \x00 \xff\n# \"\"\"\nvrrp_instance \"a\\\"b\" {\n interface \"e\\\\\"\n notify \"/x \\x01 \\xff '\\''\"\n}\n")
	f.Add("vrrp_instance a/b { interface e\nvirtual_router_id 1\n}\nvrrp_instance a-b { interface e\nvirtual_router_id 2\n}\nvrrp_sync_group \"\" { group { a/b a-b } }")
	f.Fuzz(holds)
}

// holds is what is so of any text.
func holds(t *testing.T, text string) {
	if len(text) > 1<<14 || strings.Contains(text, "~") {
		return // sequences make much of little
	}
	files := fstest.MapFS{"k.conf": {Data: []byte(text)}}
	c, ps := keepalived.Parse("/k.conf", keepalived.Options{Files: files, ConfigID: "lb1", Host: "lb1"})
	r, more := Convert(c, options())
	again, more2 := Convert(c, options())
	if diff := cmp.Diff(string(r.TOML), string(again.TOML)); diff != "" || len(more) != len(more2) {
		t.Fatalf("says another thing the second time:\n%s", diff)
	}
	if lines := strings.Count(string(r.TOML), "\n"); lines != len(r.Places) {
		t.Errorf("%d lines, %d places", lines, len(r.Places))
	}
	for _, p := range more {
		if p.File == "" || p.Line < 1 || p.Column < 1 || p.Text == "" {
			t.Errorf("a problem without a place: %+v", p)
		}
	}
	var values map[string]any
	if _, err := toml.Decode(string(r.TOML), &values); err != nil {
		t.Fatalf("not TOML: %v\n%s", err, r.TOML)
	}
	_, diags := conf.Options{HostName: "lb1", Secret: func(string) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }}.Parse("r.toml", r.TOML)
	for _, d := range diags {
		for _, wrong := range []string{"unknown key", "not TOML", " wants a ", "needs owner"} {
			if d.Severity == conf.Error && strings.Contains(d.Text, wrong) {
				t.Errorf("%s\nin:\n%s", d, r.TOML)
			}
		}
	}
	if ps.Err() != nil || more.Err() != nil {
		return
	}
	services, _ := values["service"].([]map[string]any)
	if len(services) != len(c.Instances) {
		t.Errorf("%d services of %d instances", len(services), len(c.Instances))
	}
}
