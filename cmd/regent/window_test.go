// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/internal/netlab"
)

// Status and metrics are to be had where the file says, move with a reload, and are no reason not to serve.
func TestStatusAndMetricsAreServedWhereTheFileSays(t *testing.T) {
	netlab.Require(t, "curl")
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	text := func(listen string) string {
		return "[status]\nlisten = \"" + listen + "\"\ncompat = \"keepalived-exporter\"\n" + byHand
	}
	get := func(url string) string {
		out, err := db1.Run(t.Context(), "curl", "-sS", "-f", "--max-time", "5", url)
		if err != nil {
			return err.Error()
		}
		return out
	}
	db1.configure(text("127.0.0.1:9166"))
	db1.start()
	db1.is("orders", "ipv4", "active")
	page := get("http://127.0.0.1:9166/metrics")
	for _, want := range []string{
		`regent_state{family="ipv4",interface="eth0",service="orders",state="active",vrid="51"} 1`, "keepalived_up 1",
		`keepalived_vrrp_state{iname="orders",intf="eth0",ip_address="10.99.0.101/24",vrid="51"} 2`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not among the metrics:\n%s", want, page)
		}
	}
	if got := get("http://127.0.0.1:9166/healthz"); got != "ok\n" {
		t.Errorf("healthz: %s", got)
	}
	if got := get("http://127.0.0.1:9166/"); !strings.Contains(got, "<h1>db1</h1>") || !strings.Contains(got, "orders is active") {
		t.Errorf("page: %s", got)
	}
	if got := get("http://127.0.0.1:9166/v1/status"); !strings.Contains(got, `"state":"active"`) {
		t.Errorf("status: %s", got)
	}
	if got := get("-XPOST http://127.0.0.1:9166/v1/drain"); strings.Contains(got, "drain") && !strings.Contains(got, "exit status") {
		t.Errorf("something can be changed: %s", got)
	}
	if got := get("http://127.0.0.1:9166/v1/events?after=1"); !strings.Contains(got, `"event":"RG1101"`) || strings.Contains(got, "RG1001") {
		t.Errorf("events: %s", got)
	}
	db1.configure(text("10.99.0.1:9167"))
	db1.reload()
	if got := get("http://10.99.0.1:9167/healthz"); got != "ok\n" {
		t.Errorf("healthz after the reload: %s", got)
	}
	if got := get("http://127.0.0.1:9166/healthz"); got == "ok\n" {
		t.Error("the old listener is still there")
	}
	taken, err := db1.Listen("tcp", "127.0.0.1:9168")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	db1.configure(text("127.0.0.1:9168"))
	db1.reload()
	db1.until("a word about the port", 5*time.Second, func() bool { return db1.logged("RG1007") == 1 })
	db1.is("orders", "ipv4", "active")
}

// The events of a running daemon can be read, and followed across its restart.
func TestEventsAreFollowedAcrossARestart(t *testing.T) {
	t.Parallel()
	lab := netlab.Test(t)
	db1 := newHost(t, lab, "db1", "10.99.0.1/24")
	db1.configure(byHand)
	db1.start()
	db1.is("orders", "ipv4", "active")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "events", "--follow", "--json", "--run-dir", filepath.Join(db1.dir, "run"))
	cmd.Env = append(os.Environ(), asRegent+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 100)
	go func() {
		defer close(seen)
		for s := bufio.NewScanner(out); s.Scan(); {
			seen <- s.Text()
		}
	}()
	sees := func(name string) {
		t.Helper()
		limit := time.After(10 * time.Second)
		for {
			select {
			case line, open := <-seen:
				if !open {
					t.Fatalf("it ended before %s", name)
				}
				if strings.Contains(line, `"name":"`+name+`"`) {
					return
				}
			case <-limit:
				t.Fatalf("no %s", name)
			}
		}
	}
	sees("active")
	db1.reload()
	sees("reloaded")
	if err := db1.cmd.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	db1.start()
	sees("started")
	sees("active")
	cancel()
	cmd.Wait() //nolint:errcheck // it was ended
	list := exec.Command(os.Args[0], "events", "--recent", "--run-dir", filepath.Join(db1.dir, "run"))
	list.Env = append(os.Environ(), asRegent+"=1")
	text, err := list.CombinedOutput()
	if err != nil || !strings.Contains(string(text), "RG1101  orders is active: ") {
		t.Errorf("%v: %s", err, text)
	}
}
