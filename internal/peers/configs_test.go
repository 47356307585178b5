// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEachDaemonIsToldTheSameRouter(t *testing.T) {
	v4 := Router{
		Interface: "eth0", VRID: 51, Version: 3, Priority: 150, Interval: 200 * time.Millisecond, NoPreempt: true,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.99.0.100/24")},
	}
	unicast := v4
	unicast.NoPreempt, unicast.Refuse = false, true
	unicast.Source = netip.MustParseAddr("10.99.0.1")
	unicast.Peers = []netip.Addr{netip.MustParseAddr("10.99.0.2")}
	v6 := v4
	v6.Addresses = []netip.Prefix{
		netip.MustParsePrefix("fe80::99:100/64"), netip.MustParsePrefix("2001:db8:99::100/64"),
	}
	pass := v4
	pass.Version, pass.Interval, pass.Password = 2, 2*time.Second, "secret12"

	tests := []struct {
		name                    string
		router                  Router
		realtime                bool
		keepalived, frr, regent string
	}{
		{
			name: "v3 without preemption", router: v4,
			keepalived: `global_defs {
    dynamic_interfaces
}
vrrp_instance peer1 {
    version 3
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority 150
    advert_int 0.2
    nopreempt
    virtual_ipaddress {
        10.99.0.100/24
    }
}
`,
			frr: `hostname peer
log stdout
interface eth0
 vrrp 51 version 3
 vrrp 51 priority 150
 vrrp 51 advertisement-interval 200
 no vrrp 51 preempt
 vrrp 51 ip 10.99.0.100
`,
			regent: `node = "a"

[[service]]
name = "peer1"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.100/24"]
version = 3
advert_interval = "200ms"
checksum = "pseudo-header"
priority = 150
preempt = false
`,
		},
		{
			name: "v3 unicast", router: unicast, realtime: true,
			keepalived: `global_defs {
    dynamic_interfaces
}
vrrp_instance peer1 {
    version 3
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority 150
    advert_int 0.2
    unicast_src_ip 10.99.0.1
    unicast_peer {
        10.99.0.2
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
}
`,
			regent: `node = "a"
realtime = true

[[service]]
name = "peer1"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.100/24"]
version = 3
advert_interval = "200ms"
checksum = "pseudo-header"
priority = 150
preempt = true
refuse = true
source = "10.99.0.1"
unicast_peers = ["10.99.0.2"]
`,
		},
		{
			name: "v3 IPv6", router: v6,
			keepalived: `global_defs {
    dynamic_interfaces
}
vrrp_instance peer1 {
    version 3
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority 150
    advert_int 0.2
    nopreempt
    virtual_ipaddress {
        fe80::99:100/64
        2001:db8:99::100/64
    }
}
`,
			frr: `hostname peer
log stdout
interface eth0
 vrrp 51 version 3
 vrrp 51 priority 150
 vrrp 51 advertisement-interval 200
 no vrrp 51 preempt
 vrrp 51 ipv6 fe80::99:100
 vrrp 51 ipv6 2001:db8:99::100
`,
			regent: `node = "a"

[[service]]
name = "peer1"
interface = "eth0"
virtual_router_id = 51
addresses = ["fe80::99:100/64", "2001:db8:99::100/64"]
link_local = "none"
version = 3
advert_interval = "200ms"
priority = 150
preempt = false
`,
		},
		{
			name: "v2 PASS", router: pass,
			keepalived: `global_defs {
    dynamic_interfaces
}
vrrp_instance peer1 {
    version 2
    interface eth0
    state BACKUP
    virtual_router_id 51
    priority 150
    advert_int 2
    nopreempt
    authentication {
        auth_type PASS
        auth_pass secret12
    }
    virtual_ipaddress {
        10.99.0.100/24
    }
}
`,
			regent: `node = "a"

[[service]]
name = "peer1"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.100/24"]
version = 2
advert_interval = "2s"
priority = 150
preempt = false
authentication = { type = "PASS", password = "secret12" }
`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.keepalived, keepalivedConf(nil, tt.router)); diff != "" {
				t.Errorf("keepalived.conf (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.frr, frrConf(tt.router)); tt.frr != "" && diff != "" {
				t.Errorf("vrrpd.conf (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.regent, regentConf("a", tt.realtime, tt.router)); diff != "" {
				t.Errorf("regent.toml (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimersFollowTheProtocol(t *testing.T) {
	tests := []struct {
		router     Router
		interval   time.Duration
		skew, down time.Duration
	}{
		{Router{Version: 3, Priority: 100}, time.Second, 609375 * time.Microsecond, 3609375 * time.Microsecond},
		{Router{Version: 3, Priority: 254}, 100 * time.Millisecond, 781250, 300*time.Millisecond + 781250},
		{Router{Version: 2, Priority: 100}, 2 * time.Second, 609375 * time.Microsecond, 6609375 * time.Microsecond},
	}
	for _, tt := range tests {
		if got := tt.router.Skew(tt.interval); got != tt.skew {
			t.Errorf("skew of %+v: want %s, got %s", tt.router, tt.skew, got)
		}
		if got := tt.router.DownInterval(tt.interval); got != tt.down {
			t.Errorf("down interval of %+v: want %s, got %s", tt.router, tt.down, got)
		}
	}
}
