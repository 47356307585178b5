// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// A lone node's worker dies: the address goes on answering at the virtual MAC until the new worker has it.
func TestVirtualMACAnswersAcrossACrash(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	client, err := lab.Node("client", "10.99.0.9/24", "2001:db8:99::9/64")
	if err != nil {
		t.Fatal(err)
	}
	db1.withVMAC(100, "vmac = true")
	db1.start()
	db1.is("orders", "ipv4", "active")
	db1.is("orders", "ipv6", "active")
	reaches(t, client)
	ended := make(chan time.Duration)
	stop := make(chan struct{})
	go func() {
		var longest time.Duration
		last := time.Now()
		for {
			select {
			case <-stop:
				ended <- longest
				return
			default:
			}
			if answers(client, virtual) {
				longest = max(longest, time.Since(last))
				last = time.Now()
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	db1.kill(db1.worker(), unix.SIGKILL)
	db1.until("another worker", 5*time.Second, func() bool { return db1.logged("RG1702") > 0 })
	db1.is("orders", "ipv4", "active")
	db1.is("orders", "ipv6", "active")
	time.Sleep(time.Second)
	close(stop)
	if gap := <-ended; gap > 200*time.Millisecond {
		t.Errorf("silent for %s\n%s", gap, db1.log())
	}
}

// table lists the table of virtual MACs; "" if there is none.
func (h *host) table() string {
	out, err := h.Run(context.Background(), "nft", "list", "table", "netdev", "regent-vmac")
	if err != nil {
		return ""
	}
	return out
}

// Firewalls are reloaded with a flush of all rules.
func TestVirtualMACOutlivesAFlushOfTheRules(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	db1.withVMAC(100, "vmac = true")
	db1.start()
	db1.is("orders", "ipv4", "active")
	db1.until("a table", 2*time.Second, func() bool { return strings.Contains(db1.table(), virtual) })
	for range 3 {
		db1.Run(t.Context(), "nft", "flush", "ruleset")                         //nolint:errcheck // an owner's table makes it fail
		db1.Run(t.Context(), "nft", "delete", "table", "netdev", "regent-vmac") //nolint:errcheck // likewise
		db1.until("a table", 2*time.Second, func() bool { return strings.Contains(db1.table(), virtual) })
	}
}

// What a killed daemon left goes at the next start, also if the file wants no virtual MAC any more.
func TestStartRemovesVirtualMACsOfAnEarlierRun(t *testing.T) {
	t.Parallel()
	for _, vmac := range []bool{true, false} {
		t.Run(fmt.Sprint(vmac), func(t *testing.T) {
			t.Parallel()
			lab := netlab.Test(t)
			db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
			db1.withVMAC(100, "vmac = true")
			db1.start()
			db1.is("orders", "ipv4", "active")
			worker := db1.worker()
			db1.kill(db1.cmd.Pid(), unix.SIGKILL)
			db1.kill(worker, unix.SIGKILL)
			<-db1.cmd.Done()
			db1.withVMAC(100, fmt.Sprintf("vmac = %v", vmac))
			db1.start()
			db1.is("orders", "ipv4", "active")
			links, err := db1.Run(t.Context(), "ip", "-o", "link", "show", "type", "macvlan")
			if err != nil || strings.Contains(links, "vrrp.51") != vmac {
				t.Errorf("%v %s", err, links)
			}
			if err := db1.cmd.Stop(10 * time.Second); err != nil {
				t.Error(err)
			}
			links, err = db1.Run(t.Context(), "ip", "-o", "link", "show", "type", "macvlan")
			if err != nil || links != "" || db1.table() != "" {
				t.Errorf("%v %s %s", err, links, db1.table())
			}
			for key, want := range map[string]string{"arp_ignore": "0", "arp_announce": "0"} {
				if got, err := db1.Run(t.Context(), "cat", "/proc/sys/net/ipv4/conf/eth0/"+key); err != nil || strings.TrimSpace(got) != want {
					t.Errorf("%s %s, %v", key, got, err)
				}
			}
		})
	}
}

func TestVirtualMACIsRenamedByAReload(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24", "2001:db8:99::1/64")
	client, err := lab.Node("client", "10.99.0.9/24", "2001:db8:99::9/64")
	if err != nil {
		t.Fatal(err)
	}
	db1.withVMAC(100, "vmac = true")
	db1.start()
	db1.is("orders", "ipv4", "active")
	db1.withVMAC(100, "vmac = true\nvmac_name = \"other\"")
	db1.reload()
	db1.until("renamed", 10*time.Second, func() bool {
		out, err := db1.Run(context.Background(), "ip", "-o", "link", "show", "type", "macvlan")
		return err == nil && strings.Contains(out, "other@") && !strings.Contains(out, "vrrp.51@")
	})
	reaches(t, client)
	if got := db1.table(); !strings.Contains(got, `"other"`) {
		t.Errorf("%s", got)
	}
}
