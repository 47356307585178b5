// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/netlab"
)

// What hosts are to believe of VRID 51.
var virtualMACs = map[string]string{virtual: "00:00:5e:00:01:33", virtual6: "00:00:5e:00:02:33"}

// withVMAC configures a node that performs a service on interfaces with virtual MACs.
func (h *host) withVMAC(priority int, more string) {
	h.t.Helper()
	h.configure(fmt.Sprintf(`
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["%s/24", "%s/64"]
advert_interval = "200ms"
priority = %d
garp = { delay = "1s" }
%s
`, virtual, virtual6, priority, more))
}

// answers reports whether an address says something to a client, be it that nobody listens.
func answers(client *netlab.Node, address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := client.Dial(ctx, "tcp", net.JoinHostPort(address, "9"))
	if err == nil {
		c.Close()
	}
	return err == nil || errors.Is(err, unix.ECONNREFUSED)
}

// believes is what a client takes for the place of an address.
func believes(t *testing.T, client *netlab.Node, address string) string {
	t.Helper()
	out, err := client.Run(context.Background(), "ip", "neigh", "show", "to", address, "dev", "eth0")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// reaches waits until a client that knows no MAC gets an answer of both addresses.
func reaches(t *testing.T, client *netlab.Node) {
	t.Helper()
	for _, a := range []string{virtual, virtual6} {
		for start := time.Now(); ; {
			if out, err := client.Run(t.Context(), "ip", "neigh", "flush", "all"); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			if answers(client, a) {
				break
			}
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%s does not answer", a)
			}
		}
		if got := believes(t, client, a); !strings.Contains(got, "lladdr "+virtualMACs[a]) {
			t.Errorf("the client believes %q of %s, want %s", got, a, virtualMACs[a])
		}
	}
}

// judgeMACs looks at every frame of a capture that says where a virtual address is, in whatever way, and at every advert.
func judgeMACs(t *testing.T, path string) {
	t.Helper()
	records, err := netlab.Tshark(t.Context(), path, "arp || ip || ipv6", "frame.number", "eth.src", "arp.src.proto_ipv4", "arp.src.hw_mac", "ip.src", "ipv6.src",
		"vrrp.virt_rtr_id", "icmpv6.type", "icmpv6.nd.na.target_address", "icmpv6.opt.linkaddr")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	check := func(r map[string]string, what, address string, macs ...string) {
		want, ours := virtualMACs[address]
		for _, mac := range macs {
			if ours && mac != "" && mac != want {
				t.Errorf("frame %s: %s of %s at %s, want %s", r["frame.number"], what, address, mac, want)
			}
		}
		if ours {
			seen[what+" "+address]++
		}
	}
	for _, r := range records {
		check(r, "ARP", r["arp.src.proto_ipv4"], r["eth.src"], r["arp.src.hw_mac"])
		check(r, "neighbour advertisement", r["icmpv6.nd.na.target_address"], r["eth.src"], r["icmpv6.opt.linkaddr"])
		solicited := ""
		if r["icmpv6.type"] == "135" {
			solicited = r["icmpv6.opt.linkaddr"]
		}
		check(r, "packet", r["ip.src"], r["eth.src"])
		check(r, "packet", r["ipv6.src"], r["eth.src"], solicited)
		if r["vrrp.virt_rtr_id"] != "" {
			want, family := virtualMACs[virtual], "IPv4"
			if r["ipv6.src"] != "" {
				want, family = virtualMACs[virtual6], "IPv6"
			}
			seen["advert "+family]++
			if r["eth.src"] != want {
				t.Errorf("frame %s: an advert from %s, want %s", r["frame.number"], r["eth.src"], want)
			}
		}
	}
	for _, what := range []string{"ARP " + virtual, "neighbour advertisement " + virtual6, "packet " + virtual, "packet " + virtual6, "advert IPv4", "advert IPv6"} {
		if seen[what] == 0 {
			t.Errorf("no %s was seen", what)
		}
	}
}

// Hosts on the segment never learn the physical MAC for a virtual address, whoever answers for it, and whatever happens meanwhile.
func TestHostsNeverLearnThePhysicalMAC(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	db2 := newHost(t, lab, "db2", "10.99.0.2/24", "2001:db8:99::2/64")
	client, err := lab.Node("client", "10.99.0.9/24", "2001:db8:99::9/64")
	if err != nil {
		t.Fatal(err)
	}
	wire, err := lab.Capture("wire", "")
	if err != nil {
		t.Fatal(err)
	}
	db1.withVMAC(200, "vmac = true")
	db2.withVMAC(100, "vmac = true")
	owned := func(by, not *host) {
		t.Helper()
		for _, f := range []string{"ipv4", "ipv6"} {
			by.is("orders", f, "active")
			not.is("orders", f, "backup")
		}
		by.until("holding both", 5*time.Second, func() bool { return by.holds(virtual) && by.holds(virtual6) })
		not.until("without both", 5*time.Second, func() bool { return !not.holds(virtual) && !not.holds(virtual6) })
		reaches(t, client)
	}
	db1.start()
	db1.is("orders", "ipv4", "active")
	db2.start()
	owned(db1, db2)
	// The host itself speaks, from its own address and from the virtual one.
	for _, from := range []string{"10.99.0.1", virtual} {
		db1.ip("neigh", "flush", "all")
		c, err := db1.ListenPacket("udp", net.JoinHostPort(from, "0"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo([]byte("hello"), &net.UDPAddr{IP: net.IPv4(10, 99, 0, 9), Port: 9}); err != nil {
			t.Error(err)
		}
		c.Close()
	}

	db1.withVMAC(210, "vmac = true")
	db1.reload()
	db1.until("reloaded", 10*time.Second, func() bool { return db1.logged("RG1003") == 1 })
	owned(db1, db2)

	db1.kill(db1.worker(), unix.SIGKILL)
	owned(db2, db1) // it pre-empts nobody for a minute
	if err := db1.cmd.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	if out, err := db1.Run(t.Context(), "ip", "-o", "link", "show", "type", "macvlan"); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("interfaces are left: %v %s", err, out)
	}
	if out, err := db1.Run(t.Context(), "nft", "list", "tables"); err != nil || strings.Contains(out, "vmac") {
		t.Errorf("a table is left: %v %s", err, out)
	}
	db1.start()
	owned(db1, db2)

	// Somebody deletes the interface: it comes back, with its address.
	db1.ip("link", "del", "vrrp.51")
	db1.until("holding the address again", 5*time.Second, func() bool { return db1.holds(virtual) })
	reaches(t, client)

	// Away with it by a reload: the address stays, at the MAC of the node.
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	judgeMACs(t, path)
	db1.withVMAC(210, "vmac = false")
	db1.reload()
	db1.until("without its interface", 10*time.Second, func() bool {
		out, err := db1.Run(context.Background(), "ip", "-o", "link", "show", "type", "macvlan")
		return err == nil && strings.TrimSpace(out) == "" && db1.holds(virtual)
	})
	physical := db1.Port("eth0").MAC().String()
	db1.until("known at its own MAC", 10*time.Second, func() bool {
		return answers(client, virtual) && strings.Contains(believes(t, client, virtual), physical)
	})
}

// A pair with keepalived: both have the MAC, and whichever is active, hosts see no difference.
func TestVirtualMACBesideKeepalived(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	db2 := newHost(t, lab, "db2", "10.99.0.2/24", "2001:db8:99::2/64")
	client, err := lab.Node("client", "10.99.0.9/24", "2001:db8:99::9/64")
	if err != nil {
		t.Fatal(err)
	}
	instance := func(name, address string) string {
		return fmt.Sprintf("vrrp_instance %s {\n interface eth0\n virtual_router_id 51\n priority 100\n advert_int 0.2\n use_vmac\n virtual_ipaddress { %s }\n}\n", name, address)
	}
	db2.keepalived("global_defs {\n vrrp_version 3\n}\n" + instance("four", virtual+"/24") + instance("six", conf.LinkLocal(51).String()+"/64\n "+virtual6+"/64"))
	db2.until("holding both", 10*time.Second, func() bool { return db2.holds(virtual) && db2.holds(virtual6) })
	served := func() {
		t.Helper()
		db1.until("somebody answers", 10*time.Second, func() bool { return answers(client, virtual) && answers(client, virtual6) })
	}
	served()
	db1.withVMAC(200, "vmac = true")
	db1.start()
	for _, f := range []string{"ipv4", "ipv6"} {
		db1.is("orders", f, "active")
	}
	db2.until("without both", 5*time.Second, func() bool { return !db2.holds(virtual) && !db2.holds(virtual6) })
	// What keepalived says is not judged: its requests tell the physical MAC.
	wire, err := lab.Capture("wire", "")
	if err != nil {
		t.Fatal(err)
	}
	reaches(t, client)
	for _, four := range []bool{true, false} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := wire.Wait(ctx, time.Now(), func(f netlab.Frame) bool {
			src, _, proto, _, ok := f.IP()
			return ok && proto == 112 && src.Is4() == four
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if err := db1.cmd.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	db2.until("holding both again", 10*time.Second, func() bool { return db2.holds(virtual) && db2.holds(virtual6) })
	served()
	judgeMACs(t, path)
}

// An interface of that name belongs to somebody else: it is left alone, and the address is on the service's interface.
func TestAStrangersInterfaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	db1.ip("link", "add", "mine", "type", "veth", "peer", "name", "yours")
	db1.withVMAC(200, "vmac = true\nvmac_name = \"mine\"")
	db1.start()
	db1.is("orders", "ipv4", "active")
	db1.until("holding the address", 5*time.Second, func() bool { return db1.holds(virtual) })
	held, err := db1.Addresses("eth0")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range held {
		found = found || p.Addr() == netip.MustParseAddr(virtual)
	}
	if !found || db1.logged("RG1507") == 0 || !strings.Contains(db1.log(), "choose another vmac_name") {
		t.Errorf("%v on eth0, want %s, and a record that says why\n%s", held, virtual, db1.log())
	}
}
