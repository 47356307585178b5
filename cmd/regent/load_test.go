// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// spoken is a service that must not be taken over; one of its ports answers in words, the others are reset.
const spoken = `
[[service]]
name = "orders"
interface = "eth0"
virtual_router_id = 51
addresses = ["10.99.0.101/24"]
advert_interval = "@INTERVAL@"
owner = "db1"
standbys = ["db2"]
takeover = "forbid"
[service.respond]
"tcp/5433" = "http"
`

// wrong starts a service on every address of a node's port, which must never be reached at the inherited one.
func (c *cast) wrong(node, port string) {
	c.t.Helper()
	h := c.hosts[node]
	cmd := h.Command(context.Background(), os.Args[0], "demo-service", "--node", node, "--port", port)
	cmd.Env = append(os.Environ(), asRegent+"=1")
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// inherited is a cluster whose owner is dead: db2 refuses, in words at one port, while a wrong service listens there.
func inherited(t *testing.T, nodes int, interval string) *cast {
	t.Helper()
	c := newCast(t, nodes, strings.Replace(spoken, "@INTERVAL@", interval, 1)).listeners()
	for name := range c.hosts {
		c.wrong(name, "5433")
	}
	c.start()
	c.answers("db1")
	c.kill("db1")
	c.answers("refused")
	return c
}

// The inheritor answers in the protocol's words where the file says so, and status counts what clients got.
func TestInheritorAnswersInWordsWhereTheFileSaysSo(t *testing.T) {
	netlab.Require(t, "curl")
	t.Parallel()
	c := inherited(t, 2, "100ms")
	out, err := c.client.Run(t.Context(), "curl", "-sS", "-i", "--max-time", "3", "http://"+virtual+":5433/")
	if err != nil || !strings.HasPrefix(out, "HTTP/1.1 503 ") || !strings.Contains(out, "orders is not available here") {
		t.Errorf("%v: %s", err, out)
	}
	v, _ := c.hosts["db2"].service("orders", "ipv4")
	if v.Answered.Answers != 1 || v.Answered.Resets == 0 || v.Mechanism != "nftables" {
		t.Errorf("status says %s, %+v", v.Mechanism, v.Answered)
	}
	if text := c.must("db2", "status"); !strings.Contains(text, "refusing by nftables: ") || !strings.Contains(text, ", 1 answers, ") {
		t.Errorf("status shows %s", text)
	}
}

// While clients storm a refused address, and its daemon is killed again and again, nobody ever reaches the service that
// listens on all addresses of the node.
func TestKilledDaemonNeverLetsTheWrongServiceAnswer(t *testing.T) {
	t.Parallel()
	c := inherited(t, 2, "100ms")
	db2 := c.hosts["db2"]
	refused := newFlood(t, c.client, "10.99.0.100", virtual, 5432, 2000)
	answered := newFlood(t, c.client, "10.99.0.100", virtual, 5433, 500)
	wrong := make(chan string, 1)
	stop, done := make(chan struct{}), make(chan struct{})
	asked := 0
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, port := range []string{":5432", ":5433"} {
				asked++
				if got := ask1(c.client, virtual+port); strings.HasPrefix(got, "db") {
					select {
					case wrong <- port + " " + got:
					default:
					}
				}
			}
		}
	}()
	for range 2 {
		time.Sleep(300 * time.Millisecond) // under load for a while
		worker := db2.worker()
		db2.kill(worker, unix.SIGKILL)
		db2.until("another worker", 20*time.Second, func() bool {
			v, ok := db2.service("orders", "ipv4")
			return ok && v.State == "active" && db2.worker() != worker
		})
	}
	worker := db2.worker()
	db2.kill(db2.cmd.Pid(), unix.SIGKILL)
	db2.kill(worker, unix.SIGKILL)
	db2.until("free of the address", 10*time.Second, func() bool { return !db2.holds(virtual) })
	db2.start()
	c.answers("refused")
	close(stop)
	<-done
	refused.end(t)
	answered.end(t)
	select {
	case got := <-wrong:
		t.Errorf("the wrong service answered at %s%s", got, c.logs())
	default:
	}
	if asked < 100 {
		t.Errorf("only %d attempts", asked)
	}
}

// Ten thousand clients that connect to a spoken port and say nothing: those beyond the limits are reset, and the memory of the
// daemon stays within its bound.
func TestSlowClientsOfSpokenPortsCostLittleMemory(t *testing.T) {
	c := inherited(t, 2, "100ms")
	db2 := c.hosts["db2"]
	before, _ := resident(t, db2.worker())
	for i := range 40 {
		if _, err := c.client.Run(t.Context(), "ip", "addr", "add", fmt.Sprintf("10.99.0.%d/24", i+150), "dev", "eth0"); err != nil {
			t.Fatal(err)
		}
	}
	const clients = 10000
	open, reset := 0, 0
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			conn.Close() //nolint:errcheck // of a client that gives up
		}
	}()
	for i := range clients {
		from := netip.AddrFrom4([4]byte{10, 99, 0, byte(i%40 + 150)})
		var conn net.Conn
		err := c.client.Do(func() (err error) {
			d := net.Dialer{Timeout: 3 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
			conn, err = d.DialContext(t.Context(), "tcp", virtual+":5433")
			return err
		})
		switch {
		case err == nil:
			held = append(held, conn)
		case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
			reset++
		default:
			t.Fatalf("client %d: %v", i, err)
		}
	}
	for _, conn := range held { // a short look: who is held, and who was reset after all
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Microsecond)); err != nil {
			t.Fatal(err)
		}
		var ne net.Error
		if _, err := conn.Read(make([]byte, 1)); errors.As(err, &ne) && ne.Timeout() {
			open++
		} else {
			reset++
		}
	}
	now, _ := resident(t, db2.worker())
	t.Logf("%d held, %d reset; memory of the daemon %d MiB before, %d MiB with them", open, reset, before>>20, now>>20)
	if open == 0 || open > 1024 || reset < clients-1024 {
		t.Errorf("%d held, %d reset: want 1024 held at most", open, reset)
	}
	if now-before > 48<<20 {
		t.Errorf("the daemon grew by %d MiB, want 48 at most", (now-before)>>20)
	}
}

// TestProofAdvertsAreOnTimeUnderLoad refuses 10,000 attempts a second for 30 s while adverts are sent each 10 ms: none may be
// late by more than half an interval, and nobody takes over. A plain rule of nftables meets the same load in the same run.
func TestProofAdvertsAreOnTimeUnderLoad(t *testing.T) {
	if os.Getenv("REGENT_PROOF") == "" {
		t.Skip("a timed test: REGENT_PROOF=1, or make proof")
	}
	const interval, perSecond, length = 10 * time.Millisecond, 10000, 30 * time.Second
	c := newCast(t, 3, strings.Replace(spoken, "@INTERVAL@", "10ms", 1))
	c.text = "realtime = true\n" + c.text
	c.listeners().start()
	c.kill("db1")
	c.answers("refused")
	db2, db3 := c.hosts["db2"], c.hosts["db3"]
	before, _ := db3.service("orders", "ipv4")
	counted, _ := db2.service("orders", "ipv4")
	wire, err := c.lab.Capture("adverts", "proto 112")
	if err != nil {
		t.Fatal(err)
	}
	load := func(target string) (sent int, cpu time.Duration) {
		f := newFlood(t, c.client, "10.99.0.100", target, 5432, perSecond)
		start := busy(t)
		time.Sleep(length)
		sent = f.end(t)
		return sent, busy(t) - start
	}
	sent, cpu := load(virtual)
	path, err := wire.Stop()
	if err != nil {
		t.Fatal(err)
	}
	after, _ := db3.service("orders", "ipv4")
	done, _ := db2.service("orders", "ipv4")
	adverts, err := netlab.Adverts(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	late, worst := 0, time.Duration(0)
	for i := 1; i < len(adverts); i++ {
		gap := adverts[i].Time.Sub(adverts[i-1].Time)
		worst = max(worst, gap)
		if gap > interval+interval/2 {
			late++
		}
	}
	resets := done.Answered.Resets - counted.Answered.Resets
	t.Logf("%d attempts, %d resets (%.0f a second), %d adverts, longest gap %v, %d late", sent, resets, float64(resets)/length.Seconds(), len(adverts), worst, late)
	if late > 0 {
		t.Errorf("%d adverts were late by more than half an interval, the latest gap %v", late, worst)
	}
	if got := after.Counters.MasterTransitions - before.Counters.MasterTransitions; got != 0 {
		t.Errorf("%d false failovers", got)
	}
	if int(resets) < sent*99/100 {
		t.Errorf("%d resets for %d attempts", resets, sent)
	}
	// The same by a plain rule, on a node without Regent.
	plain, err := c.lab.Node("plain", "10.99.0.60/24")
	if err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(c.dir, "plain.nft")
	c.write("plain.nft", "table inet plain {\n chain in { type filter hook prerouting priority -190\n ip daddr 10.99.0.60 meta l4proto tcp counter reject with tcp reset\n }\n}\n", 0o600)
	if _, err := plain.Run(t.Context(), "nft", "-f", rules); err != nil {
		t.Fatal(err)
	}
	sentPlain, cpuPlain := load("10.99.0.60")
	each, eachPlain := cpu/time.Duration(sent), cpuPlain/time.Duration(sentPlain)
	t.Logf("processor time an attempt, with the clients': %v by Regent (with three daemons and adverts), %v by a plain rule: ratio %.2f", each, eachPlain, float64(each)/float64(eachPlain))
}
