// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"strings"
	"testing"
	"time"
)

// The manual's largest example in small: 8 × 32 × 254 routers would be 65024; here are 2032 of them.
func TestThousandsOfInstancesFromOneLine(t *testing.T) {
	t.Parallel()
	in := "$VI4= \\\ntrack_file offset.${IF}.${NUM}.${ID} { \\\n file \"/run/4.${IF}.${NUM}.${ID}\" \\\n weight -100 \\\n} \\\n" +
		"vrrp_instance vrrp4.${IF}.${NUM}.${ID} { \\\n interface bond${IF}.${NUM} \\\n use_vmac vrrp4.${IF}.${NUM}.${ID} \\\n" +
		" virtual_router_id ${ID} \\\n priority 130 \\\n virtual_ipaddress { \\\n 10.${IF}.${NUM}.${ID}/24 \\\n } \\\n" +
		" track_file { \\\n offset.${IF}.${NUM}.${ID} \\\n } \\\n}\n~SEQ(IF,0,0) ~SEQ(NUM,0,7) ~SEQ(ID,1,254) $VI4\n"
	start := time.Now()
	c, ps := Parse("/k.conf", options(files("/k.conf", in)))
	if err := ps.Err(); err != nil || len(c.Instances) != 8*254 || len(c.TrackFiles) != 8*254 {
		t.Fatalf("%d instances: %v", len(c.Instances), err)
	}
	last := c.Instances[len(c.Instances)-1]
	if last.Name != "vrrp4.0.7.254" || last.Addresses[0].Prefix.String() != "10.0.7.254/24" || last.Tracks.Files[0].Weight.V.N != -100 {
		t.Errorf("the last is %+v", last)
	}
	t.Logf("%d instances in %v", len(c.Instances), time.Since(start))
}

// What would not end is stopped by a bound, and says so once.
func TestBoundsHold(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"sequences":   "~SEQ(i,1,1000000) ~SEQ(j,1,1000000) $x",
		"definitions": "$a=\\\n$b\\\n$b\n$b=\\\n$c\\\n$c\n$c=\\\n$d\\\n$d\n$d=\\\n$a\\\n$a\n$a",
		"names":       "$a=$b$b \n$b=${c}${c}${c}\n$c=${d}${d}${d}\n$d=${a}\n${a}",
		"long lines":  "$a=" + strings.Repeat("x", 900) + "\n$b=" + strings.Repeat("${a}", 200) + "\n~SEQ(i,1,100000) ${b}",
		"lists":       "~LST(" + strings.Repeat("a,", 400) + "a) ~LST(" + strings.Repeat("b,", 50) + "b)~SEQ(i,1,1000) x",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := budget{files: maxFiles, lines: maxLines / 20, text: maxText / 20}
			start := time.Now()
			_, ps := parse("/k.conf", options(files("/k.conf", in)), b)
			n := 0
			for _, p := range ps {
				if p.Kind == File {
					n++
				}
			}
			if n != 1 || ps.Err() == nil {
				t.Errorf("%d bounds met: %.3v", n, ps)
			}
			t.Logf("stopped after %v", time.Since(start))
		})
	}
}
