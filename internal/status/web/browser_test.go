// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/browser"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/netlab"
	"github.com/regent-ha/regent/internal/status"
)

// crowd is a node of five with a hundred services.
func crowd() *world {
	w := &world{changed: make(chan struct{}, 1), snap: status.Snapshot{Node: "db3", Started: time.Now().Add(-80 * time.Hour)}}
	for n := range 5 {
		w.snap.Nodes = append(w.snap.Nodes, status.Node{Name: fmt.Sprintf("db%d", n+1), Presence: "alive", Alive: true, Load: float64(n) * 1.7})
	}
	for i := range 100 {
		v := status.Service{
			Name: fmt.Sprintf("service-with-a-long-name-%03d", i), Family: "ipv4", Interface: "eth0", VirtualRouterID: i + 1,
			Addresses: []string{fmt.Sprintf("10.0.0.%d/24", i+1), fmt.Sprintf("2001:db8:1234:5678:9abc:def0:1234:%x/64", i)}, State: "backup", ActiveAddress: "10.0.0.251",
			EffectivePriority: 100 + i, Since: time.Now().Add(-time.Duration(i) * time.Hour), Reason: "its owner is active", Mechanism: "nftables",
		}
		switch i % 10 {
		case 0:
			v.State, v.Duty, v.ActiveAddress, v.DutyReason = "active", "serve", "", "owner, ready"
		case 1:
			v.State, v.Duty, v.ActiveAddress, v.DutyReason = "active", "refuse", "", "forbidden by its owner"
		case 2:
			v.State, v.Reason, v.ActiveAddress = "initialize", "interface eth0 is down", ""
		}
		w.snap.Services = append(w.snap.Services, v)
		w.events = append(w.events, event.Entry{Number: uint64(i + 1), Time: time.Now().Add(-time.Duration(i) * 9 * time.Second), Event: "RG1101", Service: v.Name,
			Text: v.Name + " is " + v.State, Fields: map[string]string{"family": "ipv4", "state": v.State}})
	}
	return w
}

// A hundred services of five nodes are readable on a desk and on a phone, and without scripts too.
func TestCrowdedPageIsReadableEverywhere(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "chromium")
	mux := http.NewServeMux()
	mux.Handle("/", Page(crowd().source()))
	mux.Handle("/live", Live(crowd().source()))
	server := httptest.NewServer(mux)
	defer server.CloseClientConnections()
	cmd := exec.Command("chromium", browser.Arguments(browser.Profile(t))...)
	b, err := browser.Start(cmd, cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // the test is over
	for _, screen := range []struct {
		width, height int
		phone         bool
	}{{1280, 900, false}, {390, 844, true}} {
		if err := b.Size(screen.width, screen.height, screen.phone); err != nil {
			t.Fatal(err)
		}
		if err := b.Open(server.URL); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Services, Nodes, Wide, Small int
			First                        string
		}
		if err := b.Ask(`({services: document.querySelectorAll(".service").length, nodes: document.querySelectorAll("tbody tr").length,
			wide: document.documentElement.scrollWidth, small: [...document.querySelectorAll("p, td, th, b")].filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length,
			first: document.querySelector(".service").innerText})`, &got); err != nil {
			t.Fatal(err)
		}
		if got.Services != 100 || got.Nodes < 5 || got.Small > 0 || !strings.Contains(got.First, "service-with-a-long-name-000") {
			t.Errorf("%d pixels wide: %+v", screen.width, got)
		}
		if got.Wide > screen.width {
			t.Errorf("the page is %d pixels wide on a screen of %d", got.Wide, screen.width)
		}
	}
	if err := b.Scripts(false); err != nil {
		t.Fatal(err)
	}
	if err := b.Open(server.URL); err != nil {
		t.Fatal(err)
	}
	text, err := b.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"service-with-a-long-name-099", "interface eth0 is down", "db5", "reload for what is now"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page without scripts", want)
		}
	}
}
