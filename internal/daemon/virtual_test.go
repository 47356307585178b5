// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/takeover/vmac"
)

func TestServicesWantInterfacesWithVirtualMACs(t *testing.T) {
	t.Parallel()
	four, six := vmac.RFC(51, false), vmac.RFC(51, true)
	own := vmac.MAC{2, 0, 0, 0, 0, 0x51}
	for name, c := range map[string]struct {
		text string
		want []vmac.Want
	}{
		"none": {`addresses = ["10.0.0.1/24"]`, nil},
		"of both families": {
			"vmac = true\nvmac_name = \"virtual0\"\naddresses = [\"10.0.0.1/24\", \"2001:db8::1/64\"]",
			[]vmac.Want{{Name: "virtual0", VRID: 51, Base: "eth0", MAC: four, Adverts: true}, {VRID: 51, Six: true, Base: "eth0", MAC: six, IPv6: true, Adverts: true}},
		},
		"with a MAC of its own, and adverts from below": {
			"vmac = true\nvmac_address = \"02:00:00:00:00:51\"\nvmac_transmit_base = true\naddresses = [\"10.0.0.1/24\"]",
			[]vmac.Want{{VRID: 51, Base: "eth0", MAC: own}},
		},
		"unicast": {
			"vmac = true\nunicast_peers = [\"10.0.0.9\"]\naddresses = [\"10.0.0.1/24\"]",
			[]vmac.Want{{VRID: 51, Base: "eth0", MAC: four}},
		},
		"with IPv6 addresses beside": {
			"vmac = true\naddresses = [\"10.0.0.1/24\"]\nexcluded_addresses = [\"2001:db8::1/64\"]",
			[]vmac.Want{{VRID: 51, Base: "eth0", MAC: four, IPv6: true, Adverts: true}},
		},
		"with IPv6 addresses on the interface itself": {
			"vmac = true\naddresses = [\"10.0.0.1/24\"]\nexcluded_addresses = [\"2001:db8::1/64 dev eth0\"]",
			[]vmac.Want{{VRID: 51, Base: "eth0", MAC: four, Adverts: true}},
		},
		"of single addresses, on another interface": {
			"addresses = [\"10.0.0.1/24\", \"10.1.0.1/24 dev eth1 use_vmac\"]\nexcluded_addresses = [\"10.1.0.2/24 dev eth1 use_vmac\"]",
			[]vmac.Want{{VRID: 51, Base: "eth1", MAC: four}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := conf.Options{HostName: "db1"}.Parse("f", []byte("[[service]]\nname = \"orders\"\ninterface = \"eth0\"\nvirtual_router_id = 51\npriority = 100\n"+c.text+"\n"))
			if cfg == nil {
				t.Fatal(diags)
			}
			var got []vmac.Want
			for _, s := range specs(cfg, &cfg.Services[0], preference{priority: 100}, 0) {
				got = append(got, s.virtuals()...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
