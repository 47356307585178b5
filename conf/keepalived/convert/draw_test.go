// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/conf/keepalived/draw"
)

// FuzzDrawnFilesRun draws files that keepalived starts with: they are read, converted, and run.
func FuzzDrawnFilesRun(f *testing.F) {
	for seed := range uint64(20) {
		from := draw.Seeded(seed)
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(from(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := draw.File(draw.Bytes(b), []string{"eth0", "eth1"})
		c, problems := keepalived.Parse("f", keepalived.Options{Files: fstest.MapFS{"f": {Data: []byte(text)}}})
		if err := problems.Err(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if want := len(regexp.MustCompile(`vrrp_instance\s+VI_`).FindAllString(text, -1)); len(c.Instances) != want {
			t.Errorf("%d instances, want %d\n%s", len(c.Instances), want, text)
		}
		result, said := Convert(c, options())
		if err := said.Err(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		cfg, diags := conf.Options{HostName: "db1"}.Parse("f", result.TOML)
		if cfg == nil {
			t.Fatalf("%s\n%s\nof\n%s", diags, result.TOML, text)
		}
		alike(t, c, cfg)
	})
}
