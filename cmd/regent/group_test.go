// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// gateway is two services on two networks that belong together, with a flag file that is a fault where it is missing.
const gateway = `
[notify]
script_security = false

[[sync_group]]
name = "G1"
services = ["inside", "outside"]
[sync_group.notify]
any = ["@DIR@/note"]
[[sync_group.check]]
exec = ["/usr/bin/test", "-e", "@DIR@/ready"]
interval = "50ms"
fall = 1

[[service]]
name = "inside"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "100ms"
priority = @PRIORITY@
on_fault = "release"
[service.notify]
any = ["@DIR@/note"]

[[service]]
name = "outside"
interface = "eth1"
virtual_router_id = 52
addresses = ["10.98.0.101/24"]
advert_interval = "100ms"
priority = @PRIORITY@
on_fault = "release"
[service.notify]
any = ["@DIR@/note"]
`

// Services of a sync group have their addresses on one node: what happens to one network, or to a check of the group, moves both.
func TestServicesOfAGroupMoveTogether(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	other, err := lab.Network("outside", netlab.NetworkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]*host{}
	for name, priority := range map[string]string{"1": "200", "2": "100"} {
		h := newHost(t, lab, "gw"+name, "10.99.0."+name+"/24")
		if _, err := h.Attach(other, "eth1", "10.98.0."+name+"/24"); err != nil {
			t.Fatal(err)
		}
		note := "#!/bin/sh\necho \"$@\" >>" + filepath.Join(h.dir, "notes") + "\n"
		if err := errors.Join(os.WriteFile(filepath.Join(h.dir, "note"), []byte(note), 0o755), os.WriteFile(filepath.Join(h.dir, "ready"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		h.configure(strings.NewReplacer("@DIR@", h.dir, "@PRIORITY@", priority).Replace(gateway))
		h.start()
		hosts[name] = h
	}
	one, two := hosts["1"], hosts["2"]
	both := func(h *host) bool { return h.holds("10.99.0.101") && h.holds("10.98.0.101") }
	none := func(h *host) bool { return !h.holds("10.99.0.101") && !h.holds("10.98.0.101") }
	moved := func(to, from *host) {
		t.Helper()
		to.until("with both addresses", 10*time.Second, func() bool { return both(to) && none(from) })
	}
	moved(one, two)
	if err := one.Port("eth1").LinkDown(); err != nil {
		t.Fatal(err)
	}
	moved(two, one)
	if err := one.Port("eth1").LinkUp(); err != nil {
		t.Fatal(err)
	}
	moved(one, two)
	if err := os.Remove(filepath.Join(one.dir, "ready")); err != nil {
		t.Fatal(err)
	}
	moved(two, one)
	if err := os.WriteFile(filepath.Join(one.dir, "ready"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	moved(one, two)
	if err := one.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	moved(two, one)
	b, err := os.ReadFile(filepath.Join(one.dir, "notes"))
	if err != nil {
		t.Fatal(err)
	}
	heard := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		heard[f[0]+" "+f[1]] = append(heard[f[0]+" "+f[1]], f[2])
	}
	want := "BACKUP MASTER FAULT BACKUP MASTER FAULT BACKUP MASTER STOP"
	for _, who := range []string{"INSTANCE inside", "INSTANCE outside", "GROUP G1"} {
		if got := strings.Join(heard[who], " "); got != want {
			t.Errorf("%s: told %q, want %q\n%s", who, got, want, one.log())
		}
	}
}
