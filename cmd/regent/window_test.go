// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	if got := get("http://127.0.0.1:9166/v1/status"); !strings.Contains(got, `"state":"active"`) {
		t.Errorf("status: %s", got)
	}
	if got := get("-XPOST http://127.0.0.1:9166/v1/drain"); strings.Contains(got, "drain") && !strings.Contains(got, "exit status") {
		t.Errorf("something can be changed: %s", got)
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
