// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrderOfSteps(t *testing.T) {
	one := func(s string) []Address { return []Address{{netip.MustParsePrefix(s), 2}} }
	refusing := Service{Name: "refusing", Addresses: one("10.0.0.1/32"), Guarded: true}
	serving := Service{Name: "serving", Addresses: one("10.0.0.2/32"), Guarded: true, Serve: true}
	stateless := Service{Name: "stateless", Addresses: one("10.0.0.3/32"), Guarded: true, Serve: true, Stateless: true}
	plain := Service{Name: "plain", Addresses: one("10.0.0.4/32"), Serve: true}
	all := []Service{refusing, serving, stateless, plain}
	for _, c := range []struct {
		name  string
		steps []Step
		want  string
	}{
		{"take nothing", Take(nil), ""},
		{"take a plain service", Take([]Service{plain}), `
			add addresses: plain [10.0.0.4]
			announce: plain [10.0.0.4]
			tickle: plain [10.0.0.4]`},
		{"take all in one batch", Take(all), `
			refuse: refusing serving stateless [10.0.0.1 10.0.0.2 10.0.0.3]
			serve: serving stateless [10.0.0.2 10.0.0.3]
			add addresses: refusing serving stateless plain [10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]
			announce: refusing serving stateless plain [10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]
			tickle: refusing serving stateless plain [10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]`},
		{"give back as planned: make before break", Give(all, Planned), `
			end serving: serving [10.0.0.2]
			refuse: plain [10.0.0.4]
			destroy sockets: refusing serving plain [10.0.0.1 10.0.0.2 10.0.0.4]
			stop announcing: refusing serving stateless plain [10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]
			send release: refusing serving stateless plain
			await heir: refusing serving stateless plain
			end serving: stateless [10.0.0.3]
			destroy sockets: stateless [10.0.0.3]
			delete addresses: refusing serving stateless plain [10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]
			end refusing: plain [10.0.0.4]`},
		{"lost to another node", Give([]Service{serving, plain}, Lost), `
			stop announcing: serving plain [10.0.0.2 10.0.0.4]
			end serving: serving [10.0.0.2]
			refuse: plain [10.0.0.4]
			destroy sockets: serving plain [10.0.0.2 10.0.0.4]
			delete addresses: serving plain [10.0.0.2 10.0.0.4]
			end refusing: plain [10.0.0.4]`},
		{"link is cut", Give([]Service{refusing}, Cut), `
			stop announcing: refusing [10.0.0.1]
			destroy sockets: refusing [10.0.0.1]
			delete addresses: refusing [10.0.0.1]`},
		{"retired from the configuration", Give([]Service{refusing}, Retired), `
			destroy sockets: refusing [10.0.0.1]
			stop announcing: refusing [10.0.0.1]
			send release: refusing
			await heir: refusing
			delete addresses: refusing [10.0.0.1]
			end refusing: refusing [10.0.0.1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			for line := range strings.Lines(c.want) {
				if line = strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			var got []string
			for _, s := range c.steps {
				line := fmt.Sprintf("%s: %s", s.Do, strings.Join(s.Services, " "))
				var as []string
				for _, a := range s.Addresses {
					as = append(as, a.Prefix.Addr().String())
				}
				if as != nil {
					line += fmt.Sprintf(" %v", as)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}
