// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/internal/netlab"
)

// wireInstance is one of a file that keepalived and Regent run.
type wireInstance struct {
	name         string
	options      string
	theirs, ours string // options of one of them alone
}

const wireGlobal = `
global_defs {
  router_id lb
  script_user root
  enable_script_security
  vrrp_version 3
  @GLOBAL@
}
`

// wireFile is the file of node 1 or 2. Names that end with 6 are over IPv6.
func wireFile(global string, list []wireInstance, node, priority int) string {
	text := strings.Replace(wireGlobal, "@GLOBAL@", global, 1)
	for i, v := range list {
		own, net, address := v.theirs, "10.99.0.", v.address(i)+"/24"
		if node == 2 {
			own = v.ours
		}
		if v.family() == "ipv6" {
			net, address = "fd99::", fmt.Sprintf("fe80::%d/64\n%s/64", 101+i, v.address(i))
		}
		options := strings.NewReplacer("@ME@", fmt.Sprint(net, node), "@PEER@", fmt.Sprint(net, 3-node)).Replace(v.options)
		text += fmt.Sprintf("vrrp_instance %s {\nstate BACKUP\ninterface eth0\nvirtual_router_id %d\npriority %d\nadvert_int 0.2\n%s\n%s\nvirtual_ipaddress {\n%s\n}\n}\n",
			v.name, 51+i, priority, options, own, address)
	}
	return text
}

func (v wireInstance) family() string {
	if strings.HasSuffix(v.name, "6") {
		return "ipv6"
	}
	return "ipv4"
}

func (v wireInstance) address(i int) string {
	if v.family() == "ipv6" {
		return fmt.Sprintf("fd99::%d", 101+i)
	}
	return fmt.Sprintf("10.99.0.%d", 101+i)
}

// What travels in an unusual way is understood by keepalived and Regent in both directions: who is Active silences the other.
func TestKeepalivedAndRegentHearEachOther(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "keepalived")
	peer := func(more string) string { return "unicast_src_ip @ME@\nunicast_peer {\n@PEER@ " + more + "\n}\n" }
	for _, test := range []struct {
		name, global string
		instances    []wireInstance
	}{
		{"multicast", "vrrp_mcast_group4 224.0.0.77\nvrrp_mcast_group6 ff02::77", []wireInstance{
			{name: "group4"}, {name: "group6"}, {name: "destination4", options: "mcast_dst_ip 224.0.0.78"},
			{name: "usual6", options: "mcast_dst_ip ff02::12"},
		}},
		{"unicast", "", []wireInstance{
			{name: "ttl4", options: "unicast_ttl 64\n" + peer("min_ttl 64 max_ttl 64")},
			{name: "ttl6", options: "unicast_ttl 63\n" + peer("min_ttl 63 max_ttl 63")},
			{name: "keepalived_is_old", options: peer(""), theirs: "old_unicast_checksum"},
			{name: "regent_is_old", options: peer(""), ours: "old_unicast_checksum"},
			{name: "both_are_old", options: "old_unicast_checksum\n" + peer("")},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hearEachOther(t, test.global, test.instances)
		})
	}
}

func hearEachOther(t *testing.T, global string, list []wireInstance) {
	lab := netlab.Test(t)
	a := newHost(t, lab, "a", "10.99.0.1/24", "fd99::1/64")
	b := newHost(t, lab, "b", "10.99.0.2/24", "fd99::2/64")
	theirs := a.keepalived(wireFile(global, list, 1, 150))
	for i, v := range list {
		a.until("MASTER of "+v.name, 10*time.Second, func() bool { return a.holds(v.address(i)) })
	}
	b.convert(wireFile(global, list, 2, 100))
	b.start()
	for _, v := range list {
		b.is(v.name, v.family(), "backup")
		b.until("hearing keepalived of "+v.name, 10*time.Second, func() bool {
			s, _ := b.service(v.name, v.family())
			return s.Counters.AdvertisementRcvd >= 5
		})
		if s, _ := b.service(v.name, v.family()); s.State != "backup" || s.Counters.MasterTransitions != 0 {
			t.Errorf("%s is %s after %d transitions: want to have been backup all the time\n%s", v.name, s.State, s.Counters.MasterTransitions, b.log())
		}
	}
	if err := theirs.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		b.is(v.name, v.family(), "active")
	}

	wire, err := lab.Capture("back", "ip proto 112 or ip6 proto 112")
	if err != nil {
		t.Fatal(err)
	}
	theirs = a.keepalived(wireFile(global, list, 1, 50))
	a.until("BACKUP", 10*time.Second, func() bool {
		log, err := os.ReadFile(theirs.Log)
		return err == nil && strings.Count(string(log), "Entering BACKUP STATE") == len(list)
	})
	first := list[0]
	before, _ := b.service(first.name, first.family())
	b.until("beyond an Active_Down_Interval", 10*time.Second, func() bool {
		s, _ := b.service(first.name, first.family())
		return s.Counters.AdvertisementSent >= before.Counters.AdvertisementSent+6
	})
	for i, v := range list {
		if a.holds(v.address(i)) || !b.holds(v.address(i)) {
			t.Errorf("%s: keepalived has the address: %v, Regent: %v", v.name, a.holds(v.address(i)), b.holds(v.address(i)))
		}
	}
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	adverts, err := netlab.Adverts(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, advert := range adverts {
		if advert.Priority == 50 {
			t.Errorf("keepalived does not hear Regent: %+v", advert)
			break
		}
	}
}

// convert configures a node with a file of keepalived's.
func (h *host) convert(text string) {
	h.t.Helper()
	file := filepath.Join(h.dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	result, problems := convertKeepalived(file, keepalived.Options{ConfigID: h.Name()})
	if err := problems.Err(); err != nil {
		h.t.Fatal(problems.Diagnostics())
	}
	if err := os.WriteFile(h.file(), result.TOML, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// keepalived starts the real one in the foreground.
func (h *host) keepalived(text string) *netlab.Cmd {
	h.t.Helper()
	file := filepath.Join(h.dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	cmd, err := h.Start(context.Background(), "keepalived", "--dont-fork", "--vrrp", "--no-syslog", "--log-console", "--log-detail",
		"--use-file="+file, "--pid="+filepath.Join(h.dir, "keepalived.pid"), "--vrrp_pid="+filepath.Join(h.dir, "vrrp.pid"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.cmd = cmd
	return cmd
}
