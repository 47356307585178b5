// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// untouched are two services that no edit is about: of the first this node is the Active, of the second its peer.
const untouched = steady + `
[[service]]
name = "peers"
interface = "eth0"
virtual_router_id = 9
addresses = ["10.99.0.109/24"]
priority = 100
advert_interval = "100ms"
`

// edited draws the services that change from one reload to the next.
func edited(r *rand.Rand) string {
	var b strings.Builder
	for i := range 5 {
		if r.IntN(3) == 0 {
			continue
		}
		addresses := []string{fmt.Sprintf("\"10.99.1.%d/24\"", 10*i+1)}
		for n := range r.IntN(4) {
			addresses = append(addresses, fmt.Sprintf("\"10.99.1.%d/24\"", 10*i+2+n))
		}
		fmt.Fprintf(&b, "\n[[service]]\nname = \"edited%d\"\ninterface = \"eth0\"\nvirtual_router_id = %d\naddresses = [%s]\npriority = %d\nadvert_interval = \"%dms\"\n",
			i, 20+i, strings.Join(addresses, ", "), 1+r.IntN(254), 100*(1+r.IntN(5)))
		for _, line := range []string{"vmac = true", "preempt = false", "garp = { repeat = 1, delay = \"0s\" }", "accept = false", "on_fault = \"release\"",
			"excluded_addresses = [\"10.99.2.1/24\"]", "routes = [\"198.51.100.0/24 via 10.99.0.254\"]"} {
			if r.IntN(6) == 0 {
				b.WriteString(strings.Replace(line, "10.99.2.1", fmt.Sprintf("10.99.2.%d", i+1), 1) + "\n")
			}
		}
	}
	return b.String()
}

// spoilt makes a file invalid.
func spoilt(r *rand.Rand, text string) string {
	switch r.IntN(4) {
	case 0:
		return text + "[[service]\n"
	case 1:
		return strings.Replace(text, "virtual_router_id = 10", "virtual_router_id = 1000", 1)
	case 2:
		return strings.Replace(text, "advert_interval", "advert_intervall", 1)
	}
	return text + "\n[[service]]\nname = \"steady\"\ninterface = \"eth0\"\nvirtual_router_id = 77\naddresses = [\"10.99.3.1/24\"]\npriority = 3\n"
}

// soak reloads random edits for a while, some of them invalid. Nothing may happen to what no edit is about.
func soak(t *testing.T, total, every time.Duration) {
	t.Helper()
	lab := netlab.Test(t)
	db1, db2 := newHost(t, lab, "db1", "10.99.0.1/24"), newHost(t, lab, "db2", "10.99.0.2/24")
	db2.configure(strings.ReplaceAll(strings.ReplaceAll(untouched, "priority = 100", "priority = 200"), "priority = 150", "priority = 50"))
	db2.start()
	db2.is("peers", "ipv4", "active")
	db1.configure(untouched)
	db1.start()
	db1.is("steady", "ipv4", "active")
	db1.is("peers", "ipv4", "backup")
	was := map[string]uint64{}
	for _, name := range []string{"steady", "peers"} {
		v, _ := db1.service(name, "ipv4")
		was[name] = v.Counters.MasterTransitions
	}
	wire, err := lab.Capture("soak", "proto 112")
	if err != nil {
		t.Fatal(err)
	}
	stall := stalls(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	begun := time.Now()
	good, bad := 0, 0
	names := func() (list []string) {
		s, err := db1.status()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range s.Services {
			list = append(list, fmt.Sprint(v.Name, v.Addresses, v.Priority))
		}
		slices.Sort(list)
		return list
	}
	for next := begun; time.Since(begun) < total; next = next.Add(every) {
		text := untouched + edited(r)
		spoil := r.IntN(4) == 0
		var before []string
		if spoil {
			text, before = spoilt(r, text), names()
		}
		db1.configure(text)
		db1.reload()
		if spoil {
			bad++
		} else {
			good++
		}
		db1.until("reloaded or refused", 10*time.Second, func() bool { return db1.logged("RG1003") == good && db1.logged("RG1004") == bad })
		if spoil {
			// What leaves with the reload before may end meanwhile; nothing else may change.
			after := names()
			for _, line := range after {
				if !slices.Contains(before, line) {
					t.Errorf("a file that was refused brought %s; before:\n%s", line, strings.Join(before, "\n"))
				}
			}
		}
		time.Sleep(max(0, time.Until(next.Add(every)))) // the pace is what is asked for
	}
	late := stall()
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"steady", "peers"} {
		if v, _ := db1.service(name, "ipv4"); v.Counters.MasterTransitions != was[name] || v.State != map[string]string{"steady": "active", "peers": "backup"}[name] {
			t.Errorf("%s is %s, and became active %d times, before %d", name, v.State, v.Counters.MasterTransitions, was[name])
		}
	}
	adverts, err := netlab.Adverts(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	worst, over := time.Duration(0), 0
	const interval = 100 * time.Millisecond
	for _, a := range adverts {
		if a.VRID != 10 {
			continue
		}
		if a.Priority != 150 {
			t.Fatalf("an advert of priority %d for the untouched service", a.Priority)
		}
		if !last.IsZero() {
			gap := a.Time.Sub(last)
			worst = max(worst, gap)
			if gap > interval*12/10 {
				over++
			}
		}
		last = a.Time
	}
	t.Logf("%d reloads, %d refused; the longest gap between adverts is %s, %d are over 1.2 intervals (the machine was late by %s)", good, bad, worst, over, late)
	// What the machine stood still does not count.
	if good == 0 || bad == 0 || worst > interval*12/10+late {
		t.Errorf("a gap of %s between adverts, interval %s", worst, interval)
	}
}

func TestReloadsMoveNothingElse(t *testing.T) {
	t.Parallel()
	soak(t, 10*time.Second, 250*time.Millisecond)
}

// TestProofReloadsForTenMinutes is the same with a reload each second.
func TestProofReloadsForTenMinutes(t *testing.T) {
	if os.Getenv("REGENT_PROOF") == "" {
		t.Skip("a long test: REGENT_PROOF=1, or make proof")
	}
	soak(t, 10*time.Minute, time.Second)
}
