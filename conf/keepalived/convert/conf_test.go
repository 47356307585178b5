// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"
	"testing"

	"github.com/regent-ha/regent/conf"
)

// What is converted, and not refused by the conversion, is a regent.toml without an error.
func TestTheTextIsARegentConfiguration(t *testing.T) {
	t.Parallel()
	for name, dir := range inputs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, ps := read(t, dir, name)
			if ps.Err() != nil {
				t.Skipf("refused: %v", ps.Err())
			}
			o := conf.Options{HostName: "lb1", Secret: func(string) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }}
			_, diags := o.Parse("regent.toml", r.TOML)
			for _, d := range diags {
				if d.Severity == conf.Error {
					t.Errorf("%s\nfrom %s: %s", d, r.Place(d.Line), strings.Split(string(r.TOML), "\n")[d.Line-1])
				} else {
					t.Log(d)
				}
			}
		})
	}
}
