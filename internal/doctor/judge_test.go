// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/status"
)

// healthy is a node on which nothing is wrong.
func healthy() (*Question, *Facts) {
	p := Program{Path: "/bin/true", User: "nobody", For: `service "orders", notify`}
	q := &Question{
		Services: []Service{{Name: "orders", Interface: "eth0", VRID: 51, IPv4: true, IPv6: true, Refuses: true, Interval: 100 * time.Millisecond}},
		Programs: []Program{p}, Channel: true, StateDir: "/s", RunDir: "/r",
		Snapshot: &status.Snapshot{Node: "db1", Nodes: []status.Node{{Name: "db1", Alive: true}, {Name: "db2", Alive: true, Presence: "alive"}},
			Services: []status.Service{{Name: "orders", Family: "ipv4", Interface: "eth0", VirtualRouterID: 51, State: "backup", ActiveAddress: "10.0.0.2",
				Counters: status.Counters{AdvertisementRcvd: 5}}}},
	}
	f := &Facts{Capabilities: 1<<capNetAdmin | 1<<capNetRaw | 1<<capSetUID | 1<<capSetGID, Kernel: "6.1.0-13-amd64", CPUs: 2,
		Interfaces: map[string]Interface{"eth0": {Up: true, Multicast: true, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fe80::1/64")}}},
		Sysctls:    map[string]string{"net.ipv4.icmp_msgs_per_sec": "10000"}, Programs: map[Program]error{}, Directories: map[string]error{},
		Clock: ClockState{Known: true, Synchronised: true}}
	return q, f
}

func TestHealthyNodeHasNothingToComplainOf(t *testing.T) {
	t.Parallel()
	q, f := healthy()
	for _, found := range Judge(q, f) {
		if found.Level != OK {
			t.Errorf("%+v", found)
		}
	}
}

func TestEachTroubleIsNamedWithItsRemedy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil  func(*Question, *Facts)
		level  Level
		text   string
		remedy string // "": the text has it
	}{
		"a capability":     {func(_ *Question, f *Facts) { f.Capabilities &^= 1 << capNetRaw }, Bad, "lacks CAP_NET_RAW", "AmbientCapabilities=CAP_NET_RAW"},
		"for real time":    {func(q *Question, _ *Facts) { q.Realtime = true }, Bad, "lacks CAP_SYS_NICE, CAP_IPC_LOCK", "AmbientCapabilities"},
		"old kernel":       {func(_ *Question, f *Facts) { f.Kernel = "5.10.0" }, Note, "cannot mark addresses", ""},
		"ancient kernel":   {func(_ *Question, f *Facts) { f.Kernel = "4.19.1" }, Warn, "older than any", "5.4"},
		"no nftables":      {func(_ *Question, f *Facts) { f.NFTables = errors.New("no such protocol") }, Bad, "reach what listens on all addresses", "modprobe"},
		"slow errors":      {func(_ *Question, f *Facts) { f.Sysctls["net.ipv4.icmp_msgs_per_sec"] = "100" }, Note, "100 ICMP errors", "sysctl -w"},
		"another daemon":   {func(_ *Question, f *Facts) { f.Others = []string{"keepalived (pid 7)"} }, Warn, "keepalived (pid 7) runs here", "regent shadow"},
		"no interface":     {func(_ *Question, f *Facts) { delete(f.Interfaces, "eth0") }, Bad, "eth0 does not exist", "ip -br link"},
		"down":             {spoil(func(i *Interface) { i.Up = false }), Bad, "eth0 is down", "ip link set eth0 up"},
		"no address":       {spoil(func(i *Interface) { i.Addresses = i.Addresses[1:] }), Bad, "no IPv4 address", "source"},
		"no link-local":    {spoil(func(i *Interface) { i.Addresses = i.Addresses[:1] }), Bad, "no IPv6 link-local", "addr_gen_mode"},
		"IPv6 off":         {func(_ *Question, f *Facts) { f.Sysctls["net.ipv6.conf.eth0.disable_ipv6"] = "1" }, Bad, "IPv6 switched off", "disable_ipv6=0"},
		"tentative":        {spoil(func(i *Interface) { i.Tentative = 1 }), Warn, "1 addresses that are tentative", "duplicate"},
		"no multicast":     {spoil(func(i *Interface) { i.Multicast = false }), Bad, "no multicast", "unicast_peers"},
		"snooping":         {spoil(func(i *Interface) { i.Snooping = true }), Warn, "may stop after minutes", "multicast_querier"},
		"another manager":  {spoil(func(i *Interface) { i.Manager = "systemd-networkd" }), Note, "systemd-networkd", "KeepConfiguration"},
		"source elsewhere": {func(q *Question, _ *Facts) { q.Services[0].Source = netip.MustParseAddr("10.0.0.9") }, Bad, "sends from 10.0.0.9", "source"},
		"firewall": {func(q *Question, f *Facts) {
			f.Drops = []string{"inet filter input"}
			q.Snapshot.Services[0].Counters.AdvertisementRcvd = 0
		}, Warn, "is protocol 112 let in?", "nft insert rule inet filter input"},
		"no daemon":      {func(q *Question, _ *Facts) { q.Snapshot = nil }, Note, "no daemon runs", "regent run"},
		"a node is gone": {func(q *Question, _ *Facts) { q.Snapshot.Nodes[1].Alive = false }, Warn, "node db2 is not heard", "port"},
		"two owners": {func(q *Question, _ *Facts) {
			q.Snapshot.Services[0].State = "active"
			q.Snapshot.Nodes[1].Duties = map[string]string{"orders": "serve"}
		}, Bad, "no advert was ever received from db2: is protocol 112 filtered?", "unicast_peers"},
		"nobody heard": {func(q *Question, _ *Facts) {
			q.Snapshot.Services[0].State, q.Snapshot.Services[0].Counters.AdvertisementRcvd = "active", 0
		}, Note, "no advert was ever received", "drain"},
		"out of service": {func(q *Question, _ *Facts) {
			q.Snapshot.Services[0].State, q.Snapshot.Services[0].Reason = "initialize", "interface eth0 is down"
		}, Bad, "does not take part: interface eth0 is down", ""},
		"other addresses": {func(q *Question, _ *Facts) { q.Snapshot.Services[0].Counters.AddressListErrors = 3 }, Warn, "3 adverts with other addresses", "lists of addresses"},
		"a program": {func(q *Question, f *Facts) {
			f.Programs[q.Programs[0]] = errors.New("/opt can be written by everybody: chmod o-w /opt")
		}, Bad, "chmod o-w /opt", ""},
		"clock": {func(_ *Question, f *Facts) { f.Clock.Synchronised = false }, Note, "not synchronised", "NTP"},
		"clock that counts": {func(q *Question, f *Facts) {
			q.Timed, f.Clock.Synchronised = true, false
		}, Bad, "peers whose clock differs discard", "NTP"},
		"short interval": {func(q *Question, _ *Facts) { q.Services[0].Interval = 10 * time.Millisecond }, Warn, "each 10ms by ordinary scheduling", "realtime = true"},
		"drops":          {func(q *Question, _ *Facts) { q.Snapshot.Global.KernelDrops = 4 }, Warn, "dropped 4 adverts", "CPU"},
		"no room":        {func(_ *Question, f *Facts) { f.Directories["/s"] = errors.New("directory / cannot be written to") }, Bad, "cannot be written", "give it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, f := healthy()
			c.spoil(q, f)
			for _, found := range Judge(q, f) {
				if strings.Contains(found.Text, c.text) {
					if found.Level != c.level || !strings.Contains(found.Remedy, c.remedy) {
						t.Errorf("%+v, want %s with %q", found, c.level, c.remedy)
					}
					return
				}
			}
			t.Errorf("nothing says %q: %+v", c.text, Judge(q, f))
		})
	}
}

// spoil changes the interface.
func spoil(change func(*Interface)) func(*Question, *Facts) {
	return func(_ *Question, f *Facts) {
		i := f.Interfaces["eth0"]
		change(&i)
		f.Interfaces["eth0"] = i
	}
}

func TestFirewallThatLetsAdvertsInIsNoTrouble(t *testing.T) {
	t.Parallel()
	q, f := healthy()
	f.Drops = []string{"inet filter input"}
	for _, found := range Judge(q, f) {
		if found.Topic == "firewall" && found.Level != OK {
			t.Errorf("%+v", found)
		}
	}
}
